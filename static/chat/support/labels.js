// Texts of the page that no event carries. Those of events come with them, in `text`.

import { page } from "./page.js";

const { notes, after, ticks } = page.words;
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

/** Puts a word into the gap of a text. @type {(text: string, word: string) => string} */
export const filled = (text, word) => text.replace("{}", () => word);

/** @param {string} name */
export const withSpaces = (name) => name.replaceAll("_", " ");

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/**
 * Returns the small text under a task.
 * @param {Task} task
 * @param {Map<string, string>} titles  Those of the board's tasks by id.
 */
export function taskNote({ status, priority, depends_on }, titles) {
  const needed = depends_on.flatMap((id) => titles.get(id) ?? []).map((title) => `“${title}”`).join(", ");
  return [notes[status], notes[priority], needed && filled(after, needed)].filter(Boolean).join(" · ");
}

/** Returns the name of the button that completes or reopens a task. @param {Task} task */
export const tickLabel = ({ title, status }) => filled(ticks[status], title);
