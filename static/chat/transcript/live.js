// Shows of a run that works what no event tells: how long it waits and for whom, the time that is left, its
// parallel steps on one time axis, and in the panel what a step has just made.

import { announce } from "../support/alert.js";
import { secondsText } from "../support/clocks.js";
import { find, findAll, setAttribute, slot } from "../support/dom.js";
import { timeText } from "../support/local_times.js";
import { serverNow } from "../support/server_clock.js";
import { findInRuns } from "./lazy_details.js";
import { runElement } from "./render.js";
import { enqueue } from "./render_queue.js";
import { callOf, shownDraft, workSteps } from "./run_labels.js";

// Milliseconds without a frame after which there is a new sentence. The first ones come a little early,
// so that no wait is longer than it says.
const MOMENTS = [0, 1_800, 9_800, 29_800];
const EVERY = 30_000;
const OF_TOOLS = 5_000; // when it is also said how long a tool usually takes
const SPOKEN = 9_000; // the sentences from then on are spoken
const UNKNOWN = "usual time not known yet";
const MARKED = 6_000; // how long the panel shows what a step has made

/**
 * @typedef {object} Wait  For the next frame of a run.
 * @property {Run} run
 * @property {number} at  When the last one came, by the server's clock.
 * @property {number} timer
 */
/** @type {Map<string, Wait>} */
const waits = new Map();

setInterval(() => {
  if (!document.hidden) for (const { run } of waits.values()) enqueue(`times of ${run.run}`, () => showTimes(run));
}, 1_000);

/** A frame of the run came. @type {(run: Run, change?: BoardChange) => void} */
export function heard(run, change) {
  const at = serverNow();
  clearTimeout(waits.get(run.run)?.timer);
  if (run.status === "running") {
    waits.set(run.run, { run, at, timer: 0 });
    speak(run.run, 0);
  } else waits.delete(run.run);
  enqueue(`times of ${run.run}`, () => showTimes(run));
  if (change?.step) enqueue(`made ${change.id}`, () => markMade(run, change));
}

// -- sentences --------------------------------------------------------------------------------------

/** Shows the sentence of this moment, and has the next one follow. @type {(key: string, passed: number) => void} */
function speak(key, passed) {
  const wait = waits.get(key);
  if (!wait) return;
  const moments = [...MOMENTS, ...(isTool(wait.run) ? [OF_TOOLS] : [])].sort((a, b) => a - b);
  const next = moments.find((moment) => moment > passed) ?? passed + EVERY;
  wait.timer = setTimeout(() => speak(key, next), wait.at + next - serverNow());
  const text = document.body.dataset.line === "live" ? sentence(wait, passed) : "";
  enqueue(`wait of ${key}`, () => {
    const node = runElement(key);
    if (node) slot(node, "run-wait").textContent = text;
  });
  if (passed > SPOKEN) announce(text);
}

/** @param {Run} run */
const runningSteps = (run) => workSteps(run).filter(({ status }) => status === "running");

/** @param {Run} run */
const isTool = (run) => runningSteps(run).length > 0 && !shownDraft(run);

/** @type {(wait: Wait, passed: number) => string} */
function sentence(wait, passed) {
  const { run } = wait;
  if (run.interrupted) return "";
  const draft = shownDraft(run);
  if (draft) return passed || draft.reason ? ofModel(draft, wait, passed) : "";
  const [step, ...others] = runningSteps(run);
  if (step) return ofTool(step, others.length, wait, passed);
  const phase = run.phases.findLast(({ state }) => state === "running");
  if (!phase || !passed) return "";
  return joined(waited("No report from the server", Date.parse(phase.at), passed), phase.usual);
}

/** @type {(draft: NonNullable<Run["draft"]>, wait: Wait, passed: number) => string} */
function ofModel(draft, { at }, passed) {
  const { model, text, reason, again_at: again } = draft;
  if (again) return `${text.message} at ${clock(again)}: ${reason}`;
  if (!passed) return `${text.message}: ${reason}`;
  const isSilent = !draft.thought_at && !draft.wrote_at;
  const since = isSilent ? Date.parse(draft.started_at) : at;
  const what = isSilent ? `No reply from ${model}` : `Nothing new from ${model}`;
  return joined(waited(what, since, passed), text.usual, limit(draft.gives_up_at, passed));
}

/** @type {(step: Step, others: number, wait: Wait, passed: number) => string} */
function ofTool(step, others, { at }, passed) {
  const name = callOf(step) + (others ? ` and ${others} more` : "");
  if (!passed) return name;
  const hasReported = step.report || step.parts.length;
  const since = hasReported ? at : Date.parse(step.started_at ?? "");
  const what = waited(`${name}: no ${hasReported ? "new " : ""}report`, since, passed);
  return joined(what, passed < OF_TOOLS ? "" : step.usual || UNKNOWN, limit(step.gives_up_at, passed));
}

/** @type {(what: string, since: number, passed: number) => string} */
function waited(what, since, passed) {
  const seconds = Math.round((serverNow() - since) / 1000);
  const took = passed > SPOKEN ? ` for ${secondsText(seconds)},` : "";
  return `${what}${took} since ${clock(since)}`;
}

