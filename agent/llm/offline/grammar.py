"""The grammar of the offline model: every form that it understands, with an example.

Above its forms stands an intent; behind a slash what is done for it, if that has another name; and the
value that the words mean, if any. A form is a pattern (`matching` explains them), an example, and
sometimes an answer. Forms are tried from the top. In an example `{task}`, `{other}` and `{memory}`
stand for a task or a memory of the project.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.llm.offline.vocabulary import word_set

# Words with a name, so that they need not be repeated: `<task>` is what stands here under "task".
_NAMED = {
    "a_task": "[me|us] [a|an|one|another|the] [new] [<level>] <task> [<board>]",
    "create": "create|add|make|open|i_need|we_need|i_want|we_want",
    "these": "[me|us] [the|these|this] [following]",
    "level": "{priority} [priority|prio]",
    "tasks": "tasks|tickets|todos|to-dos|to_dos|cards|issues",
    "task": "task|ticket|todo|to-do|to_do|card|issue",
    "subtask": "subtask|sub-task",
    "delete": "delete|remove|drop|discard|erase|get_rid_of",
    "decide": "decide|decided|agree|agreed [so_far]",
    "about": "about|for|on|with|mentioning|regarding",
    "show": "show|list|display|give",
    "all": "[me|us] [all] [of] [the|my|our|your]",
    "what_is": "what_is|what's|whats|what_are",
    "we_are": "i'm|i_am|we're|we_are [now|currently|all]",
    "we_have": "<we> [also|now|just|finally|already]",
    "let_us": "let's|lets|let_us|we'll|i'll|we_will|i_will|we're_going_to|we_are_going_to",
    "we": "we|i|we've|i've|we_have|i_have|the_team|our_team",
    "is_not": "isn't|is_not|is_no_longer|aren't|are_not|are_no_longer",
    "board": "to_the_board|on_the_board|to_the_list",
    "memory": "memory|memories|decision|decisions|preference|preferences|fact|facts|note|notes",
    "now": "[still|now|already|currently|yet|again|right_now|so_far]",
    "there": "[are_there|do_we_have|do_i_have|are_left]",
    "anymore": "[anymore|any_more|any_longer|now]",
}


@dataclass(frozen=True, slots=True)
class Form:
    intent: str
    does: str  # the method of `PlanMaker`
    value: str  # the status, priority, place or kind that the words mean
    pattern: str
    example: str
    answer: str  # where words are all that it gets; the row above has it too when this has none


def _forms(table: str) -> Iterator[Form]:
    for line in table.replace("\\\n", " ").strip().splitlines():
        if not line.startswith(" "):
            head, _, value = line.rstrip(":").partition(" ")
            intent, _, does = head.partition("/")
            answer = ""
            continue
        pattern, _, example = " ".join(line.split()).partition(" -> ")
        for name, words in _NAMED.items():
            pattern = pattern.replace(f"<{name}>", words)
        example, _, said = example.partition(" => ")
        answer = said or answer
        yield Form(intent, does or intent, value, pattern, example, answer)


# Memories and dependencies come before tasks, which are deleted in other words.
_FORMS = """
help/talk:
  help [me] -> Help => I am the built-in offline planner: a set of rules, not a language model. I carry a \
      message out when I understand all of it, and say what I don't. Several sentences may follow each \
      other, with “and” or “then” between them; names may be in quotes. You can say:
  what can|do you|i do|say|understand [here] -> What can you do?
