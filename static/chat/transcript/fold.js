// The runs of a session as a fold over live events, by the rules of chat/fold.py. No DOM.

import { duration } from "../support/labels.js";
import { isActive, isWork, orderOf } from "./run_labels.js";

/**
 * Reads an event into its run.
 * @template Frame
 * @typedef {(run: Run, frame: Frame) => Change | void} Reader
 */

/** @type {(id: string) => Run} */
const emptyRun = (id) => ({
  run: id, said: null, status: "queued", told: "", started_at: "", phases: [], plan_revision: 0, summary: "",
  open_points: [], questions: [], steps: [], changes: [], steering: [], text: "", html: "", asks: false, why: "",
  effects: [], estimate: "",
  expires_at: "", decided: "", comments: [], answer_id: "", retryable: false,
  eta_ms: null, eta_at: "", interrupted: false, duration_ms: null, before: 0, draft: null,
  ended: false,
});

export class Fold {
  /** @param {Run[]} runs */
  constructor(runs) {
    this.runs = new Map(runs.map((run) => [run.run, run]));
  }

  /**
   * Returns what the event concerns: a run, a change that a person made outside of a run, both for a
   * change by a run, or nothing.
   * @param {EventFrame} frame
   * @returns {{run?: Run, change?: Change | void}}
   */
  apply(frame) {
    const isKnown = Object.hasOwn(readers, frame.type);
    if (!isKnown && (!frame.run || !frame.text)) return {};
    if (frame.type === "change" && frame.run === null) return { change: readChange(frame) };
    const run = this.runOf(frame);
    run.interrupted = false; // an event shows that some process executes the run
    const change = isKnown ? readers[frame.type](run, frame) : addMessage(run, frame);
    if (frame.type !== "token") run.told = frame.text?.line ?? run.told;
    if (run.ended) this.runs.delete(run.run); // no event of it follows
    this.#countQueue();
    return { run, change };
  }

  /** @param {EventFrame} frame */
  runOf({ run: id }) {
    if (typeof id !== "string") throw new TypeError("an event of a run names it");
    const run = this.runs.get(id) ?? emptyRun(id);
    this.runs.set(id, run);
    return run;
  }

  #countQueue() {
    let before = 0;
    for (const run of this.runs.values()) {
      run.before = before;
      before += isActive(run) ? 1 : 0;
    }
  }

  get active() {
    return [...this.runs.values()].filter(isActive);
  }
}

/**
 * @param {ChangeFrame} frame
 * @returns {Change}
 */
export function readChange({ seq, timestamp, change, text }) {
  return {
    seq, object: change.object, id: change.id, text: text?.change ?? "", by: change.by ?? "",
    at: timestamp, brief: text?.summary ?? "", undoable: true,
  };
}

