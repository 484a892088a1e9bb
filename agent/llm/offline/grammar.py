"""The grammar of the offline model: every form that it understands, with an example.

Above its forms stands an intent, for which `PlanMaker` has a method, with the value that the words
mean, if any. A form is a pattern (`matching` explains them), an example, and sometimes an answer.
Forms are tried from the top. In an example `{task}`, `{other}` and `{memory}` stand for a task or a
memory of the project.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Words with a name, so that they need not be repeated: `<task>` is what stands here under "task".
_NAMED = {
    "a_task": "[me|us] [a|an|one|another|the] [new] [<level>] <task> [<board>]",
    "create": "create|add|make|open|i_need|we_need|i_want|we_want",
    "these": "[me|us] [a_list_of] [the|these|this] [following]",
    "level": "{priority} [priority|prio]",
    "tasks": "tasks|tickets|todos|to-dos|to_dos|cards|issues",
    "task": "task|ticket|todo|to-do|to_do|card|issue",
    "subtasks": "subtasks|sub-tasks",
    "a_subtask": "[a|an] [new] <subtask>",
    "subtask": "subtask|sub-task",
    "to": "of|for|to|under|in",
    "part": "subtask|subtasks|sub-task|sub-tasks|child|children|part",
    "set": "mark|set|change|move|put|switch",
    "delete": "delete|remove|drop|discard|erase|get_rid_of",
    "decide": "decide|decided|agree|agreed [so_far]",
    "find": "find|search|search_for|look_for",
    "about": "about|for|on|with|mentioning|regarding",
    "show": "show|list|display|give",
    "all": "[me|us] [all] [of] [the|my|our|your]",
    "what_is": "what_is|what's|whats|what_are",
    "we_are": "i'm|i_am|we're|we_are [now|currently|all]",
    "we_have": "<we> [also|now|just|finally|all|already|both|really|strongly]",
    "let_us": "let's|lets|let_us|we'll|i'll|we_will|i_will|we're_going_to|we_are_going_to",
    "we": "we|i|we've|i've|we_have|i_have|the_team|our_team",
    "is_not": "isn't|is_not|is_no_longer|aren't|are_not|are_no_longer",
    "does_not": "does_not|doesn't|do_not|don't",
    "not": "no_longer|not|don't|do_not",
    "board": "to_the_board|on_the_board|to_the_list|on_the_list|to_the_backlog|to_my_list|to_our_list",
    "list": "board|backlog|list|todo_list|to-do_list|plate",
    "memory": "memory|memories|decision|decisions|preference|preferences|fact|facts|note|notes",
    "note": "note|memorize|memorise|keep_in_mind|bear_in_mind|don't_forget|do_not_forget|make_a_note",
    "now": "[still|now|already|currently|yet|again|right_now|so_far]",
    "there": "[are_there|do_we_have|do_i_have|are_left]",
    "done": "[is|are|has_been|have_been] [done|finished|complete|completed]",
    "anymore": "[anymore|any_more|any_longer|now]",
}


@dataclass(frozen=True, slots=True)
class Form:
    intent: str
    value: str  # the status, priority, place or kind that the words mean
    pattern: str
    example: str
    answer: str  # where words are all that it gets; the row above has it too when this has none


def _forms(table: str) -> Iterator[Form]:
    for line in table.replace("\\\n", " ").strip().splitlines():
        if not line.startswith(" "):
            intent, _, value = line.rstrip(":").partition(" ")
            answer = ""
            continue
        pattern, _, example = line.partition(" -> ")
        for name, words in _NAMED.items():
            pattern = pattern.replace(f"<{name}>", words)
        example, _, said = example.partition(" => ")
        answer = " ".join(said.split()) or answer
        yield Form(intent, value, pattern.strip(), " ".join(example.split()), answer)


# Memories and dependencies come before tasks, which are deleted in other words.
_FORMS = """
help:
  help [me] -> Help => I am the built-in offline planner: a set of rules, not a language model. I carry a \
      message out when I understand all of it, and say what I don't. Several sentences may follow each \
      other, with “and” or “then” between them; names may be in quotes. You can say:
  what can|do you|i do|say|understand [here] -> What can you do?
  how does this|it work -> How does this work?
