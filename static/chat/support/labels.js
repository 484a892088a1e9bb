// Texts of the page that no event carries. Those of events come with them, in `text`.

import { page } from "./page.js";

const { statuses } = page.words;
export const { kinds, unreadable } = page.words;

export const UNSAVED = "nothing was saved";

/** As agent/support/durations.py, for durations that still grow. @param {number} ms */
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

/** @param {string} name */
export const withSpaces = (name) => name.replaceAll("_", " ");

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value);

// -- tasks: as chat/labels.py, from all tasks that the page shows ------------------------------------

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
  if (dependencies.length) parts.push(`after ${dependencies.map((title) => `“${title}”`).join(", ")}`);
  return parts.join(" · ");
}

/** Returns the name of the button that completes or reopens a task. @param {Task} task */
export function tickLabel({ title, status }) {
  const state = statuses[status].replace(/^./, (letter) => letter.toUpperCase());
  return `${state}: mark “${title}” as ${status === "completed" ? "pending" : "completed"}`;
}
