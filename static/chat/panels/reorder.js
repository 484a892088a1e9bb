// The order and nesting of tasks, by dragging, by keys and by buttons; and ticking them off. Each way
// ends in one request; the `change` event that follows moves the row.

import * as board from "./board.js";
import { complain } from "../composer/composer.js";
import { slot } from "../support/dom.js";
import { call, reason, under } from "../support/rest.js";
import { page, unsaved } from "../support/labels.js";

const root = document.getElementById("panels");
const status = document.getElementById("status");
let dragged = null; // the id of the task under way

const rowOf = (event) => event.target.closest?.(".task");

export function setUp() {
  root.addEventListener("keydown", press);
  root.addEventListener("click", click);
  root.addEventListener("dragstart", (event) => take(event));
  root.addEventListener("dragover", (event) => hover(event));
  root.addEventListener("drop", (event) => drop(event));
  root.addEventListener("dragend", () => point(null, ""));
}

async function patch(id, body, told) {
  complain("");
  const path = `${under("tasks", id)}?session=${page.session}`;
  const answer = await call("PATCH", path, { body });
  if (answer?.ok) status.textContent = told;
  else complain(reason(answer, unsaved));
}

function click(event) {
  const row = rowOf(event);
  if (event.target.closest("[data-tick]")) tick(row.dataset.key);
  const button = event.target.closest("[data-move]");
  if (button) move(row.dataset.key, button.dataset.move);
}

function tick(id) {
  const { title, status: now } = board.tasks.get(id);
  const turned = now === "completed" ? "pending" : "completed";
  patch(id, { status: turned }, `“${title}” is ${turned}.`);
}

// -- keys -------------------------------------------------------------------------------------------

const KEYS = { ArrowUp: "up", ArrowDown: "down", ArrowRight: "in", ArrowLeft: "out" };

function press(event) {
  if (!event.target.matches(".task [data-open]") || !Object.hasOwn(KEYS, event.key)) return;
  const way = KEYS[event.key];
  if (!event.altKey && !["up", "down"].includes(way)) return;
  event.preventDefault();
  if (event.altKey) move(rowOf(event).dataset.key, way);
  else step(rowOf(event), way);
}

// Up and down alone go from task to task.
function step(row, way) {
  const shown = [...row.parentElement.children].filter((one) => !one.hidden);
  const next = shown[shown.indexOf(row) + (way === "up" ? -1 : 1)];
  if (next) slot(next, "opener").focus();
}

// Says where a task goes: {parent, next}, the sibling that it stands before then, or null.
const ways = {
  up: (task, siblings, at) => at > 0 && { parent: board.parentOf(task), next: siblings[at - 1] },
  down: (task, siblings, at) =>
    at + 1 < siblings.length && { parent: board.parentOf(task), next: siblings[at + 2] },
  in: (task, siblings, at) => at > 0 && { parent: siblings[at - 1].id },
  out(task) {
    const above = board.tasks.get(board.parentOf(task));
    return above && { parent: board.parentOf(above), next: after(above) };
  },
};

const siblingsOf = (task) => board.within(board.parentOf(task));

function after(task) {
  const siblings = siblingsOf(task);
  return siblings[siblings.indexOf(task) + 1];
}

function move(id, way) {
  const task = board.tasks.get(id);
  const siblings = siblingsOf(task);
  const place = ways[way](task, siblings, siblings.indexOf(task));
  if (place) put(task, place);
  else status.textContent = `“${task.title}” can go no further that way.`;
}

// With the position of another task it comes directly before that one.
function put(task, { parent, next }) {
  const others = board.within(parent).filter((one) => one !== task);
  const at = next ? others.indexOf(next) : others.length;
  const position = next?.position ?? (others.at(-1)?.position ?? task.position - 1) + 1;
  const above = board.tasks.get(parent)?.title;
  const told = `“${task.title}” is number ${at + 1} of ${others.length + 1}`;
  patch(task.id, { parent, position }, above ? `${told} in “${above}”.` : `${told}.`);
}

// -- dragging ---------------------------------------------------------------------------------------

function take(event) {
  const row = rowOf(event);
  if (!row || !event.target.matches(".grip")) return;
  dragged = row.dataset.key;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", slot(row, "task-title").textContent);
  event.dataTransfer.setDragImage(row, 8, 8);
}

// The upper third of a row is before it, the lower third after it, between them is within it.
function where(event) {
  const row = rowOf(event);
  if (!dragged || !row || holds(dragged, row.dataset.key)) return null;
  const { top, height } = row.getBoundingClientRect();
  const part = (event.clientY - top) / height;
  return { row, place: part < 1 / 3 ? "before" : part > 2 / 3 ? "after" : "within" };
}

function holds(id, other) {
  for (let one = other; one; one = board.parentOf(board.tasks.get(one))) if (one === id) return true;
  return false;
}

function hover(event) {
  const found = where(event);
  point(found?.row ?? null, found?.place ?? "");
  if (found) event.preventDefault();
}

function point(row, place) {
  for (const other of root.querySelectorAll("[data-drop]")) {
    if (other !== row) other.removeAttribute("data-drop");
  }
  if (row) row.dataset.drop = place;
}

function drop(event) {
  const found = where(event);
  point(null, "");
  if (!found) return;
  event.preventDefault();
  const [task, target] = [dragged, found.row.dataset.key].map((id) => board.tasks.get(id));
  dragged = null;
  if (found.place === "within") put(task, { parent: target.id });
  else put(task, { parent: board.parentOf(target), next: found.place === "before" ? target : after(target) });
}
