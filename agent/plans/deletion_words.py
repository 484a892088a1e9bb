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
    delete, remove, forget, drop, scrap, erase, discard, trash, kill, get rid of, throw away, throw out,
    lösche, lösch, entferne, entfern, streiche, streich, vergiss, verwirf,
    supprime, supprimez, supprimer, efface, effacez, effacer, enlève, enlevez, enlever, retire, retirez,
    retirer, oublie, oubliez, oublier,
    elimina, elimine, eliminar, borra, borre, borrar, quita, quite, quitar, olvida, olvide, olvidar,
    cancella, cancellare, eliminare, rimuovi, rimuovere, togli, togliere, dimentica, dimenticare,
    apaga, apague, apagar, exclui, exclua, excluir, remova, remover, esquece, esqueça, esquecer,
    verwijder, schrap, vergeet,
    удали, удалите, удалить, сотри, сотрите, убери, уберите, забудь, забудьте
    """
)
FORGET_THAT = (
    "forget that ",
    "forget about ",
    "vergiss, dass ",
    "oublie que ",
    "olvida que ",
    "dimentica che ",
)
LAST = _phrases(
    "löschen, entfernen, streichen, vergessen, verwerfen, verwijderen, schrappen, vergeten"
)
AROUND = (("throw", "away"), ("throw", "out"), ("wirf", "weg"), ("gooi", "weg"))
UNSPACED_FIRST = re.compile(r"^(?:请|請|把)*(?:删除|刪除|移除|删掉|忘记|忘掉)(.+)$")
UNSPACED_LAST = re.compile(
    r"^(?:请|請)?(?:把|将)?(.+?)(?:删除|刪除|删掉|移除|を(?:削除|消去)(?:して(?:ください)?)?|"
    r"を消して(?:ください)?|を忘れて(?:ください)?|[을를]?\s*(?:삭제해?(?:줘|주세요|하세요)?|지워(?:줘|주세요)?))$"
)
UNSPACED_KIND = re.compile(r"任务|任務|记忆|記憶|タスク|の|작업|할 일|태스크")

# Words for the kinds of objects. A clause with those of one kind means no object of the other.
KINDS = {
    "task": _words(
        """
        task tasks todo to-do ticket tickets aufgabe aufgaben tâche tâches tache tarea tareas
        compito compiti attività tarefa tarefas taak taken задачу задача
    """
    ),
    "memory": _words(
        """
        memory memories decision decisions preference preferences fact facts note notes erinnerung
        entscheidung notiz souvenir décision recuerdo decisión nota ricordo decisione lembrança
        decisão herinnering beslissing notitie решение заметку
    """
    ),
}
# Other words that change nothing: politeness, articles, and the like.
PASSED_OVER = _words(
    """
    please pls kindly just now ok okay then so thanks the a an this that these our my your of about item entry
    named called titled number again for good completely entirely immediately right
    bitte mal jetzt sofort die der das den dem diese diesen dieses unsere unseren meine meinen eintrag gleich
    wieder endgültig namens
    s'il te vous plaît plait svp la le les cette ce cet notre mon ma maintenant de
    por favor el los las esta este nuestra nuestro mi ahora llamada llamado del
    per il lo gli i questa questo nostra nostro mia mio adesso ora chiamata chiamato di
    o os as esse essa nossa nosso minha meu agora da do
    alsjeblieft alstublieft het een deze dit onze mijn nu
    пожалуйста сейчас эту это
    """
).union(*KINDS.values())
ELIDED = re.compile(r"^(?:l|d|c|s|un)['’]")  # before a vowel: "l'étape", "dell'…" is not understood
FROM_THE_BOARD = re.compile(
    r"\b(?:from|off|on|in|vom|aus|von|auf|du|del|dal|dalla|della|do|van|с|из) "
    r"(?:(?:the|my|our|this|dem|der|unserem|diesem|le|la|ce|el|este|il|lo|questo|het|dit) )?"
    r"(?:board|list|project|backlog|memory|brett|liste|projekt|tableau|projet|tablero|lista|proyecto|"
    r"bacheca|progetto|quadro|projeto|bord|lijst|доски|проекта)$"
)
# Before the command.
WISH = re.compile(
    r"^(?:(?:and|also|then|now|ok|okay|hi|hello|hey|thanks|please|bitte|dann|nun|puis|alors|"
    r"s['’]il (?:te|vous) pla[iî]t|por favor|ahora|entonces|per favore|ora|poi|agora)\b[ ,!]*)*"
    r"(?:(?:i want (?:you )?to|i(?: would|['’]d) like (?:you )?to|"
    r"go ahead and|let['’]?s|you (?:can|may)|ich (?:will|möchte)|du kannst|je (?:veux|voudrais)|"
    r"tu peux|quiero|puedes|voglio|vorrei|puoi|quero|podes|você pode)\b )?(?:(?:please|now|just)\b )*"
)
# In what follows the command, or anywhere: words that take it back, restrict it, or report it.
QUESTION = re.compile(r"[?？؟¿]")
BUT = re.compile(
    r"(?<![\w])(?:"
    r"not|no|never|without|don['’]?t|doesn['’]?t|didn['’]?t|won['’]?t|can['’]?t|isn['’]?t|no longer|cannot|"
    r"but|instead|except|only|rather|unless|if|when|until|once|while|wait|later|tomorrow|maybe|perhaps|"
    r"should|would|could|might|keep|stays?|leave|undo|restore|against|said|says?|wrote|writes|asks?|asked|"
    r"told|tells?|thinks?|means?|before|after|"
    r"nicht|nie|niemals|ohne|kein\w*|aber|sondern|statt|stattdessen|außer|nur|falls|wenn|sobald|bis|später|"
    r"morgen|vielleicht|sollte\w*|würde\w*|könnte\w*|behalt\w*|lass|sagt\w*|schrieb|schreibt|fragt\w*|"
    r"meint\w*|gegen|bevor|nachdem|"
    r"ne|n['’]\w+|pas|jamais|sans|mais|sauf|seulement|plutôt|si|quand|lorsque|dès|jusqu\w*|demain|"
    r"peut-être|devrai\w*|garde\w*|laisse\w*|dit|écrit|demande\w*|contre|avant|après|"
    r"nunca|jamás|sin|pero|excepto|salvo|sólo|solo|sino|cuando|hasta|mañana|quizás|tal vez|deber\w*|"
    r"deja\w*|conserva\w*|mant\w+|dice|dijo|escribi\w+|pregunt\w+|contra|antes|después|"
    r"non|mai|senza|ma|tranne|solo|soltanto|invece|se|quando|finché|domani|forse|dovre\w*|tieni|lascia\w*|"
    r"detto|scrisse|scritto|chied\w+|contro|prima|dopo|"
    r"não|nunca|sem|mas|exceto|apenas|talvez|dever\w*|mantém|deixa\w*|disse|escreveu|"
    r"niet|nooit|zonder|geen|maar|behalve|alleen|als|wanneer|tot|misschien|zou|houd\w*|laat|zei|schreef|"
    r"не|никогда|без|но|кроме|только|если|когда|пока|завтра|оставь|сказал\w*"
    r")(?![\w])|不要|别|別|勿|但|しないで|없이|하지 ?마"
)
SENTENCE_END = re.compile(
    r"[.!](?=\s|$)|[;\n。！；,、，]|\s[-–—]\s|\s(?:and|then|und|dann|et|puis|y|luego|poi|en|и)\s"
)
