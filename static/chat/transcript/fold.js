// The runs of a session as a fold over live events, by the rules of chat/fold.py. No DOM.

import {
  brief, change as changeText, decided, differences, effect, estimate, facts, isActive, plain, result,
  waitsFor,
} from "../support/labels.js";

const emptyRun = (id) => ({
  run: id, said: null, status: "queued", started_at: "", phases: [], plan_revision: 0, summary: "",
  steps: [], changes: [], text: "", html: "", asks: false, why: "", effects: [], estimate: "",
  expires_at: "", decided: "", answer_id: "", reason: "", by: null, error: "", retryable: false,
  eta_ms: null, eta_at: "", interrupted: false, duration_ms: null, before: 0, ended: false,
});

export class Fold {
  constructor(runs) {
    this.runs = new Map(runs.map((run) => [run.run, run]));
  }

  // Returns what the event touched: {run}, {change} of a person, both for a change of a run, or {}.
  apply(frame) {
    const read = readers[frame.type];
    if (!read) return {};
    if (frame.type === "change" && frame.run === null) return { change: readChange(frame) };
    const run = this.run(frame.run);
    run.interrupted = false; // whoever tells of it drives it
    const change = read(run, frame);
    if (run.ended) this.runs.delete(run.run); // its last event
    this.count();
    return { run, change };
  }

  run(id) {
    if (typeof id !== "string") throw new TypeError("an event of a run names it");
    if (!this.runs.has(id)) this.runs.set(id, emptyRun(id));
    return this.runs.get(id);
  }

  count() {
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

function readChange(frame) {
  const body = frame.change;
  return {
    seq: frame.seq, object: body.object, id: body.id, text: changeText(body), by: body.by ?? "",
    at: frame.timestamp, brief: brief(body), undoable: true,
  };
}

const readers = {
  message(run, frame) {
    const { id, author, content, client_id: clientId } = frame.message;
    run.said = { author: author ?? "", content, at: frame.timestamp, id, client_id: clientId ?? "" };
  },

  run(run, frame) {
    if (frame.status === "running" && !run.started_at) run.started_at = frame.timestamp;
    if (isActive(frame)) run.status = frame.status; // its last event says how it ended
  },

  progress(run, frame) {
    const told = frame.progress.metadata ?? {};
    if ("eta_ms" in told) [run.eta_ms, run.eta_at] = [told.eta_ms, frame.timestamp];
    const step = run.steps.find((one) => one.id === told.step_id);
    if (!step) tell(phaseOf(run, frame), frame);
    else if (told.phase === "started") step.slow_after_ms = told.slow_after_ms ?? null;
    else if (!("phase" in told)) step.report = plain(frame.progress.message);
  },

  plan(run, frame) {
    const { revision, summary, steps } = frame.plan;
    const numbers = new Map(steps.map((step, index) => [step.id, index + 1]));
    run.plan_revision = revision;
    run.summary = summary ?? "";
    forgetTerms(run);
    run.steps = steps.map((step) => ({
      id: step.id,
      number: numbers.get(step.id),
      type: step.type,
      description: step.description || step.tool || step.id,
      status: step.status || "pending",
      depends_on: step.depends_on,
      waits_for: waitsFor(step.depends_on.map((id) => numbers.get(id)).sort((a, b) => a - b)),
      seq: 0,
      tool: step.tool ?? "",
      arguments: step.arguments ?? {},
      given: facts(step.arguments, numbers),
      returned: [],
      started_at: null, finished_at: null, report: "", result: "", error: "", slow_after_ms: null,
    }));
  },

  step(run, frame) {
    const told = frame.step;
    const step = run.steps.find((one) => one.id === told.id);
    if (!step) return;
    step.status = told.status;
    step.seq ||= frame.seq;
    step.returned = facts(told.result, new Map());
    step.started_at = told.started_at;
    step.finished_at = told.finished_at;
    step.error = told.error ?? "";
    step.result = result(told.result ?? null);
  },

  approval(run, frame) {
    run.asks = frame.approval.status === "requested";
    run.why = frame.approval.reason;
    run.plan_revision = frame.approval.plan_revision;
    run.decided = decided(frame.approval);
    forgetTerms(run);
    if (!run.asks) return;
    run.effects = effectsOf(run, frame.approval.effects ?? []);
    run.estimate = estimate(frame.approval.estimate);
    run.expires_at = frame.approval.expires_at ?? "";
  },

  change(run, frame) {
    const change = readChange(frame);
    run.changes.push(change);
    return change;
  },

  token(run, frame) {
    // `offset` counts characters, JavaScript's strings count UTF-16 units.
    run.text = Array.from(run.text).slice(0, frame.offset).join("") + frame.text;
  },

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

  error(run, frame) {
    run.error = frame.error;
    run.retryable = frame.retryable;
    run.text = frame.partial;
    end(run, "failed", "stopped");
  },

  cancelled(run, frame) {
    run.by = frame.by;
    run.reason = frame.reason;
    run.text = frame.partial;
    end(run, "cancelled", "stopped");
  },
};

function end(run, status, state) {
  run.status = status;
  run.asks = false;
  run.ended = true;
  run.interrupted = false;
  forgetTerms(run);
  for (const phase of run.phases) if (phase.state === "running") phase.state = state;
}

const forgetTerms = (run) => Object.assign(run, { effects: [], estimate: "", expires_at: "" });

function effectsOf(run, told) {
  const numbers = new Map(run.steps.map((step) => [step.id, step.number]));
  return told.flatMap(({ step, changes, note }) => {
    const number = numbers.get(step);
    const known = changes.map((change, index) => ({
      key: `${step}:${index + 1}`, number, action: change.action, text: effect(change),
      fields: differences(change),
    }));
    if (!note) return known;
    return [...known, { key: `${step}:note`, number, action: "unknown", text: note, fields: [] }];
  });
}

// The line of the event's step, which each run has once.
function phaseOf(run, frame) {
  const { step, metadata } = frame.progress;
  const key = metadata?.step_id ? `${step}:${metadata.step_id}` : step;
  let phase = run.phases.find((one) => one.key === key);
  if (!phase) {
    phase = {
      key, step, at: frame.timestamp, seq: frame.seq, message: "", details: "", state: "noted",
      duration_ms: null, slow_after_ms: null, recalled: [],
    };
    run.phases.push(phase);
  }
  return phase;
}

function tell(phase, frame) {
  const told = frame.progress.metadata ?? {};
  phase.message = plain(frame.progress.message);
  phase.details = frame.progress.details ?? "";
  phase.recalled = told.recalled ?? [];
  if (told.phase === "started") {
    Object.assign(phase, {
      state: "running", at: frame.timestamp, duration_ms: null, slow_after_ms: told.slow_after_ms ?? null,
    });
  } else if (["finished", "failed"].includes(told.phase)) {
    phase.state = told.phase;
    phase.duration_ms = told.duration_ms ?? Date.parse(frame.timestamp) - Date.parse(phase.at);
  } else if (phase.step === "error") {
    phase.state = "failed";
  }
}
