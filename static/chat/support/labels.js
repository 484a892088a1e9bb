// The words that the page says about a run, from plain values: chat/wording.py once more.
// The tables come from the server; a change here is a change there.

export const page = JSON.parse(document.getElementById("page").textContent);
const { actions, doing, fields, statuses, tools, would } = page.words;
export const { kinds, unreadable } = page.words;

export const unsaved = "nothing was saved";

export const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

export const isPhase = (step) => Object.hasOwn(doing, step);

export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
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

function executing(steps) {
  if (!steps.length) return doing.execution;
  const ended = steps.filter((step) => ENDED.includes(step.status));
  const running = steps.filter((step) => step.status === "running");
  const words = allTheSame(steps);
  if (!words && running.length === 1 && steps.length > 1) {
    return `Step ${running[0].number} of ${steps.length}: ${running[0].description}`;
  }
  if (steps.length === 1) return words || steps[0].description;
  const failed = ended.filter((step) => ["failed", "skipped"].includes(step.status)).length;
  const text = words || `Carrying out ${steps.length} steps`;
  return `${text}, ${ended.length - failed} done${failed ? `, ${failed} failed` : ""}`;
}

function allTheSame(steps) {
  const [{ tool }] = steps;
  if (!Object.hasOwn(tools, tool) || steps.some((step) => step.tool !== tool)) return "";
  const [verb, one, many] = tools[tool];
  const length = ({ arguments: { tasks } }) => (Array.isArray(tasks) ? tasks.length : 1);
  return `${verb} ${count(steps.reduce((sum, step) => sum + length(step), 0), one, many)}`;
}

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

export const recalled = (titles) =>
  titles.length ? `Recalled: ${titles.map((title) => `“${title}”`).join(", ")}` : "";

export const waitsFor = (numbers) => (numbers.length ? `after step ${numbers.join(", ")}` : "");

export function decided({ status, by, reason }) {
  if (status === "expired") return "Nobody decided in time";
  if (!["approved", "rejected"].includes(status)) return "";
  const word = status === "approved" ? "Approved" : "Rejected";
  const who = by ? `${word} by ${by}` : word;
  return reason && status === "rejected" ? `${who}: ${reason}` : who;
}

export function estimate(told) {
  if (!told) return page.words.unknown_time;
  const [low, high] = [duration(told.low_ms), duration(told.high_ms)];
  return low === high ? `Takes about ${low}` : `Takes about ${low} to ${high}`;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export const spaced = (name) => name.replaceAll("_", " ");

// `numbers`: those of the plan's steps by id.
export function facts(values, numbers) {
  if (!isObject(values)) return [];
  return Object.entries(values).map(([key, one]) => [spaced(key), valueText(one, numbers)]);
}

function valueText(one, numbers) {
  if (one === null || one === "" || one.length === 0) return "–";
  if (typeof one === "boolean") return one ? "yes" : "no";
  if (Array.isArray(one)) return one.map((each) => valueText(each, numbers)).join("; ");
  if (!isObject(one)) return String(one);
  if (Object.hasOwn(one, "$from")) {
    return `${one.path} of step ${numbers.get(one.$from) ?? one.$from}`;
  }
  const parts = Object.entries(one);
  if (!parts.length) return "–";
  return parts.map(([key, each]) => `${spaced(key)} ${valueText(each, numbers)}`).join(", ");
}

export const effect = (change) => `${would[change.action]} ${change.object} “${change.title}”`;

export function differences({ action, before, after }) {
  if (action !== "updated") return [];
  const [old, now] = [before ?? {}, after ?? {}];
  return Object.keys(fields)
    .filter((name) => JSON.stringify(old[name]) !== JSON.stringify(now[name]))
    .map((name) =>
      ["parent", "depends_on", "position"].includes(name)
        ? [fields[name], "", "changed"]
        : [fields[name], shown(old[name]), shown(now[name])],
    );
}

const shown = (one) =>
  typeof one === "string" && one ? (statuses[one] ?? one) : valueText(one ?? null, new Map());

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
  if (run.interrupted) return page.words.interrupted;
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
  if (phase.step === "execution") return executing(toolSteps(run));
  return isPhase(phase.step) ? doing[phase.step] : phase.message;
}

function doneLine(run) {
  const steps = toolSteps(run);
  const failed = steps.filter((step) => ["failed", "skipped"].includes(step.status)).length;
  const touched = new Map(run.changes.map((one) => [one.id, one.object]));
  const tasks = [...touched.values()].filter((kind) => kind === "task").length;
  return done(run.duration_ms, steps.length, failed, tasks, touched.size - tasks);
}

// When the run will be over, in milliseconds of the server's clock, or "".
export function eta(run) {
  if (run.status !== "running" || run.eta_ms === null || run.interrupted) return "";
  return String(Date.parse(run.eta_at) + run.eta_ms);
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
    const says = `${phase.message}: ${duration(phase.duration_ms)}`;
    return { key: phase.key, step: phase.step, x, width, says };
  });
}