/** @type {Record<string, Reader<any>>} */
const readers = {
  /** @type {Reader<MessageFrame>} */
  message(run, { message, timestamp }) {
    const { id, author, content, client_id: clientId, into } = message;
    run.said = {
      author: author ?? "", content, at: timestamp, id, client_id: clientId ?? "", into: into ?? "",
    };
  },

  /** @type {Reader<RunFrame>} */
  run(run, { status, timestamp }) {
    if (status === "running" && !run.started_at) run.started_at = timestamp;
    if (isActive({ status })) run.status = status; // how it ended is in its last event
  },

  /** @type {Reader<ProgressFrame>} */
  progress(run, frame) {
    const metadata = frame.progress.metadata ?? {};
    const { eta } = metadata;
    if (eta) [run.eta_ms, run.eta_at] = [[eta.low_ms, eta.high_ms], frame.timestamp];
    const step = run.steps.find(({ id }) => id === metadata.step_id);
    const parent = step ?? readingOf(run, metadata.step_id);
    // The model is called again: a draft from before a restart is outdated.
    const isDrafted = run.draft?.phase === frame.progress.step && (run.draft.step ?? "") === (metadata.step_id ?? "");
    if (metadata.phase === "started" && isDrafted) run.draft = null;
    if ("part" in metadata && parent) updatePhase(partOf(parent, frame), frame);
    else if (!step) {
      updatePhase(phaseOf(run, frame), frame);
      // What was remembered followed the answer.
      if (frame.progress.step === "memory" && run.status === "succeeded") run.ended = true;
    } else if (metadata.phase === "started") {
      step.slow_after_ms = metadata.slow_after_ms ?? null;
      step.usual = frame.text?.usual ?? "";
      step.gives_up_at = metadata.gives_up_at ?? "";
    } else if (!("phase" in metadata)) {
      step.report = [textOf(frame), frame.progress.details].filter(Boolean).join(" · ");
      step.gives_up_at = metadata.gives_up_at ?? step.gives_up_at;
    }
  },

  /** @type {Reader<PlanFrame>} */
  plan(run, { plan, text }) {
    const { revision, summary, steps } = plan;
    run.plan_revision = revision;
    run.summary = summary ?? "";
    run.open_points = text?.open_points ?? [];
    run.questions = plan.questions ?? [];
    clearTerms(run);
    const done = new Map(run.steps.map((step) => [step.id, step.status === "succeeded" ? step.parts : []]));
    run.steps = steps.map((step, index) =>
      ({ ...newStep(step, index, text?.steps[index]), parts: done.get(step.id) ?? [] }));
  },

  /** @type {Reader<StepFrame>} */
  step(run, { seq, step: update, text }) {
    const step = run.steps.find(({ id }) => id === update.id);
    if (!step) return;
    if (update.status === "running") step.parts = []; // its tool begins again
    step.status = update.status;
    step.seq ||= seq;
    step.returned = text?.result ?? [];
    step.started_at = update.started_at;
    step.finished_at = update.finished_at;
    step.took = text?.took ?? "";
    step.error = update.error ?? "";
    step.result = text?.note ?? "";
  },

  /** @type {Reader<ApprovalFrame>} */
  approval(run, { approval, text }) {
    run.asks = approval.status === "requested";
    run.why = approval.reason;
    run.plan_revision = approval.plan_revision;
    run.decided = text?.decision ?? "";
    run.comments = text?.comments ?? run.comments;
    clearTerms(run);
    if (!run.asks) return;
    run.effects = effectsOf(run, text?.effects ?? []);
    run.estimate = text?.estimate ?? "";
    run.expires_at = approval.expires_at ?? "";
  },

  /** @type {Reader<SteeringFrame>} */
  steering(run, frame) {
    addMessage(run, frame);
    const { steering, timestamp: at, seq, text } = frame;
    const { id, status, author, content, client_id: clientId } = steering;
    if (status === "taken") {
      run.steering.push({
        id, author: author ?? "", content: content ?? "", at, seq, client_id: clientId ?? "", note: "",
      });
    } else if (status === "next") { // its own run shows it
      run.steering = run.steering.filter((said) => said.id !== id);
    }
    for (const said of run.steering) if (said.id === id) said.note = text?.note ?? "";
  },

  /** @type {Reader<ChangeFrame>} */
  change(run, frame) {
    const change = readChange(frame);
    run.changes.push(change);
    return change;
  },

  /** @type {Reader<TokenFrame>} */
  token(run, frame) {
    // `offset` counts characters, but JavaScript's strings count UTF-16 units.
    run.text = Array.from(run.text).slice(0, frame.offset).join("") + frame.text;
  },

  /** @type {Reader<CompleteFrame>} */
  complete(run, frame) {
    run.text = "";
    run.html = frame.message.html;
    run.answer_id = frame.message.id;
    run.duration_ms = frame.duration_ms;
    for (const step of run.steps) {
      if (!isWork(step) && step.status === "pending") step.status = "succeeded";
    }
    end(run, "succeeded", "finished");
    if (!frame.remembers) return;
    run.ended = false;
    for (const phase of run.phases) if (phase.step === "memory") phase.state = "running";
  },

  /** @type {Reader<ErrorFrame>} */
  error(run, frame) {
    run.retryable = frame.retryable;
    run.text = frame.partial;
    end(run, "failed", "stopped");
  },

  /** @type {Reader<CancelledFrame>} */
  cancelled(run, frame) {
    run.retryable = true;
    run.text = frame.partial;
    end(run, "cancelled", "stopped");
  },
};

/** Adds a row for an event whose type has no place of its own. @type {Reader<any>} */
function addMessage(run, { seq, timestamp, text }) {
  if (!text?.message) return;
  run.phases.push({
    key: `event:${seq}`, step: "custom", at: timestamp, seq, message: text.message, details: "",
    state: "noted", duration_ms: null, took: "", usual: "", slow_after_ms: null, recalled: "", parts: [],
  });
}

