"""The words by which `deletion_requests` reads a command. A word that is missing here, or in another
language, costs an unnecessary approval.
"""

from __future__ import annotations

import re


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _phrases(listed: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in listed.split(",")]


# Phrases that a command begins with, and ends with, around the name.
FIRST = _phrases(
    """
    delete, remove, forget that, forget, drop, scrap, erase, discard, trash,
    get rid of, throw away, throw out,
    lösche, lösch, entferne, entfern, streiche, streich, vergiss, verwirf,
    supprime, supprimez, supprimer, efface, effacez, effacer, enlève, enlevez, enlever, oublie,
    oubliez, oublier,
    elimina, elimine, eliminar, borra, borre, borrar, quita, quitar, olvida, olvide, olvidar,
    cancella, cancellare, eliminare, rimuovi, rimuovere, togli, togliere, dimentica, dimenticare,
    apaga, apague, apagar, exclui, exclua, excluir, remova, remover, esquece, esqueça, esquecer,
    verwijder, schrap, vergeet,
    удали, удалите, удалить, сотри, сотрите, убери, уберите, забудь, забудьте
    """
)
# Of these phrases, which only memories are deleted with.
FORGETTING_THAT = frozenset({"forget that"})
FORGETTING = FORGETTING_THAT | {
    *("forget", "vergiss", "oublie", "oubliez", "oublier", "olvida", "olvide", "olvidar"),
    *(
        "dimentica",
        "dimenticare",
        "esquece",
        "esqueça",
        "esquecer",
        "vergeet",
        "забудь",
        "забудьте",
    ),
}
LAST = _phrases("löschen, entfernen, verwijderen, schrappen")
AROUND = (("throw", "away"), ("throw", "out"), ("wirf", "weg"), ("gooi", "weg"))
UNSPACED_FIRST = re.compile(r"^(?:请|請|把)*(?:删除|刪除|移除|删掉|忘记|忘掉)(.+)$")
UNSPACED_LAST = re.compile(
    r"^(?:请把|請把|把|将)?(.+?)(?:删除|刪除|删掉|移除|を(?:削除|消去)(?:して(?:ください)?)?|"
    r"を消して(?:ください)?|を忘れて(?:ください)?|[을를]?\s*(?:삭제해?(?:줘|주세요|하세요)?|지워(?:줘|주세요)?))$"
)
UNSPACED_KIND = re.compile(r"任务|任務|记忆|記憶|タスク|の|작업|할 일|태스크")

# Words for the kinds of objects, in the singular. With two of them, it is not clear which object is meant.
KINDS = {
    "task": _words(
        "task todo to-do ticket aufgabe tâche tache tarea compito attività tarefa taak задачу задача"
    ),
    "memory": _words(
        """
        memory decision preference fact note erinnerung entscheidung notiz souvenir décision recuerdo
        decisión nota ricordo decisione lembrança decisão herinnering beslissing notitie решение заметку
        """
    ),
}
# Names of fields: as a title, they need a kind beside them.
FIELDS = _words(
    "label labels description comment comments assignee estimate priority status subtasks"
) | {
    *("due date", "dependencies", "title", "checklist", "acceptance criteria"),
}
POLITE = _words(
    """
    please pls kindly thanks thank you bitte danke svp merci gracias grazie obrigado obrigada alsjeblieft
    alstublieft dank пожалуйста спасибо
    """
)
# Other words that change nothing: articles and the like.
PASSED_OVER = (
    POLITE
    | _words(
        """
        just now then so the a an this these our my your item entry named called
        mal jetzt sofort die das den diese diesen dieses unsere unseren meine meinen eintrag
        s'il te vous plaît plait la le les l cette ce cet notre mon ma maintenant
        por favor el los las esta este nuestra nuestro mi ahora llamada llamado
        per favore il lo gli i questa questo nostra nostro mia mio adesso ora chiamata chiamato
        o os as esse essa nossa nosso minha meu agora
        het een deze dit onze mijn nu
        сейчас эту это
        """
    )
).union(*KINDS.values())
POLITE_END = re.compile(rf"(?: (?:{'|'.join(sorted(POLITE))}))+$")
FROM_THE_BOARD = re.compile(
    r" (?:from|off|vom|von|du|del|dal|dalla|do|с) "
    r"(?:(?:the|my|our|this|dem|unserem|diesem|le|la|ce|el|este|il|lo|questo|het|dit) )?"
    r"(?:board|brett|tableau|tablero|bacheca|quadro|bord|доски)$"
)
# Before the command.
WISH = re.compile(
    r"^(?:(?:and|also|then|now|ok|okay|yes|hi|hello|hey|thanks|please|pls|bitte|hallo|dann|nun|puis|alors|"
    r"s['’]il (?:te|vous) pla[iî]t|por favor|ahora|entonces|per favore|ora|poi|agora)\b[ ,!]*)*"
    r"(?:(?:i want (?:you )?to|i(?: would|['’]d) like (?:you )?to|"
    r"go ahead and|let['’]?s|you (?:can|may)|ich (?:will|möchte)|du kannst|je (?:veux|voudrais)|"
    r"tu peux|quiero|puedes|voglio|vorrei|puoi|quero|podes|você pode)\b )?(?:(?:please|now|just)\b )*"
)
# What may follow the command: why the object is not needed. Not who said so, nor anything else.
_NOT_NEEDED = (
    r"(?:obsolete|outdated|a (?:double|duplicate)|(?:not|no longer) needed(?: any ?more)?)"
)
REASON = re.compile(
    r"\s*[,.]\s*(?:because |since )?(?:"
    r"(?:the|our) [\w-]+ (?:dropped|cancell?ed|withdrew) (?:it|that)"
    r"|(?:we|they) (?:dropped|cancell?ed|withdrew) (?:it|that)"
    r"|(?:we|they) (?:no longer need|do(?:n['’]t| not) need) (?:it|that)(?: any ?more)?"
    rf"|(?:it['’]s|it is) {_NOT_NEEDED}|(?:a|the) (?:double|duplicate)"
    r")[\s.!]*$"
)
