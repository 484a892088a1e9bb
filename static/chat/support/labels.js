// Texts of the page that no event carries. Those of events come with them, in `text`.

import { page } from "./page.js";
import { isolated, marked } from "./names.js";
import { serverNow } from "./server_clock.js";

const { notes, waits, ready, due: dueOn, overdue, zone, hours, criteria: met, ticks } = page.words;
export const { kinds, unreadable } = page.words;

// Writes a day as tasks have it, such as 2026-12-04, in the server's time zone.
const day = new Intl.DateTimeFormat("sv", { timeZone: zone });

export const UNSAVED = "nothing was saved";

/** As agent/support/durations.py, for durations that still grow. @param {number} ms */
export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 59950) return `${(Math.round(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
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

/** @param {Task} task */
export const isOpen = ({ status }) => status !== "completed" && status !== "cancelled";

/**
 * Returns the small text under a task.
 * @param {Task} task
 * @param {Map<string, Task>} tasks  Those of the board by id.
 * @param {boolean} isWhole  Whether these are all.
 */
export function taskNote(task, tasks, isWhole) {
  const { status, priority, due, estimate, assignee, criteria, labels } = task;
  return [
    notes[status], notes[priority], readiness(task, tasks, isWhole), due && filled(isOpen(task) && due < day.format(serverNow()) ? overdue : dueOn, due),
    estimate && filled(hours, String(estimate)), assignee,
    criteria?.length && filled(met, `${criteria.filter(({ done }) => done).length}/${criteria.length}`),
    labels && marked(labels.join(", ")),
  ].filter(Boolean).join(" · ");
}

/**
 * Returns what an open task waits for, or that it is ready because all that it needed is over.
 * @type {(task: Task, tasks: Map<string, Task>, isWhole: boolean) => string}
 */
function readiness(task, tasks, isWhole) {
  if (!isOpen(task) || !task.depends_on.length) return "";
  const known = task.depends_on.flatMap((id) => tasks.get(id) ?? []);
  const titles = known.filter(isOpen).map(({ title }) => `“${isolated(title)}”`);
  if (titles.length) return filled(waits, titles.join(", "));
  const isKnown = isWhole || known.length === task.depends_on.length;
  return isKnown && task.status === "pending" ? ready : "";
}

/** Whether a task can be started. @type {(task: Task, tasks: Map<string, Task>) => boolean} */
export const isReady = (task, tasks) =>
  task.status === "pending" && ["", ready].includes(readiness(task, tasks, true));

/** Returns the name of the button that completes or reopens a task. @param {Task} task */
export const tickLabel = ({ title, status }) => filled(ticks[status], isolated(title));
