// The runs of a session as a fold over live events, by the rules of chat/fold.py. No DOM.

import {
  changeSummary, changeText, decisionText, differences, effectText, estimateText, facts, resultText,
  waitsForText, withoutEmoji,
} from "../support/labels.js";
import { isActive } from "./run_labels.js";

/**
 * Reads an event into its run.
 * @template Frame
 * @typedef {(run: Run, frame: Frame) => Change | void} Reader
 */

/** @type {(id: string) => Run} */
const emptyRun = (id) => ({
  run: id, said: null, status: "queued", started_at: "", phases: [], plan_revision: 0, summary: "",
  steps: [], changes: [], text: "", html: "", asks: false, why: "", effects: [], estimate: "",
  expires_at: "", decided: "", answer_id: "", reason: "", by: null, error: "", retryable: false,
  eta_ms: null, eta_at: "", interrupted: false, duration_ms: null, before: 0, ended: false,
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
    if (!Object.hasOwn(readers, frame.type)) return {};
    if (frame.type === "change" && frame.run === null) return { change: readChange(frame) };
    const run = this.runOf(frame);
    run.interrupted = false; // an event shows that some process executes the run
    const change = readers[frame.type](run, frame);
    if (run.ended) this.runs.delete(run.run); // this was its last event
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
function readChange({ seq, timestamp, change }) {
  return {
    seq, object: change.object, id: change.id, text: changeText(change), by: change.by ?? "",
    at: timestamp, brief: changeSummary(change), undoable: true,
  };
}

/** @type {Record<string, Reader<any>>} */
const readers = {
  /** @type {Reader<MessageFrame>} */
  message(run, { message, timestamp }) {
    const { id, author, content, client_id: clientId } = message;
    run.said = { author: author ?? "", content, at: timestamp, id, client_id: clientId ?? "" };
  },

  /** @type {Reader<RunFrame>} */
  run(run, { status, timestamp }) {
    if (status === "running" && !run.started_at) run.started_at = timestamp;
    if (isActive({ status })) run.status = status; // how it ended is in its last event
  },

  /** @type {Reader<ProgressFrame>} */
  progress(run, frame) {
    const metadata = frame.progress.metadata ?? {};
    if (metadata.eta_ms !== undefined) [run.eta_ms, run.eta_at] = [metadata.eta_ms, frame.timestamp];
    const step = run.steps.find(({ id }) => id === metadata.step_id);
    if (!step) updatePhase(phaseOf(run, frame), frame);
    else if (metadata.phase === "started") step.slow_after_ms = metadata.slow_after_ms ?? null;
    else if (!("phase" in metadata)) step.report = withoutEmoji(frame.progress.message);
  },

  /** @type {Reader<PlanFrame>} */
  plan(run, frame) {
    const { revision, summary, steps } = frame.plan;
    const numbers = new Map(steps.map((step, index) => [step.id, index + 1]));
    run.plan_revision = revision;
    run.summary = summary ?? "";
    clearTerms(run);
    run.steps = steps.map((step) => newStep(step, numbers));
  },

  /** @type {Reader<StepFrame>} */
  step(run, { seq, step: update }) {
    const step = run.steps.find(({ id }) => id === update.id);
    if (!step) return;
    step.status = update.status;
    step.seq ||= seq;
    step.returned = facts(update.result, new Map());
    step.started_at = update.started_at;
    step.finished_at = update.finished_at;
    step.error = update.error ?? "";
    step.result = resultText(update.result);
  },

  /** @type {Reader<ApprovalFrame>} */
  approval(run, { approval }) {
    run.asks = approval.status === "requested";
    run.why = approval.reason;
    run.plan_revision = approval.plan_revision;
    run.decided = decisionText(approval);
    clearTerms(run);
    if (!run.asks) return;
    run.effects = effectsOf(run, approval.effects ?? []);
    run.estimate = estimateText(approval.estimate);
    run.expires_at = approval.expires_at ?? "";
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
      if (step.type !== "tool" && step.status === "pending") step.status = "succeeded";
    }
    end(run, "succeeded", "finished");
  },

  /** @type {Reader<ErrorFrame>} */
  error(run, frame) {
    run.error = frame.error;
    run.retryable = frame.retryable;
    run.text = frame.partial;
    end(run, "failed", "stopped");
  },

  /** @type {Reader<CancelledFrame>} */
  cancelled(run, frame) {
    run.by = frame.by;
    run.reason = frame.reason;
    run.text = frame.partial;
    end(run, "cancelled", "stopped");
  },
};

/** @type {(run: Run, status: RunStatus, state: Phase["state"]) => void} */
function end(run, status, state) {
  run.status = status;
  run.asks = false;
  run.ended = true;
  run.interrupted = false;
  clearTerms(run);
  for (const phase of run.phases) if (phase.state === "running") phase.state = state;
}

/** Removes what was to be decided. @param {Run} run */
const clearTerms = (run) => Object.assign(run, { effects: [], estimate: "", expires_at: "" });

/** @type {(step: PlanStep, numbers: Map<string, number>) => Step} */
function newStep(step, numbers) {
  const waitsFor = step.depends_on.map((id) => numbers.get(id) ?? 0).sort((a, b) => a - b);
  return {
    id: step.id,
    number: numbers.get(step.id) ?? 0,
    type: step.type,
    description: step.description || step.tool || step.id,
    status: step.status || "pending",
    depends_on: step.depends_on,
    waits_for: waitsForText(waitsFor),
    seq: 0,
    tool: step.tool ?? "",
    arguments: step.arguments ?? {},
    given: facts(step.arguments, numbers),
    returned: [],
    started_at: null, finished_at: null, report: "", result: "", error: "", slow_after_ms: null,
  };
}

/** @type {(run: Run, effects: StepEffects[]) => Effect[]} */
function effectsOf(run, effects) {
  const numbers = new Map(run.steps.map((step) => [step.id, step.number]));
  return effects.flatMap(({ step, changes, note }) => {
    const number = numbers.get(step);
    /** @type {Effect[]} */
    const known = changes.map((change, index) => ({
      key: `${step}:${index + 1}`, number, action: change.action, text: effectText(change),
      fields: differences(change),
    }));
    if (!note) return known;
    return [...known, { key: `${step}:note`, number, action: "unknown", text: note, fields: [] }];
  });
}

/** Returns the phase of the event, or adds it. @type {(run: Run, frame: ProgressFrame) => Phase} */
function phaseOf(run, frame) {
  const { step, metadata } = frame.progress;
  const key = metadata?.step_id ? `${step}:${metadata.step_id}` : step;
  const existing = run.phases.find((phase) => phase.key === key);
  if (existing) return existing;
  /** @type {Phase} */
  const phase = {
    key, step, at: frame.timestamp, seq: frame.seq, message: "", details: "", state: "noted",
    duration_ms: null, slow_after_ms: null, recalled: [],
  };
  run.phases.push(phase);
  return phase;
}

/** @type {(phase: Phase, frame: ProgressFrame) => void} */
function updatePhase(phase, frame) {
  const metadata = frame.progress.metadata ?? {};
  phase.message = withoutEmoji(frame.progress.message);
  phase.details = frame.progress.details ?? "";
  phase.recalled = metadata.recalled ?? [];
  if (metadata.phase === "started") {
    phase.state = "running";
    phase.at = frame.timestamp;
    phase.duration_ms = null;
    phase.slow_after_ms = metadata.slow_after_ms ?? null;
  } else if (metadata.phase === "finished" || metadata.phase === "failed") {
    phase.state = metadata.phase;
    phase.duration_ms = metadata.duration_ms ?? Date.parse(frame.timestamp) - Date.parse(phase.at);
  } else if (phase.step === "error") {
    phase.state = "failed";
  }
}
