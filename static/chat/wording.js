// The words that the page says about a run, from plain values: chat/wording.py once more.
// The tables come from the server; a change here is a change there.

export const page = JSON.parse(document.getElementById("page").textContent);
const { doing, actions, fields, statuses } = page.words;
export const { kinds, unreadable } = page.words;

export const unsaved = "nothing was saved";

export const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

export const isPhase = (step) => Object.hasOwn(doing, step);

export function duration(ms) {
  if (ms < 59950) {
    const tenths = Math.floor((ms + 50) / 100);
    return `${Math.floor(tenths / 10)}.${tenths % 10} s`;
  }
  const seconds = Math.floor((ms + 500) / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

const EMOJI = /^[\p{So}\uFE0F\u200D\u{1F3FB}-\u{1F3FF}]+/u;

export const plain = (message) => message.replace(EMOJI, "").trim() || message.trim();

const queued = (before) => (before ? `Queued, ${before} before it` : "Queued");

const executing = (ended, steps) =>
  steps ? `${doing.execution}, ${ended} of ${count(steps, "step", "steps")}` : doing.execution;

function done(ms, steps, failed, tasks, memories) {
  const parts = [ms === null ? "Done" : `Done in ${duration(ms)}`];
  if (steps) parts.push(count(steps, "step", "steps") + (failed ? `, ${failed} failed` : ""));
  const touched = [];
  if (tasks) touched.push(count(tasks, "task", "tasks"));
  if (memories) touched.push(count(memories, "memory", "memories"));
  if (touched.length) parts.push(touched.join(", "));
  return parts.join(" · ");
}

function cancelled(by, reason) {
  const who = by ? `Cancelled by ${by}` : "Cancelled";
  return reason ? `${who}: ${reason}` : who;
}

export const waitsFor = (numbers) => (numbers.length ? `after step ${numbers.join(", ")}` : "");

export function result(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "";
  if (Array.isArray(value.titles) && value.titles.length > 1) {
    return value.titles.map((title) => `“${title}”`).join(", ");
  }
  return Number.isInteger(value.total) ? `${value.total} found` : "";
}

export function change(body) {
  const { title } = body.after ?? body.before;
  const text = `${actions[body.action]} ${body.object} “${title}”`;
  const parts = changed(body);
  return parts ? `${text}: ${parts}` : text;
}

export function brief(body) {
  const parts = changed(body);
  return parts ? `${actions[body.action]}: ${parts}` : actions[body.action];
}

function changed({ action, before, after }) {
  if (action !== "updated") return "";
  const differs = (name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]);
  return Object.keys(fields).filter(differs).map((name) => fieldText(name, after)).join(", ");
}

function fieldText(name, after) {
  if (!["status", "priority", "kind"].includes(name)) return fields[name];
  return `${fields[name]} ${statuses[after[name]] ?? after[name]}`;
}

export function taskNote(task, titles) {
  const needed = task.depends_on.filter((id) => titles.has(id)).map((id) => `“${titles.get(id)}”`);
  const parts = [];
  if (["in_progress", "blocked"].includes(task.status)) parts.push(statuses[task.status]);
  if (task.priority !== "medium") parts.push(`${task.priority} priority`);
  if (needed.length) parts.push(`after ${needed.join(", ")}`);
  return parts.join(" · ");
}

export function tick({ title, status }) {
  const now = statuses[status].replace(/^./, (sign) => sign.toUpperCase());
  return `${now}: mark “${title}” as ${status === "completed" ? "pending" : "completed"}`;
}

// -- a run's line -----------------------------------------------------------------------------------

const ENDED = ["succeeded", "failed", "skipped", "cancelled"];

export const isActive = (run) => ["queued", "running", "waiting"].includes(run.status);

export const toolSteps = (run) => run.steps.filter((step) => step.type === "tool");

export function line(run) {
  switch (run.status) {
    case "queued":
      return queued(run.before);
    case "waiting":
      return run.asks ? page.words.waiting : page.words.goes_on;
    case "running":
      return doingNow(run);
    case "failed":
      return run.error ? `Failed: ${run.error}` : "Failed";
    case "cancelled":
      return cancelled(run.by, run.reason);
    default:
      return doneLine(run);
  }
}

function doingNow(run) {
  const phase = run.phases.findLast((one) => one.state === "running");
  if (!phase) return doing.start;
  if (phase.step === "execution") {
    const steps = toolSteps(run);
    return executing(steps.filter((step) => ENDED.includes(step.status)).length, steps.length);
  }
  return isPhase(phase.step) ? doing[phase.step] : phase.message;
}

function doneLine(run) {
  const steps = toolSteps(run);
  const failed = steps.filter((step) => ["failed", "skipped"].includes(step.status)).length;
  const touched = new Map(run.changes.map((one) => [one.id, one.object]));
  const tasks = [...touched.values()].filter((kind) => kind === "task").length;
  return done(run.duration_ms, steps.length, failed, tasks, touched.size - tasks);
}

export function eta(run) {
  if (run.status !== "running" || run.eta_ms === null) return "";
  return `about ${Math.max(1, Math.floor((run.eta_ms + 500) / 1000))} s left`;
}

export function stepTook(step) {
  if (step.started_at === null || step.finished_at === null) return "";
  return duration(Date.parse(step.finished_at) - Date.parse(step.started_at));
}

export function stepNote(step) {
  const notes = { pending: step.waits_for, running: step.report, succeeded: step.result };
  return step.error || (notes[step.status] ?? "");
}

export function bar(run) {
  const timed = run.phases.filter((phase) => phase.duration_ms);
  const total = timed.reduce((sum, phase) => sum + phase.duration_ms, 0);
  let passed = 0;
  return timed.map((phase) => {
    const x = Math.floor((1000 * passed) / total);
    passed += phase.duration_ms;
    const width = Math.floor((1000 * passed) / total) - x;
    return { key: phase.key, step: phase.step, x, width };
  });
}