/** @type {(at: string | null | undefined, passed: number) => string} */
function limit(at, passed) {
  if (!at || passed < SPOKEN) return "";
  const seconds = Math.max(0, Math.round((Date.parse(at) - serverNow()) / 1000));
  return `given up at ${clock(at)}, in ${secondsText(seconds)}`;
}

/** @param {string | number} at */
const clock = (at) => timeText(new Date(at), "clock");

/** @param {(string | undefined)[]} parts */
const joined = (...parts) => parts.filter(Boolean).join(" · ");

// -- times ------------------------------------------------------------------------------------------

/** Shows the times of a run, at the time that the page goes by. @param {Run} run */
export function showTimes(run) {
  const node = runElement(run.run);
  if (!node) return;
  countDown(slot(node, "run-eta"));
  if (run.status !== "running") {
    slot(node, "run-wait").textContent = "";
    for (const mark of findInRuns(node, ".lane, .usual")) mark.remove();
    return;
  }
  for (const step of workSteps(run)) showUsual(node, step);
  showLanes(node, run);
}

/**
 * After a while without a report, a step says how long it usually takes.
 * @type {(node: HTMLElement, step: Step) => void}
 */
function showUsual(node, step) {
  const row = rowOf(node, step.id);
  const isReported = step.status !== "running" || step.report || step.parts.length;
  const isSilent = !isReported && serverNow() - Date.parse(step.started_at ?? "") > OF_TOOLS;
  const shown = row && find(row, ".usual");
  if (!isSilent) shown?.remove();
  else if (row && !shown) {
    const text = document.createElement("small");
    text.className = "usual";
    text.textContent = step.usual || UNKNOWN;
    find(row, "summary")?.append(text);
  }
}

/** @type {(node: HTMLElement, id: string) => HTMLElement | null} */
const rowOf = (node, id) => find(node, `[data-slot="run-steps"] > [data-key="${CSS.escape(id)}"]`);

/** @param {HTMLElement} node */
function countDown(node) {
  const moments = node.dataset.until?.split(" ") ?? [];
  const [low, high] = moments.map((moment) => Math.ceil((Number(moment) - serverNow()) / 1000));
  const text = high === undefined ? "" : timeLeft(low, high);
  if (node.textContent !== text) node.textContent = text;
}

/** @type {(low: number, high: number) => string} */
function timeLeft(low, high) {
  if (high <= 0) return "longer than usual";
  if (low < 2) return `up to ${secondsText(high)} left`;
  return low === high ? `about ${secondsText(high)} left` : `${secondsText(low)} to ${secondsText(high)} left`;
}

// -- lanes ------------------------------------------------------------------------------------------

/**
 * Draws when each step worked, once two have worked at the same time.
 * @type {(node: HTMLElement, run: Run) => void}
 */
function showLanes(node, run) {
  const spans = spansOf(run);
  const begin = Math.min(...spans.map(({ from }) => from));
  const length = Math.max(1, ...spans.map(({ to }) => to - begin));
  const isParallel = spans.some((one) =>
    spans.some((other) => other !== one && other.from < one.to && one.from < other.to));
  if (!isParallel) {
    for (const lane of findAll(node, ".lane")) lane.remove();
    return;
  }
  for (const { id, from, to } of spans) {
    const row = rowOf(node, id);
    const bar = row && (find(row, ".lane rect") ?? addLane(row));
    setAttribute(bar, "x", Math.round((1000 * (from - begin)) / length));
    setAttribute(bar, "width", Math.max(4, Math.round((1000 * (to - from)) / length)));
  }
}

/** @param {Run} run */
function spansOf(run) {
  return workSteps(run).filter(({ started_at: at }) => at).map(({ id, started_at: from, finished_at: to }) => ({
    id, from: Date.parse(from ?? ""), to: to ? Date.parse(to) : serverNow(),
  }));
}

/** @param {HTMLElement} row */
function addLane(row) {
  const [lane, bar] = ["svg", "rect"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  const attributes = { class: "lane", viewBox: "0 0 1000 4", preserveAspectRatio: "none", "aria-hidden": "true" };
  for (const [name, value] of Object.entries(attributes)) lane.setAttribute(name, value);
  bar.setAttribute("height", "4");
  lane.append(bar);
  row.append(lane);
  return bar;
}

// -- what was made ----------------------------------------------------------------------------------

/**
 * Marks the object of a change in the panel, and brings it into view.
 * @type {(run: Run, change: BoardChange) => void}
 */
function markMade(run, { id, step: key }) {
  const step = run.steps.find((one) => one.id === key);
  const row = find(document, `#panels [data-key="${CSS.escape(id)}"]`);
  if (!step || !row) return;
  row.dataset.made = `Step ${step.number}: ${step.description}`;
  if (!row.closest(":hover, :focus-within")) row.scrollIntoView({ block: "nearest" });
  setTimeout(() => row.removeAttribute("data-made"), MARKED);
}