/** @type {(run: Run, status: RunStatus, state: Phase["state"]) => void} */
function end(run, status, state) {
  run.status = status;
  run.asks = false;
  run.ended = true;
  run.interrupted = false;
  clearTerms(run);
  const parts = [...run.phases, ...run.steps].flatMap((one) => one.parts);
  for (const phase of [...run.phases, ...parts]) if (phase.state === "running") phase.state = state;
}

/** Removes what was to be decided. @param {Run} run */
const clearTerms = (run) => Object.assign(run, { effects: [], estimate: "", expires_at: "" });

/** @type {(step: PlanStep, index: number, text?: PlanStepText) => Step} */
function newStep(step, index, text) {
  return {
    id: step.id,
    number: index + 1,
    type: step.type,
    description: step.description || step.tool || step.id,
    status: step.status || "pending",
    depends_on: step.depends_on,
    waits_for: text?.after ?? "",
    seq: 0,
    tool: step.tool ?? "",
    arguments: step.arguments ?? {},
    given: text?.arguments ?? [],
    returned: [],
    started_at: null, finished_at: null, gives_up_at: "", usual: "", took: "", report: "", result: "",
    error: "", slow_after_ms: null, parts: [],
  };
}

/** @type {(run: Run, effects: EffectText[]) => Effect[]} */
function effectsOf(run, effects) {
  const numbers = new Map(run.steps.map((step) => [step.id, step.number]));
  return effects.map(({ step, action, text, fields, mark }, index) => ({
    key: `${step}:${index + 1}`, number: numbers.get(step), action, text, fields, mark: mark ?? "",
  }));
}

/** @param {ProgressFrame} frame */
const textOf = ({ progress, text }) => text?.message ?? progress.message;

/** Returns the phase of the event, or adds it. @type {(run: Run, frame: ProgressFrame) => Phase} */
function phaseOf(run, frame) {
  const { step, metadata } = frame.progress;
  const key = metadata?.step_id ? `${step}:${metadata.step_id}` : step;
  const existing = run.phases.find((phase) => phase.key === key);
  if (existing) return existing;
  const phase = newPhase(key, frame);
  run.phases.push(phase);
  return phase;
}

/** @type {(key: string, frame: ProgressFrame) => Phase} */
const newPhase = (key, { progress, timestamp, seq }) => ({
  key, step: progress.step, at: timestamp, seq, message: "", details: "", state: "noted",
  duration_ms: null, took: "", usual: "", slow_after_ms: null, recalled: "", parts: [],
});

/** Returns the line of a reading. @type {(run: Run, id?: string) => Phase | undefined} */
const readingOf = (run, id) => run.phases.find(({ key }) => key === `reading:${id}`);

/** Returns the sub-step of the event, or adds it. @type {(parent: Step | Phase, frame: ProgressFrame) => Phase} */
function partOf(parent, frame) {
  const { step, metadata } = frame.progress;
  const key = `${step}:${metadata?.part}`;
  const existing = parent.parts.find((part) => part.key === key);
  if (existing) return existing;
  const part = newPhase(key, frame);
  parent.parts.push(part);
  parent.parts.sort((a, b) => orderOf(a.step) - orderOf(b.step) || a.seq - b.seq);
  return part;
}

/** @type {(phase: Phase, frame: ProgressFrame) => void} */
function updatePhase(phase, frame) {
  const metadata = frame.progress.metadata ?? {};
  phase.message = textOf(frame);
  phase.details = frame.progress.details ?? "";
  phase.recalled = frame.text?.recalled ?? "";
  if (metadata.phase === "started") {
    phase.state = "running";
    phase.at = frame.timestamp;
    phase.duration_ms = null;
    phase.took = "";
    phase.slow_after_ms = metadata.slow_after_ms ?? null;
    phase.usual = frame.text?.usual ?? "";
  } else if (metadata.phase === "finished" || metadata.phase === "failed") {
    phase.state = metadata.phase;
    phase.duration_ms = metadata.duration_ms ?? Date.parse(frame.timestamp) - Date.parse(phase.at);
    phase.took = frame.text?.took ?? duration(phase.duration_ms);
  } else if (phase.step === "error") {
    phase.state = "failed";
  }
}