talk:
  hello|hi|hey|good_morning|good_afternoon|good_evening [there|again|all] -> Hello \
      => Hello! Tell me what is to be done and what you have decided; I keep the board and the memory.
  how are you [doing] [today] -> How are you? => Ready. What is to be done?
  thanks|thank_you|thx|many_thanks [again|you] [a_lot|so_much|very_much] -> Thank you => You're welcome!
  [that's] ok|okay|great|good|cool|perfect|nice|fine|excellent|well_done|got_it [work] -> Perfect => Good.
  never_mind|nevermind|forget_it|nothing|none|cancel -> Never mind => All right, nothing was changed.
  bye|goodbye|good_bye|see_you [later|soon] -> Goodbye => Goodbye! Everything is kept.
project:
  <we_are> building|developing|creating|making|planning {text} -> We're building a booking app \
      => Good to know what you are building. I keep nothing of it by myself; the project's description is \
      changed in the admin. What is to be done? For example “[I need: 1. sign-up 2. login](#say)”.
  i|we|i'd|we'd want|plan|would_like|like to build|develop|make|launch {text} -> I want to build a shop
  [our|the|this|my] project|app|product is|will_be a|an {text} -> Our product is a shop for used books
create:
  <create> <a_task> [to|called|named|titled|about|:] {title} -> Create a task to test the login flow
  <create> <a_task> for {purpose:title} -> Create a task for the landing page
  new <task> [<board>] [to|called|named|about|:] {title} -> New task: buy a domain
  task|todo|to-do : {title} -> Todo: call the clinic
  <create> [a|an] [new] [<level>] {label:title} <task> [<board>] -> Add a payment task
  add|put {title} to|on|onto the|our|my board|backlog|list|tasks -> Put a privacy page on the board
another:
  one|another|another_one to|called|named {title} -> Add a task to plan, then one to build
  one|a|another [new] <task> [to|called|named|:] {title} -> Add a task to paint and a task to draw
  one|a|another|another_one [new] [<task>] for {purpose:title} -> Add a task for logos and one for fonts
create_all:
  <create> <these> [{number}] [new] <tasks> [<board>] [for|to] [:] {items} -> Create tasks: paint, draw
  <tasks>|features|requirements|user_stories : {items} -> Tasks: landing page, contact form
  <create> <these> [features|things] : {items} -> Add the following: terms page, cookie banner
require:
  {who} should|must|can|need_to be_able_to : {items} -> Users should be able to: sign up, log in
  {who} should|must|need_to be_able_to {title} -> Users should be able to reset their password
subtask:
  <create> <a_subtask> <to> {parent} called|named|to|: {title} -> Create a subtask of {task}: write the tests
  <create> <a_subtask> [called] {quotation:title} <to> {parent} -> Add a subtask “read the law” to {task}
  <create> <a_subtask> [called|named|to|:] {title} -> Start {task} and add a subtask to measure
  add|create {title} as [a] <subtask> of|to|under {parent} -> Add “check the logs” as a subtask of {task}
subtasks:
  <create> <subtasks> <to> {parent} : {items} -> Add subtasks to {task}: form, email
  break|split {parent} [down|up] into [:] {items} -> Break {task} down into: draft, review
  <create> <subtasks> : {items} -> Create a task to ship, then create subtasks: build, upload
remember:
  remember|<note>|take_note|note_down|for_the_record that|:|, {text} -> Remember that we test on Firefox
  remember|note {statement:text} -> Remember our clinic opens at 8
switch:
  <we_have> switched|moved|migrated|changed from {old} to {new} -> We switched from Bootstrap to Tailwind
  <we_have> replaced {old} with|by {new} -> We replaced Jenkins with GitHub Actions
decide not:
  <we_have> decided|agreed|opted against|not_to [use|using] {old} -> We decided not to use Redis
  <we> no_longer|don't|do_not use {old} <anymore> -> We no longer use Docker
decide:
  <we_have> decided|agreed|settled to|that|on|for|upon [use|go_with] {what} -> We decided to use PostgreSQL
  <we_have> chose|chosen|picked|selected {what} -> We chose Stripe for payments
  <we_have> switched|migrated to {what} -> We switched to Fastmail
  <let_us> use|go_with|stick_with|stick_to {what} -> Let's go with Celery
  [the|our] decision|decided is|: [to|that] [use] {what} -> Our decision is to host it ourselves
prefer:
  <we>|we'd|i'd|we_would|i_would [really|strongly] rather|prefer [to] {what} -> I prefer short functions
  [my|our] preference is|: [to|that] {what} -> Preference: tabs over spaces
prefer habit:
  [<we>] always|never|usually|normally|generally {what} -> We always review pull requests
revise:
  update|change|correct [the] <memory> [about|on] {memory} to [:] {text} -> Change the memory {memory} to: New
forget:
  <delete>|forget [the|my|our] <memory> [about|on|of|called|that|:] {memory} -> Delete the memory {memory}
  forget [about|that] {memory} -> Forget {memory}
status:
  set|change [the] status of|for {tasks} [back] to|as {status} -> Set the status of {task} to blocked
  set|change {tasks} status [back] to {status} -> Change {task} status to blocked
  set|mark as {status} [:] {tasks} -> Mark as done: {task}
  <set> {tasks} [back] [as|to|:] [being] {status} [now|again] -> Mark {task} as done
  it's|that's [now|already] {state:status} [now] -> Start {task}. It's done
  {tasks} is|are [now|already] {state:status} [now] -> {task} is in progress
status completed:
  complete|finish|close|resolve|check_off|tick_off {tasks} -> Finish {task}
  <we> [just|already|now] finished|completed|done|closed {tasks} -> I finished {task}
  <we_are> done|finished with {tasks} -> We're done with {task}
status in_progress:
  start|begin [working_on|work_on|with|on] {tasks} [now] -> Start working on {task}
  <we_are> working_on {tasks} [now] -> I'm working on {task}
  <we> [just|now] started [working_on|on|with] {tasks} -> I started {task}
status blocked:
  block|pause {tasks} -> Block {task}
unblock pending:
  unblock {tasks} -> Block {task}, then unblock it
  {tasks} <is_not> [longer] blocked|stuck|on_hold <anymore> -> {task} isn't blocked anymore
reopen pending:
  reopen|re-open {tasks} -> Finish {task}, then reopen it
priority:
  set|change [the] priority|prio of|for {tasks} to {priority} -> Set the priority of {task} to low
  mark|set|change|make|give|flag {tasks} [to|as|a] <level> -> Set {task} to high priority
  {tasks} is|are|has|have [now] [a] <level> -> {task} is urgent
priority high:
  prioritize|prioritise {tasks} -> Prioritize {task}
rename:
  rename {task} [to|as|into] : {title} -> Rename {task}: The new name
  rename {task} to|as|into {title} -> Rename {task} to “Another name”
  set|change [the] title|name of {task} to [:] {title} -> Change the title of {task} to “A better name”
describe:
  describe {task} as|: [:] {text} -> Describe {task} as: one click is enough
  set|change|update [the] description of|for {task} to [:] {text} -> Set the description of {task} to: new
  add [a|the] description {quotation:text} to|for {task} -> Add a description “works offline” to {task}
note:
  add [a|the] note|description to|for {task} : {text} -> Add a note to {task}: ask the lawyer first
release:
  {tasks} no_longer depends|depend|waits|wait on|for {on} -> {task} no longer depends on {other}
  {tasks} <does_not> depend_on|wait_for {on} <anymore> -> {task} doesn't depend on {other} now
  {tasks} <is_not> blocked_by|waiting_for {on} <anymore> -> {task} is no longer blocked by {other}
  remove|delete [the] dependency of|from {tasks} on|to {on} -> Remove the dependency of {task} on {other}
depend:
  {tasks} [also|now] depends|depend|waits|wait [also|now] on|for {on} -> {task} depends on {other}
  {tasks} is|are [also|now] blocked_by|waiting_for {on} -> {task} is blocked by {other}
  {tasks} can't|cannot start|begin until|before|unless {on} <done> -> {task} can't start until {other} is done
  {on} has_to|must|needs_to|should come|happen|be_done before {tasks} -> {task} has to be done before {other}
  make|let {tasks} [also] depend_on {on} -> Make {task} depend on {other}
  add|create [a] dependency from {tasks} to|on {on} -> Add a dependency from {task} to {other}
nest:
  {tasks} is|are [a] <part> of {parent} -> {task} is part of {other}
  make {tasks} [a] <part> of {parent} -> Make {task} a subtask of {other}
  move|put|nest {tasks} under|into|inside {parent} -> Move {task} under {other}
unnest:
  take|move {task:tasks} out_of its|the parent [task] -> Take {task} out of its parent
move:
  move|put {task} [directly|right] {side} {other} -> Move {task} before {other}
  move|put {task} [to] [the] [very] {place} [of_the_board|one|one_place] -> Move {task} to the top
delete:
  <delete>|clear {tasks} [from_the_board|from_the_list|from_the_backlog] -> Delete {task}
reason:
  because {text} -> Delete {task} because nobody wants it
  [the] {who} [has|have] dropped|cancelled|canceled|rejected it|them|that -> Drop {task}, Anna rejected it
  we|i|they|nobody <not> need|needs|want|wants it|them|that <anymore> -> Delete {task}, we don't need it
  it's|it_is|they_are|they're <not> needed|wanted|relevant <anymore> -> Delete {task}, it is not needed
list:
  <what_is> <now> {listed} <now> [on_the_board|to_do] -> What is open?
  what|which|how_many <tasks>|things|ones are|is <now> {listed} <now> -> Which tasks are blocked?
  what_are|how_many|<show> <all> {listed} <tasks> <there> -> Show the completed tasks
  is|are anything|something|any_tasks|any_task <now> {listed} <now> -> Is anything blocked?
list open:
  what_are|how_many|<show> <all> <tasks> <there> [<board>] -> List all tasks
  <show>|<what_is> [on] <all> <list> -> Show me the board
  <what_is> the status|state [of] [the|our] [project|board] -> What is the status of the project?
  is|are everything|all_tasks [already] {listed} -> Is everything done?
  what [do_we|do_i] [still] have_to_do|need_to_do|needs_to_be_done [now] -> What do we still have to do?
list completed:
  what did|have|has we|i|been [already] finish|finished|completed|done <now> -> What have we finished?
find:
  <find>|<show> <all> [any] [{listed}] <tasks>|<task> <about> {topic} -> Find tasks about login
  what|which [are] [the] [{listed}] <tasks> [are] about|mention {topic} -> Which tasks are about billing?
  do_we_have|is_there|are_there [a|any] <task>|<tasks> <about>|to {topic} -> Is there a task about invoices?
  <find>|<show> <all> {label:topic} <tasks> -> List the login tasks
  <find> {query:topic} -> Search for invoices
urgent:
  what|which <tasks> are|have [a] <level> -> Which tasks are high priority?
  <show> <all> <level> <tasks> -> List the high priority tasks
urgent high:
  <what_is> [most] urgent|important -> What is urgent?
ready:
  <what_is>|what_comes [up] next [on_the_board|to_do] -> What is next?
  what should|can|shall|could i|we do|work_on|start_with [next|now|first|today] -> What should I do next?
  what|which <task> is|comes|should_i_do|should_we_do next|first -> Which task is next?
needs:
  what|which [<task>|<tasks>] does {task} depend_on|wait_for|need -> What does {task} depend on?
  what is_blocking|are_blocking|blocks {task} -> What blocks {task}?
  <what_is> {task} waiting_for|blocked_by -> What is {task} waiting for?
  why is {task} [still] blocked|waiting|stuck -> Why is {task} blocked?
  can i|we start|begin|do [with|working_on] {task} [now|already] -> Can I start {task}?
needed_by:
  what|which_tasks|which_task depends|depend|waits|wait on|for {task} -> What depends on {task}?
  <what_is> waiting|blocked for|by {task} -> What is waiting for {task}?
parts:
  <what_is>|<show> [me|us] [the] <subtasks>|parts of {task} -> What are the subtasks of {task}?
  what|which <subtasks> does {task} have -> Which subtasks does {task} have?
about:
  [<what_is>] [the] status|state|priority|prio|description of {task} -> What is the status of {task}?
  is|are {task} {state} [yet|already|now] -> Is {task} done?
  how_far_is|how_far_are|tell_me_about|tell_me_more_about|show|show_me {task} -> Tell me about {task}
known decision:
  what did|have we|i|you [ever|already] <decide> [<about>] [{topic}] -> What did we decide about the database?
  what was|has_been <decide> [<about>] [{topic}] -> What was decided about payments?
  what|which {topic} did|have we|i choose|chosen|pick|decide_on|agree_on -> Which database did we choose?
  what|which {topic} do|are we|i use|using -> Which framework do we use?
  did we|i [ever] decide [on|about|to|to_use|that] {topic} -> Did we decide on a queue?
known:
  what do|did you|we|i know|remember|have <now> [<about> {topic}] -> What do you know about tests?
  do you remember|know [anything|something] [about] {topic} -> Do you remember anything about caching?
  <what_is> in [the|your|our] memory -> What is in memory?
  what_are|<show> <all> {kind} [<about>] [{topic}] -> List the decisions about hosting
known preference:
  what do i|we prefer -> What do I prefer?
changed:
  what [has|have|did] [you|we] [just] changed|change|do [just_now|last|lately|recently|here] -> What changed?
"""

# What may be said of a new task behind its title.
_DETAILS = """
priority:
  {title} [,] with [a] {priority} priority|prio -> Create a task to renew it all with high priority
  {title} , <level> -> Create a task to clean up, low priority
  {title} ( <level> ) -> Create a task to add a favicon (low)
depend:
  {title} [,] [and] that|which depends_on {on} -> Create a task to tell the press that depends on {task}
  {title} [,] depending_on {on} -> Create a task to tell the users, depending on {task}
create:
  {title} <board> -> Create a task to water the plants on the board
nest:
  {title} under {parent} task -> Create a task to choose the colours under the {task} task
  {title} [,] as [a] <subtask> of {parent} -> Create a task to pick a font as a subtask of {task}
describe:
  {title} [,] with [a] description [:] {text:description} -> Create a task to ask, with description: by email
"""

DETAILS = tuple(_forms(_DETAILS))
# A form that begins with a name comes last: the name might take the words of another one.
FORMS = tuple(sorted(_forms(_FORMS), key=lambda form: form.pattern.startswith("{")))
QUESTIONS = frozenset(
    ("needs", "needed_by", "parts", "about", "list", "find", "urgent", "ready", "known", "changed")
)
STATEMENTS = frozenset(("remember", "decide", "switch", "prefer", "project"))
CREATING = frozenset(("create", "another", "subtask"))
LISTING = frozenset(("create_all", "subtasks", "require"))
