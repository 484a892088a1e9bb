// Types of the protocol's frames, as docs/protocol.md describes them. No page loads this file: the
// compiler reads it, and its types are known in all scripts.

// -- values in several frames -----------------------------------------------------------------------

/** @typedef {"queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled"} RunStatus */
/** @typedef {"pending" | "running" | "succeeded" | "failed" | "skipped" | "cancelled"} StepStatus */
/** @typedef {"created" | "updated" | "deleted" | "restored"} ChangeAction */
/** @typedef {"task" | "memory"} ObjectKind */
/** @typedef {ObjectKind | "project" | "session"} ChangedKind */
/** @typedef {Record<string, unknown>} JsonObject */

/** @typedef {{id: string, text: string, done: boolean}} Criterion */

/**
 * @typedef {object} Task
 * @property {string} id
 * @property {number} [number]  Missing in events from before tasks had numbers.
 * @property {string} title
 * @property {string} description
 * @property {"pending" | "in_progress" | "completed" | "blocked" | "cancelled"} status
 * @property {"low" | "medium" | "high"} priority
 * @property {string | null} [due]  A date; this and the next four are missing in older events.
 * @property {number | null} [estimate]  Hours.
 * @property {string[]} [labels]
 * @property {Criterion[]} [criteria]
 * @property {string | null} [assignee]  A user name.
 * @property {string | null} parent
 * @property {string[]} depends_on
 * @property {number} position
 * @property {boolean} [cut]  The description and the criteria may be cut.
 */

/**
 * @typedef {object} Memory
 * @property {string} id
 * @property {string} title
 * @property {string} content
 * @property {string} kind
 * @property {string} category
 * @property {boolean} [cut]  The content is cut.
 */

/**
 * @typedef {object} PlanStep
 * @property {string} id
 * @property {"tool" | "compose" | "answer" | "ask"} type
 * @property {string | null} tool
 * @property {string} description
 * @property {JsonObject} arguments
 * @property {string[]} depends_on
 * @property {StepStatus} status
 */

/**
 * @typedef {object} PlannedChange
 * @property {ChangedKind} object
 * @property {string} id
 * @property {ChangeAction} action
 * @property {string} title
 * @property {JsonObject | null} before
 * @property {JsonObject | null} after
 * @property {number} [number]
 * @property {string} [about]
 * @property {Record<string, string>} [links]
 */

/** @typedef {{step: string, changes: PlannedChange[], note: string, arguments?: JsonObject}} StepEffects */
/** @typedef {{low_ms: number, median_ms: number, high_ms: number}} Estimate */

/**
 * @typedef {object} Approval
 * @property {string} id
 * @property {"requested" | "approved" | "rejected" | "expired"} status
 * @property {number} plan_revision
 * @property {string} reason
 * @property {string | null} by
 * @property {StepEffects[]} [effects]
 * @property {Estimate | null} [estimate]
 * @property {string} [expires_at]
 */

/**
 * @typedef {object} BoardChange  The body of a `change` event.
 * @property {ChangedKind} object
 * @property {string} id
 * @property {ChangeAction} action
 * @property {any} before  A Task or Memory, or what has a new title, or null.
 * @property {any} after  A Task or Memory, or what has a new title, or null.
 * @property {string | null} by
 * @property {string} [step]  The step of the plan that made it.
 */

/**
 * @typedef {object} ProgressMetadata
 * @property {"started" | "finished" | "failed"} [phase]
 * @property {number} [duration_ms]
 * @property {string[]} [recalled]
 * @property {string} [step_id]
 * @property {string} [part]  The sub-step of that step.
 * @property {number} [done]
 * @property {number} [of]
 * @property {string} [unit]
 * @property {number} [eta_ms]
 * @property {Estimate} [eta]
 * @property {number} [slow_after_ms]
 * @property {Estimate} [usual]
 * @property {string} [gives_up_at]
 */

// -- events -----------------------------------------------------------------------------------------

/** @typedef {{seq: number, run: string, timestamp: string}} RunEventFields */

/**
 * @typedef {RunEventFields & {type: "message", message: {
 *   id: string, role: "user", author: string, content: string, client_id: string | null, into?: string,
 * }, text?: LineText}} MessageFrame
 */
/**
 * @typedef {RunEventFields & {type: "steering", steering: {
 *   id: string, status: "taken" | "applied" | "next", author?: string, content?: string, client_id?: string,
 * }, text?: LineText & {message: string, note: string}}} SteeringFrame
 */
/** @typedef {{line?: string}} LineText */
/** @typedef {{after: string, arguments: Fact[]}} PlanStepText */
/**
 * @typedef {{
 *   step: string, action: ChangeAction | "unknown", text: string, fields: Difference[], mark?: string,
 * }} EffectText
 */
/**
 * @typedef {RunEventFields & {
 *   type: "run", status: RunStatus, position?: number, retry_of?: string, text?: LineText,
 * }} RunFrame
 */
/**
 * @typedef {RunEventFields & {type: "progress", progress: {
 *   step: string, message: string, details: string, timestamp: string, metadata: ProgressMetadata,
 * }, text?: LineText & {message: string, recalled?: string, took?: string, usual?: string}}} ProgressFrame
 */
/**
 * @typedef {RunEventFields & {type: "plan", plan: {
 *   id: string, revision: number, summary: string, steps: PlanStep[],
 *   questions?: {question: string, choices: string[]}[],
 * }, text?: LineText & {steps: PlanStepText[], open_points?: string[]}}} PlanFrame
 */
/**
 * @typedef {RunEventFields & {type: "step", step: {
 *   id: string, status: StepStatus, started_at: string | null, finished_at: string | null,
 *   result: JsonObject | null, error: string | null,
 * }, text?: LineText & {took?: string, note?: string, result?: Fact[]}}} StepFrame
 */
