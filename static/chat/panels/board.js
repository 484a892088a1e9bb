// The project's tasks and memories as this page knows them, in the order of chat/panels.py, and what
// changed since the last message. No DOM.

import { kinds, page } from "../support/labels.js";

export const tasks = new Map();
export const memories = new Map();
export const fresh = new Map(page.fresh.map((change) => [change.id, change])); // the last change of each
const of = { task: tasks, memory: memories };

export function set(board) {
  for (const [kept, items] of [[tasks, board.tasks], [memories, board.memories]]) {
    kept.clear();
    for (const item of items) kept.set(item.id, item);
  }
}

export function put({ object, id, after }) {
  if (after === null) of[object].delete(id);
  else of[object].set(id, after);
}

export const gone = (object) =>
  [...fresh.values()].filter((one) => one.object === object && !of[object].has(one.id));

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

const taskOrder = (a, b) =>
  (a.status === "completed") - (b.status === "completed") ||
  a.position - b.position ||
  compare(a.id, b.id);

export const parentOf = (task) => (tasks.has(task.parent) ? task.parent : null);

// The tasks within `parent`, or the outermost ones.
export const within = (parent) =>
  [...tasks.values()].filter((task) => parentOf(task) === parent).sort(taskOrder);

// All tasks with their levels, each followed by those within it.
export const tree = (parent = null, level = 1) =>
  within(parent).flatMap((task) => [{ task, level }, ...tree(task.id, level + 1)]);

const rank = (kind) => (kinds.includes(kind) ? kinds.indexOf(kind) : kinds.length);

const memoryOrder = (a, b) =>
  rank(a.kind) - rank(b.kind) ||
  compare(a.title.toLowerCase(), b.title.toLowerCase()) ||
  compare(a.id, b.id);

export const memoryList = () => [...memories.values()].sort(memoryOrder);
