// Texts of the page about values, such as durations, arguments and changes: chat/labels.py once more.
// The tables come from the server; a change here is a change there.

import { page } from "./page.js";

const { actions, fields, statuses, would } = page.words;
export const { kinds, unreadable } = page.words;

export const UNSAVED = "nothing was saved";

/** @type {(number: number, one: string, many: string) => string} */
export const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** @param {number} ms */
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

/** Removes the emoji in front: the page draws an icon instead. @param {string} message */
export const withoutEmoji = (message) => message.replace(EMOJI, "").trim() || message.trim();

/** @param {string} name */
export const withSpaces = (name) => name.replaceAll("_", " ");

/** @type {(titles: string[]) => string} */
const quoted = (titles) => titles.map((title) => `“${title}”`).join(", ");

/** @param {string[]} titles */
export const recalledText = (titles) => (titles.length ? `Recalled: ${quoted(titles)}` : "");

/** @param {(number | undefined)[]} numbers */
export const waitsForText = (numbers) => (numbers.length ? `after step ${numbers.join(", ")}` : "");

/** @param {Approval} approval */
export function decisionText({ status, by, reason }) {
  if (status === "expired") return "Expired without a decision";
  if (!["approved", "rejected"].includes(status)) return "";
  const verb = status === "approved" ? "Approved" : "Rejected";
  const decision = by ? `${verb} by ${by}` : verb;
  return reason && status === "rejected" ? `${decision}: ${reason}` : decision;
}

/** @param {Estimate | null} [estimate] */
export function estimateText(estimate) {
  if (!estimate) return page.words.unknown_time;
  const [low, lowUnit] = rounded(estimate.low_ms);
  const [high, highUnit] = rounded(estimate.high_ms);
  if (lowUnit !== highUnit) return `About ${withUnit(low, lowUnit)} to ${withUnit(high, highUnit)}`;
  return low === high ? `About ${withUnit(high, highUnit)}` : `About ${low} to ${high} ${highUnit}s`;
}

/** Whole seconds, from a minute on minutes, from an hour on hours. @type {(ms: number) => [number, string]} */
function rounded(ms) {
  const seconds = Math.max(1, Math.floor((ms + 500) / 1000));
  if (seconds < 60) return [seconds, "second"];
  const minutes = Math.floor((seconds + 30) / 60);
  return minutes < 60 ? [minutes, "minute"] : [Math.floor((minutes + 30) / 60), "hour"];
}

/** @type {(number: number, unit: string) => string} */
const withUnit = (number, unit) => count(number, unit, `${unit}s`);

// -- values -----------------------------------------------------------------------------------------

/** @typedef {Map<unknown, number>} StepNumbers  The numbers of the plan's steps by id. */

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** @type {(values: unknown, numbers: StepNumbers) => Fact[]} */
export function facts(values, numbers) {
  if (!isObject(values)) return [];
  return Object.entries(values).map(([key, value]) => [withSpaces(key), valueText(value, numbers)]);
}

/** @type {(value: any, numbers: StepNumbers) => string} */
function valueText(value, numbers) {
  if (value === null || value === "" || value.length === 0) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map((item) => valueText(item, numbers)).join("; ");
  if (!isObject(value)) return String(value);
  if (Object.hasOwn(value, "$from")) {
    return `${value.path} of step ${numbers.get(value.$from) ?? value.$from}`;
  }
  const parts = Object.entries(value);
  if (!parts.length) return "–";
  return parts.map(([key, part]) => `${withSpaces(key)} ${valueText(part, numbers)}`).join(", ");
}

/** Returns what a step's result says beyond its description. @param {unknown} value */
export function resultText(value) {
  if (!isObject(value)) return "";
  if (Array.isArray(value.titles) && value.titles.length > 1) return quoted(value.titles);
  return Number.isInteger(value.total) ? `${value.total} found` : "";
}

// -- changes ----------------------------------------------------------------------------------------

/** @param {PlannedChange} change */
export const effectText = (change) => `${would[change.action]} ${change.object} “${change.title}”`;

/** @type {(before: any, after: any) => string[]} */
const changedFields = (before, after) =>
  Object.keys(fields).filter((name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));

/**
 * @param {PlannedChange} change
 * @returns {Difference[]}
 */
export function differences({ action, before, after }) {
  if (action !== "updated") return [];
  return changedFields(before, after).map((name) =>
    ["parent", "depends_on", "position"].includes(name)
      ? [fields[name], "", "changed"]
      : [fields[name], fieldText(before?.[name]), fieldText(after?.[name])],
  );
}

/** @param {unknown} value */
const fieldText = (value) =>
  typeof value === "string" && value ? (statuses[value] ?? value) : valueText(value ?? null, new Map());

/** @param {BoardChange} change */
export function changeText(change) {
  const { title } = change.after ?? change.before;
  const text = `${actions[change.action]} ${change.object} “${title}”`;
  const details = changeDetails(change);
  return details ? `${text}: ${details}` : text;
}

/** Without the object's title, for where the object itself is shown. @param {BoardChange} change */
export function changeSummary(change) {
  const details = changeDetails(change);
  return details ? `${actions[change.action]}: ${details}` : actions[change.action];
}

/** @param {BoardChange} change */
function changeDetails({ action, before, after }) {
  if (action !== "updated") return "";
  return changedFields(before, after).map((name) => changedField(name, after)).join(", ");
}

/** @type {(name: string, after: any) => string} */
function changedField(name, after) {
  if (!["status", "priority", "kind"].includes(name)) return fields[name];
  return `${fields[name]} ${statuses[after[name]] ?? after[name]}`;
}

// -- tasks ------------------------------------------------------------------------------------------

/**
 * Returns the small text under a task.
 * @param {Task} task
 * @param {Map<string, string>} titles  Those of the board's tasks by id.
 */
export function taskNote(task, titles) {
  const dependencies = task.depends_on.flatMap((id) => titles.get(id) ?? []);
  const parts = [];
  if (["in_progress", "blocked"].includes(task.status)) parts.push(statuses[task.status]);
  if (task.priority !== "medium") parts.push(`${task.priority} priority`);
  if (dependencies.length) parts.push(`after ${quoted(dependencies)}`);
  return parts.join(" · ");
}

/** Returns the name of the button that completes or reopens a task. @param {Task} task */
export function tickLabel({ title, status }) {
  const state = statuses[status].replace(/^./, (letter) => letter.toUpperCase());
  return `${state}: mark “${title}” as ${status === "completed" ? "pending" : "completed"}`;
}