/**
 * @typedef {RunEventFields & {type: "approval", approval: Approval, text?: LineText & {
 *   decision?: string, comments?: string[], estimate?: string, effects?: EffectText[],
 * }}} ApprovalFrame
 */
/**
 * @typedef {Omit<RunEventFields, "run"> & {
 *   type: "change", run: string | null, change: BoardChange,
 *   text?: LineText & {change: string, summary: string},
 * }} ChangeFrame
 */
/** @typedef {RunEventFields & {type: "token", offset: number, text: string}} TokenFrame */
/**
 * @typedef {RunEventFields & {type: "complete", response: string, message: {
 *   id: string, role: "assistant", content: string, html: string,
 * }, usage: {input_tokens: number, output_tokens: number, calls: number}, duration_ms: number,
 *   remembers?: boolean, text?: LineText}} CompleteFrame
 */
/**
 * @typedef {RunEventFields & {
 *   type: "error", error: string, code: string, retryable: boolean, partial: string, text?: LineText,
 * }} ErrorFrame
 */
/**
 * @typedef {RunEventFields & {
 *   type: "cancelled", by: string | null, reason: string, partial: string, text?: LineText,
 * }} CancelledFrame
 */
/**
 * @typedef {MessageFrame | RunFrame | ProgressFrame | PlanFrame | StepFrame | ApprovalFrame
 *   | SteeringFrame | ChangeFrame | TokenFrame | CompleteFrame | ErrorFrame | CancelledFrame} EventFrame
 */

// -- frames that are in no log ----------------------------------------------------------------------

/** @typedef {{type: "hello", last_seq: number, board?: number}} HelloFrame */
/** @typedef {{type: "heartbeat", timestamp: string}} HeartbeatFrame */
/** @typedef {{type: "board", project?: string, version: number}} BoardFrame */
/** @typedef {{type: "waiting", count: number}} WaitingFrame */
/**
 * @typedef {object} SidebarEntry  A session, or a batch with its sessions.
 * @property {string} id
 * @property {string} title
 * @property {string} at  When its latest message came, or "".
 * @property {"waiting" | "working" | ""} state
 * @property {string} note
 * @property {"session" | "batch"} kind
 * @property {SidebarEntry[]} sessions  Of a batch.
 * @property {boolean} more  The batch has more sessions.
 */
/** @typedef {{id: string, name: string, entries: SidebarEntry[]}} SidebarProject */
/**
 * @typedef {object} SidebarFrame
 * @property {"sidebar"} type
 * @property {string} version
 * @property {number} count
 * @property {SidebarEntry[]} waiting
 * @property {(SidebarProject | {id: string})[]} projects  Without its entries: as before.
 */
/** @typedef {{type: "interrupted", run: string, interrupted: boolean}} InterruptedFrame */
/**
 * @typedef {object} DraftFrame  What the model writes for a run; texts that nobody has checked.
 * @property {"draft"} type
 * @property {string} run
 * @property {number} after
 * @property {string} phase
 * @property {string} [step]  The step of the plan whose value is composed; absent in older drafts.
 * @property {string} model
 * @property {string} started_at
 * @property {number} prompt_tokens
 * @property {number} tokens
 * @property {number} [attempt]  This and the next four are absent in older drafts.
 * @property {number} [attempts]
 * @property {string} [reason]
 * @property {string | null} [gives_up_at]
 * @property {string | null} [again_at]
 * @property {number | null} usual_ms
 * @property {string} thoughts
 * @property {string | null} thought_at
 * @property {string | null} wrote_at
 * @property {string} summary
 * @property {{id: string, type: string, tool: string, description: string}[]} steps
 * @property {{message: string, details: string, usual?: string, thoughts: string, steps: {arguments: Fact[]}[]}} text
 */
/** @typedef {{type: "rejected", code: string, error: string, client_id: string | null}} RejectedFrame */
/** @typedef {{type: "resync", seq: number, snapshot: JsonObject}} ResyncFrame */
/** @typedef {{type: "withheld", seq: number, run: null}} WithheldFrame  An event that a guest does not get. */
/**
 * @typedef {HelloFrame | HeartbeatFrame | BoardFrame | WaitingFrame | SidebarFrame | InterruptedFrame
 *   | DraftFrame | RejectedFrame | ResyncFrame | WithheldFrame} ControlFrame
 */
/** @typedef {EventFrame | ControlFrame} ServerFrame */

// -- what a client sends ----------------------------------------------------------------------------

/** @typedef {{type: "message", content: string, client_id: string, approval?: "required"}} MessageRequest */
/** @typedef {{type: "steer", run: string, content: string, client_id: string}} SteerRequest */
/** @typedef {{type: "cancel", run: string}} CancelRequest */
/** @typedef {{type: "approve", run: string, plan_revision: number}} ApproveRequest */
/**
 * @typedef {{type: "reject", run: string, plan_revision: number, reason: string,
 *   comments?: {step: string, text: string}[]}} RejectRequest
 */
/**
 * @typedef {{type: "edit_plan", run: string, plan_revision: number,
 *   steps: Omit<PlanStep, "status">[]}} EditPlanRequest
 */
/** @typedef {{type: "ack", seq: number}} AckRequest */
/** @typedef {{type: "ping"}} PingRequest */
/**
 * @typedef {MessageRequest | SteerRequest | CancelRequest | ApproveRequest | RejectRequest
 *   | EditPlanRequest} ActionRequest
 */
/** @typedef {ActionRequest | AckRequest | PingRequest} ClientFrame */
