// Texts and numbers of the page about a run, as `Exchange` in chat/transcript.py.

import { filled } from "../support/labels.js";
import { page } from "../support/page.js";

const { phases, steps: kinds, queued, queued_behind: queuedBehind } = page.words;

/** @param {string} step */
export const isPhase = (step) => phases.includes(step);

/** How a custom step is shown; empty where no package registers it any more. @param {string} step */
const kindOf = (step) => (Object.hasOwn(kinds, step) ? kinds[step] : null);

/** @param {string} step */
export const iconOf = (step) => kindOf(step)?.[0] ?? "";

/** @param {string} step */
export const colorOf = (step) => kindOf(step)?.[1] ?? "";

/** The place among the sub-steps of a step, as in chat/fold_progress.py. @param {string} step */
export const orderOf = (step) => kindOf(step)?.[2] ?? 1_000_000;

/** @param {{status?: string}} run */
export const isActive = (run) => ["queued", "running", "waiting"].includes(run.status ?? "");

/** Tells whether the answer is not begun. @param {Run} run */
export const isEarly = (run) => run.phases.every(({ step }) => step !== "completion");

/** @param {Run} run */
export const workSteps = (run) => run.steps.filter(isWork);

/** Tells whether a step is carried out; the others are words. @param {{type: string}} step */
export const isWork = ({ type }) => type === "tool" || type === "compose";

/** Returns the slot in which a draft of this phase is shown. @param {string} phase */
export const draftSlot = (phase) => (["completion", "memory"].includes(phase) ? "answer-draft" : "run-draft");

/**
 * Returns the draft while the step of progress runs in which it is written. The draft of a plan stays until
 * the plan is validated, and that of a composed value as long as its step runs.
 * @param {Run} run
 */
export function shownDraft({ draft, status, phases, steps: planned }) {
  if (!draft || status !== "running") return null;
  if (draft.step) return planned.some((step) => step.id === draft.step && step.status === "running") ? draft : null;
  const steps = draft.phase === "planning" ? ["planning", "validation"] : [draft.phase];
  return phases.some(({ key, state }) => steps.includes(key) && state === "running") ? draft : null;
}

/** Returns the line that says how a run stands. @param {Run} run */
export function statusLine(run) {
  if (run.interrupted) return page.words.interrupted;
  if (run.status !== "queued") return run.told;
  return run.before ? filled(queuedBehind, String(run.before)) : queued;
}

/** Returns from when to when the run will be over, in milliseconds of the server's clock, or "". @param {Run} run */
export function eta(run) {
  if (run.status !== "running" || run.eta_ms === null || run.interrupted) return "";
  return run.eta_ms.map((ms) => Date.parse(run.eta_at) + ms).join(" ");
}

/** As `counted_effects` in chat/transcript.py. @param {Run} run */
export function effectsCount({ effects }) {
  const calls = effects.filter(({ action }) => action === "unknown").length;
  const counts = [[effects.length - calls, "change"], [calls, "call"]];
  return counts.flatMap(([n, noun]) => (n ? `${n} ${noun}${n === 1 ? "" : "s"}` : [])).join(", ");
}

/** Returns how a step is carried out. @param {Step} step */
export const howOf = ({ type, tool }) => (type === "compose" ? type : tool);

/** Returns what is called with what. @param {Step} step */
export const callOf = (step) => [howOf(step), ...step.given.slice(0, 1).map(([, value]) => value)].join(": ");

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
    phase.duration_ms && phase.key === phase.step ? [{ ...phase, duration_ms: phase.duration_ms }] : []);
  const total = timed.reduce((sum, phase) => sum + phase.duration_ms, 0);
  let passed = 0;
  return timed.map(({ key, step, message, took, duration_ms: ms }) => {
    const x = Math.floor((1000 * passed) / total);
    passed += ms;
    const width = Math.floor((1000 * passed) / total) - x;
    return { key, step, x, width, says: `${message}: ${took}` };
  });
}
