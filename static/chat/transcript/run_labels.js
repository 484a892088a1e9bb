// Texts and numbers of the page about a run, as `Exchange` in chat/transcript.py and chat/labels.py.

import { count, duration } from "../support/labels.js";
import { page } from "../support/page.js";

const { doing, tools } = page.words;
const ENDED = ["succeeded", "failed", "skipped", "cancelled"];

/** @param {string} step */
export const isPhase = (step) => Object.hasOwn(doing, step);

/** @param {{status: string | undefined}} run */
export const isActive = (run) => ["queued", "running", "waiting"].includes(run.status ?? "");

/** @param {Run} run */
export const toolSteps = (run) => run.steps.filter((step) => step.type === "tool");

/** @type {(steps: Step[], ...statuses: StepStatus[]) => number} */
const countSteps = (steps, ...statuses) =>
  steps.filter((step) => statuses.includes(step.status)).length;

/** Returns the line that says how a run stands. @param {Run} run */
export function statusLine(run) {
  if (run.interrupted) return page.words.interrupted;
  switch (run.status) {
    case "queued":
      return queuedText(run.before);
    case "waiting":
      return run.asks ? page.words.waiting : page.words.goes_on;
    case "running":
      return runningText(run);
    case "failed":
      return run.error ? `Failed: ${run.error}` : "Failed";
    case "cancelled":
      return cancelledText(run.by, run.reason);
    default:
      return succeededText(run);
  }
}

/** @param {number} before */
const queuedText = (before) => (before ? `Queued (${before} ahead)` : "Queued");

/** @param {Run} run */
function runningText(run) {
  const phase = run.phases.findLast((phase) => phase.state === "running");
  if (!phase) return doing.start;
  if (phase.step === "execution") return executionText(toolSteps(run));
  return isPhase(phase.step) ? doing[phase.step] : phase.message;
}

/** @param {Step[]} steps */
function executionText(steps) {
  if (!steps.length) return doing.execution;
  const ended = steps.filter((step) => ENDED.includes(step.status));
  const running = steps.filter((step) => step.status === "running");
  const action = commonAction(steps);
  if (!action && running.length === 1 && steps.length > 1) {
    return `Step ${running[0].number} of ${steps.length}: ${running[0].description}`;
  }
  if (steps.length === 1) return action || steps[0].description;
  const failed = countSteps(ended, "failed", "skipped");
  const text = action || `Running ${steps.length} steps`;
  return `${text}, ${ended.length - failed} done${failed ? `, ${failed} failed` : ""}`;
}

/** Returns what the plan does when all steps call one tool, or "". @param {Step[]} steps */
function commonAction(steps) {
  const [{ tool }] = steps;
  if (!Object.hasOwn(tools, tool) || steps.some((step) => step.tool !== tool)) return "";
  const [verb, one, many] = tools[tool];
  const lengths = steps.map(({ arguments: { tasks } }) => (Array.isArray(tasks) ? tasks.length : 1));
  return `${verb} ${count(lengths.reduce((sum, length) => sum + length, 0), one, many)}`;
}

/** @type {(by: string | null, reason: string) => string} */
function cancelledText(by, reason) {
  const text = by ? `Cancelled by ${by}` : "Cancelled";
  return reason ? `${text}: ${reason}` : text;
}

/** @param {Run} run */
function succeededText(run) {
  const steps = toolSteps(run);
  const changed = new Map(run.changes.map((change) => [change.id, change.object]));
  const tasks = [...changed.values()].filter((kind) => kind === "task").length;
  const memories = changed.size - tasks;
  const parts = [run.duration_ms === null ? "Done" : `Done in ${duration(run.duration_ms)}`];
  if (steps.length) parts.push(outcomeText(steps));
  const objects = [];
  if (tasks) objects.push(count(tasks, "task", "tasks"));
  if (memories) objects.push(count(memories, "memory", "memories"));
  if (objects.length) parts.push(objects.join(", "));
  return parts.join(" · ");
}

/** @param {Step[]} steps */
function outcomeText(steps) {
  const [failed, skipped] = [countSteps(steps, "failed"), countSteps(steps, "skipped")];
  const all = count(steps.length, "step", "steps");
  if (failed) return `${failed} of ${all} failed${skipped ? `, ${skipped} skipped` : ""}`;
  return skipped ? `${skipped} of ${all} skipped` : all;
}

/** Returns when the run will be over, in milliseconds of the server's clock, or "". @param {Run} run */
export function eta(run) {
  if (run.status !== "running" || run.eta_ms === null || run.interrupted) return "";
  return String(Date.parse(run.eta_at) + run.eta_ms);
}

/** @param {Step} step */
export function stepDuration(step) {
  if (step.started_at === null || step.finished_at === null) return "";
  return duration(Date.parse(step.finished_at) - Date.parse(step.started_at));
}

/** @param {Step} step */
export function stepNote(step) {
  /** @type {Record<string, string>} */
  const notes = { pending: step.waits_for, running: step.report, succeeded: step.result };
  return step.error || (notes[step.status] ?? "");
}

/** @typedef {{key: string, step: string, x: number, width: number, says: string}} Segment */

/**
 * Returns the share of each finished phase in the duration of all, in thousandths.
 * @param {Run} run
 * @returns {Segment[]}
 */
export function phaseBar(run) {
  const timed = run.phases.flatMap((phase) =>
    phase.duration_ms ? [{ ...phase, duration_ms: phase.duration_ms }] : []);
  const total = timed.reduce((sum, phase) => sum + phase.duration_ms, 0);
  let passed = 0;
  return timed.map(({ key, step, message, duration_ms: ms }) => {
    const x = Math.floor((1000 * passed) / total);
    passed += ms;
    const width = Math.floor((1000 * passed) / total) - x;
    return { key, step, x, width, says: `${message}: ${duration(ms)}` };
  });
}
