"""The grammar of the offline model: every form that it understands, one row each.

`matching` explains the patterns. Rows are tried from the top. In an example `{task}`, `{other}` and
`{memory}` stand for a task or a memory of the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Intent(StrEnum):
    # They change something.
    CREATE = "create"  # a task
    ANOTHER = "another"  # one more, after the first
    CREATE_ALL = "create_all"  # a list of tasks
    REQUIRE = "require"  # what somebody should be able to do
    SUBTASK = "subtask"
    SUBTASKS = "subtasks"
    STATUS = "status"
    REOPEN = "reopen"
    UNBLOCK = "unblock"
    PRIORITY = "priority"
    RENAME = "rename"
    DESCRIBE = "describe"
    NOTE = "note"
    DEPEND = "depend"
    RELEASE = "release"
    NEST = "nest"
    UNNEST = "unnest"
    MOVE = "move"
    DELETE = "delete"
    REMEMBER = "remember"
    DECIDE = "decide"
    SWITCH = "switch"
    PREFER = "prefer"
    REVISE = "revise"
    FORGET = "forget"
    # They ask something.
    LIST = "list"
    FIND = "find"
    URGENT = "urgent"
    NEXT = "next"
    NEEDS = "needs"
    NEEDED_BY = "needed_by"
    PARTS = "parts"
    ABOUT = "about"
    DECIDED = "decided"
    KNOWN = "known"
    CHANGED = "changed"
    HELP = "help"
    # They are only answered.
    TALK = "talk"
    PROJECT = "project"
    REFUSE = "refuse"  # nobody may take it for another form
    REASON = "reason"  # why, after a command; it is not kept


@dataclass(frozen=True, slots=True)
class Form:
    """`value`: the status, priority, place or kind that the words mean. `answer`: all that is said."""

    pattern: str
    intent: Intent
    example: str
    value: str = ""
    answer: str = ""


_I = Intent

CREATING = (
    Form("<create> [a|an] [new] <task> for {person} to {text}", _I.REFUSE, "Create a task for Bob to review the docs",
         answer="Tasks have no assignee, so I can't tell what “for” means here. Say “Create a task to …”, and add a note "
         "with the name."),
    Form("<create> [me|us] [a|an|one|another|the] [new] [{priority} [priority|prio]] <task> [<board>]"
         " [to|called|named|titled|about|:] {title}", _I.CREATE, "Create a task to test the login flow"),
    Form("<create> [me|us] [a|an|one|another|the] [new] [{priority} [priority|prio]] <task> [<board>] for {purpose}", _I.CREATE,
         "Create a task for the landing page"),
    Form("new <task> [<board>] [to|called|named|about|:] {title}", _I.CREATE, "New task: buy a domain"),
    Form("task|todo|to-do : {title}", _I.CREATE, "Todo: call the clinic"),
    Form("<create> [a|an] [new] [{priority} [priority|prio]] {label} <task> [<board>]", _I.CREATE, "Add a payment task"),
    Form("add|put {title} to|on|onto the|our|my board|backlog|list|tasks", _I.CREATE, "Put a privacy page on the board"),
    Form("one|another|another_one [new] [<task>] to|called|named {title}", _I.ANOTHER,
         "Create a task to draft the schema, then one to build the API"),
    Form("one|a|another|another_one [new] [<task>] for {purpose}", _I.ANOTHER,
         "Create a task for the logo and one for the colours"),
    Form("a|another [new] <task> [to|called|named|:] {title}", _I.ANOTHER,
         "Create a task to rent a server and a task to order a phone"),
    Form("<create> [me|us] [the|these|this] [following] [{number}] [new] <tasks> [<board>] [for|to] [:] {items}",
         _I.CREATE_ALL, "Create tasks: sign-up page, login page and logout button"),
    Form("tasks|todos|to-dos|to_dos|features|requirements|user_stories : {items}", _I.CREATE_ALL,
         "Tasks: landing page, contact form"),
    Form("i|we need|want [the] [following] [features|things] : {items}", _I.CREATE_ALL,
         "I need: 1. user accounts 2. invoices 3. invoice export. Export depends on invoices."),
    Form("[please] <create> [the] following : {items}", _I.CREATE_ALL, "Add the following: terms page, cookie banner"),
    Form("{who} should|must|can|need_to be_able_to : {items}", _I.REQUIRE, "Users should be able to: sign up, log in"),
    Form("{who} should|must|need_to be_able_to {title}", _I.REQUIRE,
         "Users should be able to reset their password by email"),
    Form("<create> [a|an] [new] subtask|sub-task of|for|under|in|to {parent} called|named|to|: {title}", _I.SUBTASK,
         "Create a subtask of {task}: write the tests"),
    Form("<create> [a|an] [new] subtask|sub-task [called|named] {quotation} to|for|of|under {parent}", _I.SUBTASK,
         "Add a subtask “read the law” to {task}"),
    Form("<create> [a|an] [new] subtask|sub-task [called|named|to|:] {title}", _I.SUBTASK,
         "Create a task to pay by card, then add a subtask to ask for the address"),
    Form("add|create {title} as [a] subtask of|to|under {parent}", _I.SUBTASK, "Add “check the logs” as a subtask of {task}"),
    Form("<create> subtasks|sub-tasks of|for|to|under {parent} : {items}", _I.SUBTASKS,
         "Add subtasks to {task}: form, email"),
    Form("break|split {parent} [down|up] into [:] {items}", _I.SUBTASKS, "Break {task} down into: draft, review"),
    Form("<create> subtasks|sub-tasks : {items}", _I.SUBTASKS,
         "Create a task to ship, then create subtasks: build, upload"),
)  # fmt: skip

# What may be said of a new task behind its title.
DETAILS = (
    Form("{title} [,] with [a] {priority} priority|prio", _I.PRIORITY, "Create a task to renew the domain with high priority"),
    Form("{title} , {priority} [priority|prio]", _I.PRIORITY, "Create a task to clean up, low priority"),
    Form("{title} ( {priority} [priority|prio] )", _I.PRIORITY, "Create a task to add a favicon (low)"),
    Form("{title} [,] [and] that|which depends_on {on}", _I.DEPEND, "Create a task to announce the date that depends on {task}"),
    Form("{title} [,] depending_on {on}", _I.DEPEND, "Create a task to tell the press, depending on {task}"),
    Form("{title} <board>", _I.CREATE, "Create a task to water the plants on the board"),
    Form("{title} under {parent} task", _I.NEST, "Create a task to choose the colours under the {task} task"),
    Form("{title} [,] as [a] subtask of {parent}", _I.NEST, "Create a task to pick a font as a subtask of {task}"),
    Form("{title} [,] with [the|a] description [:] {text}", _I.DESCRIBE,
         "Create a task to ask for feedback with the description: by email, after each visit"),
)  # fmt: skip

CHANGING = (
    Form("set|change [the] status of|for {tasks} [back] to|as {status}", _I.STATUS, "Set the status of {task} to blocked"),
    Form("set|change {tasks} status [back] to {status}", _I.STATUS, "Change {task} status to blocked"),
    Form("set|mark as {status} [:] {tasks}", _I.STATUS, "Mark as done: {task}"),
    Form("<set> {tasks} [back] [as|to|:] [being] {status} [now|again]", _I.STATUS, "Mark {task} as done"),
    Form("complete|finish|close|resolve|check_off|tick_off {tasks}", _I.STATUS, "Finish {task}", "completed"),
    Form("start|begin [working_on|work_on|with|on] {tasks} [now]", _I.STATUS, "Start working on {task}", "in_progress"),
    Form("block|pause {tasks}", _I.STATUS, "Block {task}", "blocked"),
    Form("unblock {tasks}", _I.UNBLOCK, "Block {task}, then unblock it", "pending"),
    Form("reopen|re-open {tasks}", _I.REOPEN, "Finish {task}, then reopen it", "pending"),
    Form("<we> [just|already|now] finished|completed|done|closed {tasks}", _I.STATUS, "I finished {task}", "completed"),
    Form("i'm|i_am|we're|we_are [now|all] done|finished with {tasks}", _I.STATUS, "We're done with {task}", "completed"),
    Form("i'm|i_am|we're|we_are [now|currently] working_on {tasks} [now]", _I.STATUS, "I'm working on {task}", "in_progress"),
    Form("<we> [just|now] started [working_on|on|with] {tasks}", _I.STATUS, "I started {task}", "in_progress"),
    Form("it's|that's [now|already] {state} [now]", _I.STATUS, "Start {task}. It's done"),
    Form("{tasks} is|are [now|already] {state} [now]", _I.STATUS, "{task} is in progress"),
    Form("set|change [the] priority|prio of|for {tasks} to {priority}", _I.PRIORITY, "Set the priority of {task} to low"),
    Form("mark|set|change|make|give|flag {tasks} [to|as|a] {priority} [priority|prio]", _I.PRIORITY, "Set {task} to high priority"),
    Form("prioritize|prioritise {tasks}", _I.PRIORITY, "Prioritize {task}", "high"),
    Form("{tasks} is|are [a] subtask|subtasks|part of {parent}", _I.NEST, "{task} is part of {other}"),
    Form("{tasks} is|are [now] {priority} [priority|prio]", _I.PRIORITY, "{task} is urgent"),
    Form("{tasks} has|have [now] [a] {priority} priority|prio", _I.PRIORITY, "{task} has low priority"),
    Form("rename {task} [to|as|into] : {title}", _I.RENAME, "Rename {task}: The new name"),
    Form("rename {task} to|as|into {title}", _I.RENAME, "Rename {task} to “Another name”"),
    Form("set|change [the] title|name of {task} to [:] {title}", _I.RENAME, "Change the title of {task} to “A better name”"),
    Form("describe {task} as|: [:] {text}", _I.DESCRIBE, "Describe {task} as: one click is enough"),
    Form("set|change|update [the] description of|for {task} to [:] {text}", _I.DESCRIBE,
         "Set the description of {task} to: two clicks at most"),
    Form("add [a|the] description {quotation} to|for {task}", _I.DESCRIBE, "Add a description “works offline” to {task}"),
    Form("add [a|the] note|description to|for {task} : {text}", _I.NOTE, "Add a note to {task}: ask the lawyer first"),
    Form("{tasks} no_longer depends|depend on {on}", _I.RELEASE, "{task} no longer depends on {other}"),
    Form("{tasks} does_not|doesn't|do_not|don't depend_on {on} [anymore|any_more|any_longer|now]", _I.RELEASE,
         "{task} doesn't depend on {other} anymore"),
    Form("remove|delete [the] dependency of|from|between {tasks} on|to|and {on}", _I.RELEASE,
         "Remove the dependency of {task} on {other}"),
    Form("{tasks} depends|depend [now] on {on}", _I.DEPEND, "{task} depends on {other}"),
    Form("make|let {tasks} depend_on {on}", _I.DEPEND, "Make {task} depend on {other}"),
    Form("{tasks} is|are [now] blocked_by {on}", _I.DEPEND, "{task} is blocked by {other}"),
    Form("{tasks} waits|wait for {on}", _I.DEPEND, "{task} waits for {other}"),
    Form("add|create [a] dependency from {tasks} to|on {on}", _I.DEPEND, "Add a dependency from {task} to {other}"),
    Form("make {tasks} [a] subtask|subtasks|sub-task|sub-tasks|child|children|part of {parent}", _I.NEST,
         "Make {task} a subtask of {other}"),
    Form("move|put|nest {tasks} under|into|inside {parent}", _I.NEST, "Move {task} under {other}"),
    Form("take|move {task} out_of its|the parent [task]", _I.UNNEST, "Take {task} out of its parent"),
    Form("move|put {task} [directly|right] before|above|ahead_of {other}", _I.MOVE, "Move {task} before {other}", "before"),
    Form("move|put {task} [directly|right] after|below|behind {other}", _I.MOVE, "Move {task} after {other}", "after"),
    Form("move|put {task} [to] [the] [very] top|start|beginning|first [of] [the] [board|list]", _I.MOVE,
         "Move {task} to the top", "top"),
    Form("move|put {task} [to] [the] [very] bottom|end|last [of] [the] [board|list]", _I.MOVE,
         "Move {task} to the bottom", "bottom"),
    Form("move {task} up [one] [place]", _I.MOVE, "Move {task} up", "up"),
    Form("move {task} down [one] [place]", _I.MOVE, "Move {task} down", "down"),
)  # fmt: skip

REMEMBERING = (
    Form("remember|note|memorize|memorise|keep_in_mind|bear_in_mind|don't_forget|do_not_forget|make_a_note|take_note"
         "|note_down|for_the_record that|:|, {text}", _I.REMEMBER, "Remember that we test on Firefox"),
    Form("remember|note {statement}", _I.REMEMBER, "Remember our clinic opens at 8"),
    Form("<we> [<often>] switched|moved|migrated|changed from {old} to {new}", _I.SWITCH,
         "We switched from Bootstrap to Tailwind"),
    Form("<we> [<often>] replaced {old} with|by {new}", _I.SWITCH, "We replaced Jenkins with GitHub Actions"),
    Form("<we> [<often>] decided|agreed|opted against|not_to [use|using] {old}", _I.DECIDE, "We decided not to use Redis", "not"),
    Form("<we> no_longer use {old}", _I.DECIDE, "We no longer use Docker", "not"),
    Form("<we> do_not|don't use {old} anymore|any_more|any_longer", _I.DECIDE, "We don't use Sass anymore", "not"),
    Form("<we> [<often>] decided|agreed|settled|opted to|that|on|for|upon [use|go_with|take] {what}",
         _I.DECIDE, "We decided to use PostgreSQL"),
    Form("<we> [<often>] chose|chosen|picked|selected {what}", _I.DECIDE, "We chose Stripe for payments"),
    Form("let's|lets|let_us use|go_with|stick_with|stick_to {what}", _I.DECIDE, "Let's go with Celery"),
    Form("we'll|i'll|we_will|i_will|we're_going_to|we_are_going_to use|go_with|stick_with {what}", _I.DECIDE,
         "We'll use Redis for caching"),
    Form("decision|decided : {what}", _I.DECIDE, "Decision: no mobile app"),
    Form("[the|our] decision is [to|that] [use] {what}", _I.DECIDE, "Our decision is to host it ourselves"),
    Form("<we> [<often>] prefer [to] {what}", _I.PREFER, "I prefer short functions"),
    Form("we'd|i'd|we_would|i_would rather|prefer [to] {what}", _I.PREFER, "I'd rather write the tests first"),
    Form("preference : {what}", _I.PREFER, "Preference: tabs over spaces"),
    Form("[my|our] preference is [to|that] {what}", _I.PREFER, "My preference is small pull requests"),
    Form("[<we>] always|never|usually|normally|generally {what}", _I.PREFER, "We always review pull requests", "habit"),
    Form("update|change|correct [the] <memory> [about|on|of] {memory} to [:] {text}", _I.REVISE,
         "Change the memory {memory} to: We ship on Mondays"),
    Form("<delete>|forget [the|my|our] <memory> [about|on|of|called|that|:] {memory}", _I.FORGET, "Delete the memory {memory}"),
    Form("forget [about|that] {memory}", _I.FORGET, "Forget {memory}"),
)  # fmt: skip

# After the memories and the dependencies, which are deleted in other words.
DELETING = (
    Form("<delete>|clear {tasks} [from] [the] [board|list|backlog]", _I.DELETE, "Delete {task}"),
    Form("because|since {text}", _I.REASON, "Delete {task} because nobody wants it"),
    Form("[the] {who} [has|have] dropped|cancelled|canceled|rejected|abandoned it|them|that", _I.REASON,
         "Delete {task}, the client dropped it"),
    Form("we|i|they|nobody no_longer|don't|do_not need|needs|want|wants it|them|that [anymore|any_more|any_longer|now]",
         _I.REASON, "Delete {task}, we don't need it anymore"),
    Form("it's|it_is|they_are|they're no_longer|not needed|wanted|relevant [anymore|any_more|any_longer|now]", _I.REASON,
         "Delete {task}, it is no longer needed"),
)  # fmt: skip

_OPEN = "open"
ASKING = (
    Form("<what_is> [still|currently|now] {listed} [now|right_now|on_the_board|to_do]", _I.LIST, "What is open?"),
    Form("what|which <tasks>|things|ones are|is [still|currently|now] {listed} [now|right_now]", _I.LIST,
         "Which tasks are blocked?"),
    Form("what_are [all] [the|my|our] {listed} <tasks>", _I.LIST, "What are the open tasks?"),
    Form("what_are [all] [the|my|our] <tasks>", _I.LIST, "What are the tasks?", _OPEN),
    Form("<show> [me|us] [all] [of] [the|my|our] {listed} <tasks>", _I.LIST, "Show the completed tasks"),
    Form("<show> [me|us] [all] [of] [the|my|our] <tasks> [<board>]", _I.LIST, "List all tasks", _OPEN),
    Form("<show> [me|us] [the|my|our] board|backlog|list|todo_list|to-do_list", _I.LIST, "Show me the board", _OPEN),
    Form("<what_is> on [the|my|our] board|backlog|list|todo_list|to-do_list|plate", _I.LIST, "What's on the board?", _OPEN),
    Form("<what_is> the status|state [of] [the|our] [project|board]", _I.LIST, "What is the status of the project?", _OPEN),
    Form("is|are everything|all_tasks [already] {listed}", _I.LIST, "Is everything done?", _OPEN),
    Form("what do we|i [still] have|need to do [now]", _I.LIST, "What do we still have to do?", _OPEN),
    Form("what [still] needs to be done [now]", _I.LIST, "What needs to be done?", _OPEN),
    Form("is|are anything|something|any_tasks|any_task [still|currently] {listed} [now|right_now]", _I.LIST,
         "Is anything blocked?"),
    Form("what did|have|has we|i|you|been [already] finish|finished|complete|completed|do|done|closed [so_far|already]",
         _I.LIST, "What have we finished?", "completed"),
    Form("how many {listed} <tasks> [are_there|do_we_have|do_i_have|are_left]", _I.LIST, "How many open tasks are there?"),
    Form("how many <tasks> are|is [still|currently] {listed}", _I.LIST, "How many tasks are in progress?"),
    Form("how many <tasks> are_there|do_we_have|do_i_have", _I.LIST, "How many tasks do we have?", _OPEN),
    Form("find|search|search_for|look_for|<show> [me|us] [all] [the|any] [{listed}] <tasks>|<task> about|for|on|with"
         "|mentioning|related_to {topic}", _I.FIND, "Find tasks about login"),
    Form("what|which [are] [the] [{listed}] <tasks> [are] about|mention {topic}", _I.FIND, "Which tasks are about billing?"),
    Form("do_we_have|do_i_have|is_there|are_there [already] [a|any] <task>|<tasks> about|for|on|to {topic}", _I.FIND,
         "Is there a task about invoices?"),
    Form("<show>|find [me|us] [all] [the|my|our] {label} <tasks>", _I.FIND, "List the login tasks"),
    Form("search|search_for|find|look_for {query}", _I.FIND, "Search for invoices"),
    Form("what|which <tasks> are|have [a] {priority} [priority|prio]", _I.URGENT, "Which tasks are high priority?"),
    Form("<what_is> [most] urgent|important", _I.URGENT, "What is urgent?", "high"),
    Form("<show> [me|us] [all] [the|my|our] {priority} [priority|prio] <tasks>", _I.URGENT, "List the high priority tasks"),
    Form("<what_is> [up] next [on_the_board|to_do]", _I.NEXT, "What is next?"),
    Form("what should|do|can|shall|could i|we do|work_on|start|tackle|start_with [on] [next|now|first|today]", _I.NEXT,
         "What should I do next?"),
    Form("what comes next", _I.NEXT, "What comes next?"),
    Form("what|which <task> is|comes|should_i_do|should_we_do next|first", _I.NEXT, "Which task is next?"),
    Form("what does {task} depend_on|wait_for|need", _I.NEEDS, "What does {task} depend on?"),
    Form("what|which <task>|<tasks> does {task} depend_on|wait_for|need", _I.NEEDS, "Which tasks does {task} depend on?"),
    Form("what is|are blocking {task}", _I.NEEDS, "What is blocking {task}?"),
    Form("<what_is> {task} waiting_for|blocked_by", _I.NEEDS, "What is {task} waiting for?"),
    Form("what blocks {task}", _I.NEEDS, "What blocks {task}?"),
    Form("why is {task} [still] blocked|waiting|stuck", _I.NEEDS, "Why is {task} blocked?"),
    Form("can i|we start|begin|do [with|working_on] {task} [now|already]", _I.NEEDS, "Can I start {task}?"),
    Form("what depends|waits on|for {task}", _I.NEEDED_BY, "What depends on {task}?"),
    Form("what|which <tasks> depend|wait on|for {task}", _I.NEEDED_BY, "Which tasks depend on {task}?"),
    Form("<what_is> waiting|blocked for|by {task}", _I.NEEDED_BY, "What is waiting for {task}?"),
    Form("<what_is>|<show> [me|us] [the] subtasks|sub-tasks|parts of {task}", _I.PARTS, "What are the subtasks of {task}?"),
    Form("what|which subtasks|sub-tasks does {task} have", _I.PARTS, "Which subtasks does {task} have?"),
    Form("<what_is> [the] status|state|priority|prio|description of {task}", _I.ABOUT, "What is the status of {task}?"),
    Form("[the] priority|status of {task}", _I.ABOUT, "Status of {task}?"),
    Form("is|are {task} {state} [yet|already|now]", _I.ABOUT, "Is {task} done?"),
    Form("how far is|are {task}", _I.ABOUT, "How far is {task}?"),
    Form("tell me [more|something] about {task}", _I.ABOUT, "Tell me about {task}"),
    Form("show [me] {task}", _I.ABOUT, "Show {task}"),
)  # fmt: skip

ASKING_MEMORY = (
    Form("what did|have we|i|you [ever] decide|decided|agree|agreed [on|about|regarding|for|to_do_about] {topic}",
         _I.DECIDED, "What did we decide about the database?"),
    Form("what did|have we|i|you [already] decide|decided|agree|agreed [so_far|on]", _I.DECIDED, "What did we decide?"),
    Form("what was|has_been decided [so_far]", _I.DECIDED, "What was decided?"),
    Form("what was|has_been decided on|about|for {topic}", _I.DECIDED, "What was decided about payments?"),
    Form("<what_is>|<show> [me|us] [all] [the|my|our] decisions [so_far]", _I.DECIDED, "What are our decisions?"),
    Form("what_are|<show> [me|us] [all] [the|my|our] decisions on|about|for {topic}", _I.DECIDED, "List the decisions about hosting"),
    Form("what|which {topic} did|have we|i choose|chosen|pick|picked|decide_on|agree_on", _I.DECIDED,
         "Which database did we choose?"),
    Form("what|which {topic} do|are we|i use|using", _I.DECIDED, "Which framework do we use?"),
    Form("did we|i [ever] decide [on|about|to|to_use|that] {topic}", _I.DECIDED, "Did we decide on a queue?"),
    Form("what do|did you|we|i know|remember|have [of|about|on|regarding] {topic}", _I.KNOWN, "What do you know about testing?"),
    Form("do you remember|know [anything|something] [about] {topic}", _I.KNOWN, "Do you remember anything about caching?"),
    Form("what do you|we know|remember", _I.KNOWN, "What do you remember?"),
    Form("<what_is> in [the|your|our] memory", _I.KNOWN, "What is in memory?"),
    Form("<show> [me|us] [all] [the|my|our|your] memory|memories", _I.KNOWN, "Show the memories"),
    Form("what_are|<show> [me|us] [all] [the|my|our] preferences", _I.KNOWN, "What are my preferences?", "preference"),
    Form("what do i|we prefer", _I.KNOWN, "What do I prefer?", "preference"),
    Form("<show> [me|us] [all] [the|my|our] notes|facts", _I.KNOWN, "Show the notes", "note"),
    Form("what [has|have] [you] [just] changed|change [just_now|last|lately|recently|here|in_this_session]", _I.CHANGED, "What changed?"),
    Form("what did you|we [just] do|change [last|just_now]", _I.CHANGED, "What did you change?"),
)  # fmt: skip

_HELLO = (
    "Hello! Tell me what is to be done and what you have decided; I keep the board and the memory. "
    "“[What can you do?](#say)” lists what I understand."
)
TALKING = (
    Form("help [me]", _I.HELP, "Help"),
    Form("what can|do you|i do|say|understand [here]", _I.HELP, "What can you do?"),
    Form("how does this|it work", _I.HELP, "How does this work?"),
    Form("hello|hi|hey|good_morning|good_afternoon|good_evening|greetings [there|again|all|everyone]", _I.TALK, "Hello",
         answer=_HELLO),
    Form("how are you [today|doing]", _I.TALK, "How are you?", answer="Ready. What is to be done?"),
    Form("thanks|thank_you|thx|many_thanks [again|you] [a_lot|so_much|very_much]", _I.TALK, "Thank you", answer="You're welcome!"),
    Form("ok|okay|great|good|cool|perfect|nice|fine|awesome|excellent|well_done|good_job|got_it|alright [work|job]",
         _I.TALK, "Perfect", answer="Good."),
    Form("never_mind|nevermind|forget_it|nothing|none|cancel", _I.TALK, "Never mind",
         answer="All right, nothing was changed."),
    Form("bye|goodbye|good_bye|see_you [later|soon]", _I.TALK, "Goodbye", answer="Goodbye! Everything is kept."),
    Form("we're|we_are|i'm|i_am [currently|now] building|developing|creating|making|planning {text}", _I.PROJECT,
         "We're building a clinic booking app"),
    Form("i|we|i'd|we'd want|plan|would_like|like to build|develop|make|plan|launch {text}", _I.PROJECT,
         "I want to build a recipe sharing site"),
    Form("[our|the|this|my] project|app|product is|will_be a|an {text}", _I.PROJECT, "Our product is a shop for used books"),
)  # fmt: skip

# "Forget it" and "never mind" before "forget …" and "never …".
# A form that begins with a name comes last: the name might take the words of another one.
FORMS = tuple(
    sorted(
        (*TALKING, *CREATING, *REMEMBERING, *CHANGING, *DELETING, *ASKING, *ASKING_MEMORY),
        key=lambda form: form.pattern.startswith("{"),
    )
)
QUESTIONS = frozenset(
    {
        *(_I.LIST, _I.FIND, _I.URGENT, _I.NEXT, _I.NEEDS, _I.NEEDED_BY, _I.PARTS, _I.ABOUT),
        *(_I.DECIDED, _I.KNOWN, _I.CHANGED, _I.HELP, _I.TALK),
    }
)
