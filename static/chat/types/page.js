// Types of the values that the page's scripts share. No page loads this file: the compiler reads it,
// and its types are known in all scripts.

/** @typedef {[name: string, value: string]} Fact  A field of a step's arguments or result. */
/** `length`: of a long text, which is folded. @typedef {[name: string, before: string, after: string, length?: string]} Difference */

/**
 * @typedef {object} UserMessage
 * @property {string} author
 * @property {string} content
 * @property {string} at
 * @property {string} id
 * @property {string} client_id
 * @property {string} into  The run that it came too late for, or "".
 */

/**
 * @typedef {object} Steered  A message that was sent into the run.
 * @property {string} id
 * @property {string} author
 * @property {string} content
 * @property {string} at
 * @property {number} seq
 * @property {string} client_id
 * @property {string} note  What became of it.
 */

/**
 * @typedef {object} Phase
 * @property {string} key
 * @property {string} step
 * @property {string} at
 * @property {number} seq
 * @property {string} message
 * @property {string} details
 * @property {"noted" | "running" | "finished" | "failed" | "stopped"} state
 * @property {number | null} duration_ms
 * @property {string} took
 * @property {string} usual  How long it usually takes.
 * @property {number | null} slow_after_ms
 * @property {string} recalled
 * @property {Phase[]} parts  The sub-steps of a reading.
 */

/**
 * @typedef {object} Step
 * @property {string} id
 * @property {number} number
 * @property {PlanStep["type"]} type
 * @property {string} description
 * @property {StepStatus} status
 * @property {string[]} depends_on
 * @property {string} waits_for
 * @property {number} seq  Of the first event about it, 0 before that.
 * @property {string} tool
 * @property {JsonObject} arguments
 * @property {Fact[]} given
 * @property {Fact[]} returned
 * @property {string | null} started_at
 * @property {string | null} finished_at
 * @property {string} gives_up_at
 * @property {string} usual  How long it usually takes.
 * @property {string} took
 * @property {string} report
 * @property {string} result
 * @property {string} error
 * @property {number | null} slow_after_ms
 * @property {Phase[]} parts  Its sub-steps.
 */

/**
 * @typedef {object} Change
 * @property {number} seq
 * @property {ChangedKind} object
 * @property {string} id
 * @property {string} text
 * @property {string} by
 * @property {string} at
 * @property {string} brief
 * @property {boolean} undoable
 */

/**
 * @typedef {object} Effect  A change that a step of the plan would make.
 * @property {string} key
 * @property {number | undefined} number
 * @property {ChangeAction | "unknown"} action
 * @property {string} text
 * @property {Difference[]} fields
 * @property {string} mark  How it differs from an earlier approval.
 */

/**
 * @typedef {object} Run  A message with its run, as `Exchange` in chat/transcript.py.
 * @property {string} run
 * @property {UserMessage | null} said
 * @property {RunStatus} status
 * @property {string} told  What it does or how it ended, as its events say.
 * @property {string} started_at
 * @property {Phase[]} phases
 * @property {number} plan_revision
 * @property {string} summary
 * @property {string[]} open_points  What the plan assumes and leaves open.
 * @property {{question: string, choices: string[]}[]} questions  Which a click on a choice answers.
 * @property {Step[]} steps
 * @property {Change[]} changes
 * @property {Steered[]} steering
 * @property {string} text
 * @property {string} html
 * @property {boolean} asks
 * @property {string} why
 * @property {Effect[]} effects
 * @property {string} estimate
 * @property {string} expires_at
 * @property {string} decided
 * @property {string[]} comments  On the last plan that was rejected with some.
 * @property {string} answer_id
 * @property {boolean} retryable
 * @property {[low: number, high: number] | null} eta_ms
 * @property {string} eta_at
 * @property {boolean} interrupted
 * @property {number | null} duration_ms
 * @property {number} before
 * @property {Omit<DraftFrame, "type" | "run" | "after"> | null} draft
 * @property {boolean} ended
 */

/**
 * @typedef {object} Board  The tasks and memories, or the part of them that is shown at first.
 * @property {Task[]} tasks
 * @property {Memory[]} memories
 * @property {{tasks: number, open: number, memories: number}} hidden  How many others there are.
 * @property {boolean} whole  Whether the page can show no more of them.
 * @property {number} version
 */

/**
 * @typedef {object} LabelTables  The tables of chat/labels.py.
 * @property {string[]} phases
 * @property {Record<string, [icon: string, color: string, order: number]>} steps  Custom progress steps.
 * @property {Record<string, string>} notes
 * @property {string} waits
 * @property {string} ready
 * @property {string} due
 * @property {string} overdue
 * @property {string} zone  Of the days on which tasks are due.
 * @property {string} hours
 * @property {string} criteria
 * @property {Record<string, string>} ticks
 * @property {string[]} kinds
 * @property {string} queued
 * @property {string} queued_behind
 * @property {string} interrupted
 * @property {string} unreadable
 */

/**
 * @typedef {object} PastData  What is replayed: a part of the log, from `began` on, in milliseconds.
 * @property {number} first  Its first event.
 * @property {number} last
 * @property {number} began
 * @property {string} board  Where the states of tasks and memories are.
 */

/**
 * @typedef {object} PageData  What the server gives the page's scripts to start from.
 * @property {string} session
 * @property {string} user
 * @property {string} project
 * @property {string} project_id
 * @property {string} socket
 * @property {string} events  Where events are read without a socket.
 * @property {string} entries
 * @property {string} where
 * @property {string} run_pages
 * @property {PastData} past  Of a replay in which something happened.
 * @property {string} board
 * @property {boolean} measures  Whether this page measures what it does.
 * @property {number} last_seq
 * @property {string} now
 * @property {Run[]} runs
 * @property {Change[]} fresh
 * @property {LabelTables} words
 * @property {{message: number, into: number, reason: number, comment: number}} limits  In characters.
 */

/**
 * @typedef {object} ApiResponse
 * @property {boolean} ok
 * @property {number} status
 * @property {any} body  Null when the response is not JSON.
 * @property {string | null} version  The ETag.
 */

/** @typedef {{onFrame: (frame: ServerFrame) => void, onClose: (code: number) => void}} TransportListener */

/**
 * @typedef {object} Transport  A way to receive frames after a position. Its first frame is `hello`.
 * @property {(frame: ActionRequest) => boolean} send  Returns whether the transport took the frame.
 * @property {() => void} stop
 * @property {(seq: number) => void} [handled]  The page has shown all events up to `seq`.
 * @property {() => void} [check]  Asks the server for a sign of life.
 */

/** @typedef {"connecting" | "live" | "waiting" | "signed-out" | "gone"} ConnectionState */

/** @typedef {{before: string, after: string, act: string}} SlashCommand */
