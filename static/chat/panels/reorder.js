// Changes the order and nesting of tasks by dragging, by keys and by buttons, and completes them. Each
// way ends in one request; the `change` event that follows moves the row. Loaded with the first use.

import { announce, showAlert } from "../support/alert.js";
import { byId, closest, findAll, slot } from "../support/dom.js";
import { isOpen, UNSAVED } from "../support/labels.js";
import { isolated } from "../support/names.js";
import { page } from "../support/page.js";
import { apiPath, errorText, request } from "../support/rest.js";
import * as board from "./board.js";

/** @typedef {"up" | "down" | "in" | "out"} Direction */
/** @typedef {{parent: string | null, next?: Task}} Place  `next`: the sibling after it. */
/** @typedef {{row: HTMLElement, zone: "before" | "within" | "after"}} DropTarget */

const root = byId("panels");
/** The id of the task that is dragged. @type {string | null} */
let dragged = null;

/**
 * @param {Event} event
 * @returns {HTMLElement | null}
 */
const rowOf = (event) => closest(event, ".task");

/** @param {HTMLElement} row */
const keyOf = (row) => row.dataset.key ?? "";

/** @type {(id: string, body: Partial<Task>, announcement: string) => Promise<void>} */
async function patch(id, body, announcement) {
  showAlert("");
  const path = `${apiPath("tasks", id)}?session=${page.session}`;
  const response = await request("PATCH", path, { body });
  if (response?.ok) announce(announcement);
  else showAlert(errorText(response, UNSAVED));
}

/** @param {MouseEvent} event */
export function onClick(event) {
  const row = rowOf(event);
  if (!row) return;
  if (closest(event, "[data-tick]")) toggleCompleted(keyOf(row));
  const button = closest(event, "[data-move]");
  if (button) move(keyOf(row), /** @type {Direction} */ (button.dataset.move));
}

/** @param {string} id */
function toggleCompleted(id) {
  const task = board.tasks.get(id);
  if (!task) return;
  const status = isOpen(task) ? "completed" : "pending";
  patch(id, { status }, `“${isolated(task.title)}” is now ${status}.`);
}

// -- keys -------------------------------------------------------------------------------------------

/** @type {Record<string, Direction>} */
const DIRECTIONS = { ArrowUp: "up", ArrowDown: "down", ArrowRight: "in", ArrowLeft: "out" };

/** @param {KeyboardEvent} event */
export function onKey(event) {
  const row = rowOf(event);
  const direction = DIRECTIONS[event.key];
  if (row && event.altKey) move(keyOf(row), direction);
  else if (row) focusNeighbour(row, direction);
}

/** @type {(row: HTMLElement, direction: Direction) => void} */
function focusNeighbour(row, direction) {
  const shown = findAll(/** @type {HTMLElement} */ (row.parentElement), ":scope > :not([hidden])");
  const neighbour = shown[shown.indexOf(row) + (direction === "up" ? -1 : 1)];
  if (neighbour) slot(neighbour, "opener").focus();
}

/** @param {Task} task */
const siblingsOf = (task) => board.childrenOf(board.parentOf(task));

/** @param {Task} task */
function nextSibling(task) {
  const siblings = siblingsOf(task);
  return siblings[siblings.indexOf(task) + 1];
}

/**
 * Returns where a task goes, or null when it can go no further.
 * @type {(task: Task, direction: Direction) => Place | null}
 */
function placeTowards(task, direction) {
  const parent = board.parentOf(task);
  const siblings = siblingsOf(task);
  const index = siblings.indexOf(task);
  if (direction === "down") {
    return index + 1 < siblings.length ? { parent, next: siblings[index + 2] } : null;
  }
  if (direction === "out") {
    const outer = parent === null ? undefined : board.tasks.get(parent);
    return outer ? { parent: board.parentOf(outer), next: nextSibling(outer) } : null;
  }
  if (index === 0) return null;
  return direction === "up" ? { parent, next: siblings[index - 1] } : { parent: siblings[index - 1].id };
}

/** @type {(id: string, direction: Direction) => void} */
function move(id, direction) {
  const task = board.tasks.get(id);
  if (!task) return;
  const place = placeTowards(task, direction);
  if (place) put(task, place);
  else announce(`“${isolated(task.title)}” can't be moved further in that direction.`);
}

/** With the position of another task, a task comes directly before it. @type {(task: Task, place: Place) => void} */
function put(task, { parent, next }) {
  const others = board.childrenOf(parent).filter((other) => other !== task);
  const index = next ? others.indexOf(next) : others.length;
  const position = next?.position ?? (others.at(-1)?.position ?? task.position) + 2 ** 24;
  const title = parent === null ? undefined : board.tasks.get(parent)?.title;
  const text = `Moved “${isolated(task.title)}” to position ${index + 1} of ${others.length + 1}`;
  patch(task.id, { parent, position }, title ? `${text} in “${title}”.` : `${text}.`);
}

// -- dragging ---------------------------------------------------------------------------------------

/** @param {HTMLElement} row */
export function startDrag(row) {
  dragged = keyOf(row);
}

/**
 * The upper third of a row is before it, the lower third after it, the middle within it.
 * @type {(event: DragEvent) => DropTarget | null}
 */
function targetOf(event) {
  const row = rowOf(event);
  if (!dragged || !row || contains(dragged, keyOf(row))) return null;
  const { top, height } = row.getBoundingClientRect();
  const part = (event.clientY - top) / height;
  return { row, zone: part < 1 / 3 ? "before" : part > 2 / 3 ? "after" : "within" };
}

/** Returns whether a task is, or contains, the other one. @type {(id: string, other: string | null) => boolean} */
function contains(id, other) {
  for (let task = other; task; task = board.parentOf(board.tasks.get(task))) if (task === id) return true;
  return false;
}

/** @param {DragEvent} event */
function onDragOver(event) {
  const target = targetOf(event);
  markTarget(target);
  if (target) event.preventDefault();
}

/** @param {DropTarget | null} target */
function markTarget(target) {
  for (const row of findAll(root, "[data-drop]")) {
    if (row !== target?.row) row.removeAttribute("data-drop");
  }
  if (target) target.row.dataset.drop = target.zone;
}

/** @param {DragEvent} event */
export function onDrop(event) {
  const target = targetOf(event);
  markTarget(null);
  if (!target) return;
  event.preventDefault();
  const task = board.tasks.get(dragged ?? "");
  const other = board.tasks.get(keyOf(target.row));
  dragged = null;
  if (!task || !other) return;
  if (target.zone === "within") put(task, { parent: other.id });
  else put(task, { parent: board.parentOf(other), next: target.zone === "before" ? other : nextSibling(other) });
}

root.addEventListener("dragover", onDragOver);
root.addEventListener("drop", onDrop);
root.addEventListener("dragend", () => {
  dragged = null;
  markTarget(null);
});