talk:
  hello|hi|hey|good_morning|good_afternoon|good_evening [there|again|all] -> Hello \
      => Hello! Tell me what is to be done and what you have decided; I keep the board and the memory.
  thanks|thank_you|thx|many_thanks [again|you] [a_lot|so_much|very_much] -> Thank you => You're welcome!
  [that's] ok|okay|great|good|cool|perfect|nice|fine|excellent|well_done|got_it [work] -> Perfect => Good.
  never_mind|nevermind|forget_it|nothing|none|cancel -> Never mind => All right, nothing was changed.
project/talk:
  <we_are> building|developing|creating|making|planning {text} -> We're building a booking app \
      => Good to know what you are building. I keep nothing of it by myself; the project's description is \
      changed in the admin. What is to be done? For example “[I need: 1. sign-up 2. login](#say)”.
  i|we|i'd|we'd want|plan|would_like|like to build|develop|make|launch {text} -> I want to build a shop
create:
  <create> <a_task> [to|called|named|titled|about|:] {title} -> Create a task to test the login flow
  <create> <a_task> for {purpose:title} -> Create a task for the landing page
  new <task> [<board>] [to|called|named|about|:] {title} -> New task: buy a domain
another/create:
  one|a|another [new] <task> [to|called|named|:] {title} -> Add a task to paint and a task to draw
  one|a|another [new] [<task>] for {purpose:title} -> Add a task for logos and one for fonts
create_all/create:
  <create> <these> [{number}] [new] <tasks> [<board>] [for|to] [:] {items} -> Create tasks: paint, draw
  <create> <these> [features|things] : {items} -> Add the following: terms page, cookie banner
  <tasks>|features|requirements|user_stories : {items} -> Tasks: landing page, contact form
  [the|our] users|people|customers should|must|can be_able_to : {items} \
      -> Users should be able to: sign up, log in
subtask/create:
  <create> [a|an] <subtask> of|for|to|under {parent} called|to|: {title} -> Create a subtask of {task}: draw
  add|create {title} as [a] <subtask> of|to|under {parent} -> Add “check the logs” as a subtask of {task}
subtasks/create:
  break|split {parent} [down|up] into [:] {items} -> Break {task} down into: draft, review
remember:
  remember|note|keep_in_mind|don't_forget|do_not_forget that|:|, {text} -> Remember that we test on Firefox
switch/remember:
  <we_have> switched|moved|migrated|changed from {old} to {new} -> We switched from Bootstrap to Tailwind
  <we_have> replaced {old} with|by {new} -> We replaced Jenkins with GitHub Actions
decide/remember not:
  <we_have> decided|agreed|opted against|not_to [use|using] {old} -> We decided not to use Redis
  <we> no_longer|don't|do_not use {old} <anymore> -> We no longer use Docker
decide/remember:
  <we_have> decided|agreed|settled to|that|on|for|upon [use|go_with] {what} -> We decided to use PostgreSQL
  <we_have> chose|chosen|picked|selected {what} -> We chose Stripe for payments
  <let_us> use|go_with|stick_with|stick_to {what} -> Let's go with Celery
  [the|our] decision|decided is|: [to|that] [use] {what} -> Our decision is to host it ourselves
prefer/remember:
  <we> [really|strongly|also] prefer [to] {what} -> I prefer short functions
forget:
  <delete>|forget [the|my|our] <memory> [about|on|of|called|that|:] {memory} -> Delete the memory {memory}
  forget [about|that] {memory} -> Forget {memory}
status:
  set|change [the] status of|for {tasks} [back] to|as {status} -> Set the status of {task} to blocked
  mark|set|change|move|put|switch {tasks} [back] [as|to|:] [being] {status} [now|again] -> Mark {task} as done
  it's|that's [now|already] {state:status} [now] -> Start {task}. It's done
  {tasks} is|are [now|already] {state:status} [now] -> {task} is in progress
status completed:
  complete|finish|close|resolve|check_off|tick_off {tasks} -> Finish {task}
  <we> [just|already|now] finished|completed|done|closed {tasks} -> I finished {task}
status in_progress:
  start|begin [working_on|work_on|with|on] {tasks} [now] -> Start working on {task}
status cancelled:
  cancel {tasks} -> Cancel {task}
status blocked:
  block|pause {tasks} -> Block {task}
unblock/status pending:
  unblock {tasks} -> Block {task}, then unblock it
  {tasks} <is_not> [longer] blocked|stuck|on_hold <anymore> -> {task} isn't blocked anymore
reopen/status pending:
  reopen|re-open {tasks} -> Finish {task}, then reopen it
priority:
  set|change [the] priority|prio of|for {tasks} to {priority} -> Set the priority of {task} to low
  mark|set|change|make|give|flag {tasks} [to|as|a] <level> -> Set {task} to high priority
  {tasks} is|are|has|have [now] [a] <level> -> {task} is urgent
assign:
  give|assign {tasks} to {who} [[,] due|until|by [on] {day}] -> Give {task} to me, due next Friday
  {tasks} is_due|are_due [on|by] {day} -> {task} is due tomorrow
  set|change|move [the] due_date of|for {tasks} to {day} -> Set the due date of {task} to 2030-12-04
rename:
  rename {task} to|as|into {title} -> Rename {task} to “Another name”
release/depend:
  {tasks} no_longer depends|depend|waits|wait on|for {on} -> {task} no longer depends on {other}
  {tasks} doesn't|don't|does_not depend_on|wait_for {on} <anymore> -> {task} doesn't depend on {other} now
depend:
  {tasks} [also|now] depends|depend|waits|wait [also|now] on|for {on} -> {task} depends on {other}
  {tasks} is|are [also|now] blocked_by|waiting_for {on} -> {task} is blocked by {other}
  {tasks} can't|cannot start|begin until|before {on} is|are done|finished \
      -> {task} can't start until {other} is done
  {on} has_to|must|needs_to|should come|happen|be_done before {tasks} -> {task} has to be done before {other}
  make|let {tasks} [also] depend_on {on} -> Make {task} depend on {other}
nest:
  make {tasks} [a] <subtask>|subtasks|sub-tasks|part of {parent} -> Make {task} a subtask of {other}
  move|put|nest {tasks} under|into|inside {parent} -> Move {task} under {other}
move:
  move|put {task} [directly|right] {side} {other} -> Move {task} before {other}
  move|put {task} [to] [the] [very] {place} [of_the_board|one|one_place] -> Move {task} to the top
delete:
  <delete>|clear {tasks} [from_the_board|from_the_list|from_the_backlog] -> Delete {task}
undo:
  undo|revert [that|this|it] -> Undo that
  undo|revert|take_back [the|your|these|those] [last|latest] change|changes|message -> Undo the last changes
  take that|it|this back -> Take that back
undo object:
  undo|revert [the] [last|latest] change|changes of|to|on|in {task} -> Undo the last change of {task}
reason:
  because {text} -> Delete {task} because nobody wants it
  [the] {who} [has|have] dropped|cancelled|canceled|rejected it|them|that -> Drop {task}, Anna rejected it
list:
  <what_is> <now> {listed} <now> [on_the_board|to_do] -> What is open?
  what|which|how_many <tasks>|things|ones are|is <now> {listed} <now> -> Which tasks are blocked?
  what_are|how_many|<show> <all> {listed} <tasks> <there> -> Show the completed tasks
list open:
  what_are|how_many|<show> <all> <tasks> <there> [<board>] -> List all tasks
  <show>|<what_is> [on] <all> board|list|backlog -> Show me the board
find:
  find|<show> <all> [any] <tasks>|<task> <about> {topic} -> Find tasks about login
ready/about:
  <what_is>|what_comes [up] next [on_the_board|to_do] -> What is next?
  what should|can|shall|could i|we do|work_on|start_with [next|now|first|today] -> What should I do next?
needs/about:
  what|which [<task>|<tasks>] does {task} depend_on|wait_for|need -> What does {task} depend on?
  what is_blocking|blocks {task} -> What blocks {task}?
  why is {task} [still] blocked|waiting|stuck -> Why is {task} blocked?
  can i|we start|begin|do [with|working_on] {task} [now|already] -> Can I start {task}?
needed_by/about:
  what|which_tasks|which_task depends|depend|waits|wait on|for {task} -> What depends on {task}?
changed:
  what [has|have] [been] changed|happened [lately|recently] -> What changed?
  what [has|have] [been] changed|happened since|within|over {text:since} -> What changed since yesterday?
  what [has|have] [been] changed|happened [in] {since} -> What changed this week?
history:
  what [has|have] [been] changed|happened in|on|to|of|with {task} -> What changed in {task}?
  what_is|what's|show|show_me|tell_me [the] history of {task} -> Show the history of {task}
  who changed|edited {task} [last] -> Who changed {task}?
about:
  [<what_is>] [the] status|state|priority|prio|description of {task} -> What is the status of {task}?
  is|are {task} {state} [yet|already|now] -> Is {task} done?
  how_far_is|how_far_are|tell_me_about|tell_me_more_about|show|show_me {task} -> Tell me about {task}
known decision:
  what did|have we|i|you [ever|already] <decide> [<about>] [{topic}] -> What did we decide about the database?
  what|which {topic} did|have we|i choose|chosen|pick|decide_on|agree_on -> Which database did we choose?
known:
  what do|did you|we|i know|remember|have <now> [<about> {topic}] -> What do you know about tests?
  what_are|<show> <all> {kind} [<about>] [{topic}] -> List the decisions about hosting
detail:
  {title} [,] with [a] {priority} priority|prio -> Create a task to renew the pages with high priority
  {title} , <level> -> Create a task to clean up, low priority
  {title} [,] [and] that|which depends_on {on} -> Create a task to tell the press that depends on {task}
"""

# A form that begins with a name comes last: the name might take the words of another one.
_SORTED = sorted(_forms(_FORMS), key=lambda form: form.pattern.startswith("{"))
FORMS = tuple(form for form in _SORTED if form.intent != "detail")
# What may be said of a new task behind its title.
DETAILS = tuple(form for form in _SORTED if form.intent == "detail")
QUESTIONS = word_set("needs needed_by about list find ready known changed history")
STATEMENTS = word_set("remember decide switch prefer project")
CREATING = word_set("create another subtask")
LISTING = word_set("create_all subtasks")
