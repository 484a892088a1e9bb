// The project's tasks and memories as this page knows them, in the order of chat/panels.py, and what
// changed since the last message. No DOM.

import { isOpen, kinds } from "../support/labels.js";
import { page } from "../support/page.js";

/** @type {Map<string, Task>} */
export const tasks = new Map();
/** @type {Map<string, Memory>} */
export const memories = new Map();
/** The last change of each object since the last message. @type {Map<string, Change>} */
export const fresh = new Map(page.fresh.map((change) => [change.id, change]));
const objects = { task: tasks, memory: memories };
/** How many objects of a large board the page doesn't know. */
export const hidden = { tasks: 0, open: 0, memories: 0 };
/** Whether the page has as much of the board as it can show. */
export const extent = { isWhole: false };

/** @param {Board} board */
export function replace(board) {
  tasks.clear();
  for (const task of board.tasks) tasks.set(task.id, task);
  memories.clear();
  for (const memory of board.memories) memories.set(memory.id, memory);
  Object.assign(hidden, board.hidden);
  extent.isWhole = board.whole;
}

/** @param {BoardChange} change */
export function apply({ object, id, before, after }) {
  if (object !== "task" && object !== "memory") return;
  if (before !== null && !objects[object].has(id)) discover(object, before);
  if (after === null) objects[object].delete(id);
  else objects[object].set(id, after);
}

/** An object that the page didn't know has changed. @type {(object: ObjectKind, before: any) => void} */
function discover(object, before) {
  if (object === "memory") hidden.memories = Math.max(hidden.memories - 1, 0);
  else {
    hidden.tasks = Math.max(hidden.tasks - 1, 0);
    if (isOpen(before)) hidden.open = Math.max(hidden.open - 1, 0);
  }
}

/** The changes that deleted an object since the last message. @param {ObjectKind} object */
export const deleted = (object) =>
  [...fresh.values()].filter((change) => change.object === object && !objects[object].has(change.id));

/** @type {(a: string, b: string) => number} */
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** @type {(a: Task, b: Task) => number} */
const compareTasks = (a, b) =>
  Number(isOpen(b)) - Number(isOpen(a)) ||
  a.position - b.position ||
  compare(a.id, b.id);

/** The id of the task that contains this one, or null. @param {Task | undefined} task */
export const parentOf = (task) => (task?.parent && tasks.has(task.parent) ? task.parent : null);

/** The tasks within `parent`, or the outermost tasks. @param {string | null} parent */
export const childrenOf = (parent) =>
  [...tasks.values()].filter((task) => parentOf(task) === parent).sort(compareTasks);

/**
 * All tasks with their levels, each followed by those within it.
 * @type {(parent?: string | null, level?: number) => {task: Task, level: number}[]}
 */
export const tree = (parent = null, level = 1) =>
  childrenOf(parent).flatMap((task) => [{ task, level }, ...tree(task.id, level + 1)]);

/** @param {string} kind */
const rank = (kind) => (kinds.includes(kind) ? kinds.indexOf(kind) : kinds.length);

/** @type {(a: Memory, b: Memory) => number} */
const compareMemories = (a, b) =>
  rank(a.kind) - rank(b.kind) ||
  compare(a.title.toLowerCase(), b.title.toLowerCase()) ||
  compare(a.id, b.id);

export const sortedMemories = () => [...memories.values()].sort(compareMemories);
