// Moves the cards of a project's board to another place or column, by dragging and by keys. Each move is
// one request; the card moves when the server has accepted it. When somebody else changes the board, the page
// shows the new one, or tells it where a person is at work.

import { closest, find, findAll } from "./support/dom.js";
import { apiPath, errorText, request } from "./support/rest.js";

/** @typedef {{list: Element, next: HTMLElement | null}} Place  `next`: the card after it. */

const board = /** @type {HTMLElement} */ (document.getElementById("project-board"));
/** @type {HTMLElement | null} */
let dragged = null;
let isMoving = false;
let version = Number(board.dataset.version);
/** Milliseconds between reads of the board's version. */
const PAUSE = 2_000;

const changed = /** @type {HTMLElement} */ (document.getElementById("board-changed"));
/** Leads to the page, with the filter that it has. */
const fresh = /** @type {HTMLAnchorElement} */ (changed.querySelector("a"));
if (location.pathname === fresh.pathname) fresh.search = location.search;

setInterval(follow, PAUSE);

if ("writable" in board.dataset) {
  /** @type {HTMLElement} */ (document.getElementById("board-keys")).hidden = false;
  board.addEventListener("keydown", onKey);
  board.addEventListener("dragstart", onDragStart);
  board.addEventListener("dragover", onDragOver);
  board.addEventListener("drop", onDrop);
  board.addEventListener("dragend", onDragEnd);
}

/** @type {(event: Event) => HTMLElement | null} */
const cardOf = (event) => closest(event, ".card-task");

/** @type {(node: Element) => HTMLElement} */
const columnOf = (node) => /** @type {HTMLElement} */ (node.closest(".column"));

/** @type {(card: HTMLElement) => number} */
const positionOf = ({ dataset }) => Number(dataset.position);

/** @type {(card: Element | null | undefined) => HTMLElement | null} */
const asCard = (card) => /** @type {HTMLElement | null} */ (card ?? null);

// -- keys -------------------------------------------------------------------------------------------

/** @param {KeyboardEvent} event */
function onKey(event) {
  const card = cardOf(event);
  if (!card || !event.altKey || !event.key.startsWith("Arrow")) return;
  event.preventDefault();
  const place = placeTowards(card, event.key);
  if (place) move(card, place);
  else announce(`“${titleOf(card)}” can't be moved further in that direction.`);
}

/** @type {(card: HTMLElement, key: string) => Place | null} */
function placeTowards(card, key) {
  const list = /** @type {Element} */ (card.parentElement);
  const after = card.nextElementSibling;
  if (key === "ArrowUp") {
    return card.previousElementSibling ? { list, next: asCard(card.previousElementSibling) } : null;
  }
  if (key === "ArrowDown") return after ? { list, next: asCard(after.nextElementSibling) } : null;
  const column = columnOf(card);
  const other = key === "ArrowRight" ? column.nextElementSibling : column.previousElementSibling;
  const lists = other ? findAll(other, "ul") : [];
  const same = lists.find(({ dataset }) => dataset.group === groupOf(list)) ?? lists.at(-1);
  return same ? { list: same, next: asCard(same.children[[...list.children].indexOf(card)]) } : null;
}

/** @param {Element} list */
const groupOf = (list) => /** @type {HTMLElement} */ (list).dataset.group;

// -- dragging ---------------------------------------------------------------------------------------

/** @param {DragEvent} event */
function onDragStart(event) {
  dragged = cardOf(event);
  if (!dragged || !event.dataTransfer) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", titleOf(dragged));
}

/**
 * The upper half of a card is before it, the lower half after it; the rest of a column is its end.
 * @type {(event: DragEvent) => Place | null}
 */
function targetOf(event) {
  const column = closest(event, ".column");
  if (!dragged || !column) return null;
  const card = cardOf(event);
  const list = card?.parentElement ?? [...column.querySelectorAll("ul")].at(-1);
  if (!list) return null;
  if (!card) return { list, next: null };
  const { top, height } = card.getBoundingClientRect();
  return { list, next: event.clientY < top + height / 2 ? card : asCard(card.nextElementSibling) };
}

/** @param {DragEvent} event */
function onDragOver(event) {
  const place = targetOf(event);
  mark(place);
  if (place) event.preventDefault();
}

function onDragEnd() {
  dragged = null;
  mark(null);
}

/** @param {Place | null} place */
function mark(place) {
  for (const node of findAll(board, "[data-drop]")) node.removeAttribute("data-drop");
  if (!place) return;
  const last = asCard(place.list.lastElementChild);
  if (place.next) place.next.dataset.drop = "before";
  else if (last) last.dataset.drop = "after";
  else columnOf(place.list).dataset.drop = "within";
}

/** @param {DragEvent} event */
function onDrop(event) {
  const place = targetOf(event);
  mark(null);
  const card = dragged;
  dragged = null;
  if (!place || !card) return;
  event.preventDefault();
  move(card, place);
}

// -- moving -----------------------------------------------------------------------------------------

/** With the position of another task, a task comes directly before it. @type {(card: HTMLElement, place: Place) => Promise<void>} */
async function move(card, { list, next }) {
  const isThere = list === card.parentElement && next === card.nextElementSibling;
  if (isMoving || next === card || isThere) return;
  isMoving = true;
  const status = columnOf(list).dataset.status ?? "";
  const position = positionFor(card, list, next);
  const body = { status, ...(position === null ? {} : { position }) };
  const response = await request("PATCH", apiPath("tasks", card.dataset.key ?? ""), { body });
  isMoving = false;
  showAlert(response?.ok ? "" : errorText(response, "the card was not moved"));
  if (!response?.ok) return;
  version += 1;
  const group = groupOf(/** @type {Element} */ (card.parentElement));
  if (group === groupOf(list)) place(card, list, next, response.body.position);
  else renew(); // its group is by its label or assignee, which has not changed
}

/** Null for the only card of a column. At its end, as far from the last card as new tasks are. @type {(card: HTMLElement, list: Element, next: HTMLElement | null) => number | null} */
function positionFor(card, list, next) {
  if (next) return positionOf(next);
  const others = /** @type {HTMLElement[]} */ ([...list.children]).filter((other) => other !== card);
  const last = others.at(-1);
  return last ? positionOf(last) + 2 ** 24 : null;
}

/** @type {(card: HTMLElement, list: Element, next: HTMLElement | null, position: number) => void} */
function place(card, list, next, position) {
  const [from, to] = [columnOf(card), columnOf(list)];
  const link = find(card, "a");
  const hadFocus = document.activeElement === link;
  list.insertBefore(card, next);
  card.dataset.position = String(position);
  if (from !== to) {
    addTo(from, -1);
    addTo(to, 1);
  }
  if (hadFocus) link?.focus();
  const index = [...list.children].indexOf(card) + 1;
  announce(`Moved “${titleOf(card)}” to ${list.getAttribute("aria-label")}, position ${index} of ${list.children.length}.`);
  // The server numbers all tasks anew when there is no number left between two of them.
  if (!isInOrder(list)) renew();
}

/** Loads the page again, at its own address: it may be the answer to a form. */
function renew() {
  if (location.pathname === fresh.pathname) location.reload();
  else location.assign(fresh.href);
}

async function follow() {
  if (document.hidden || isMoving) return;
  const before = version;
  const response = await request("GET", apiPath("projects", board.dataset.project ?? ""));
  if (!response?.ok || version !== before || response.body.board_version <= version) return;
  if (isAtWork()) changed.hidden = false;
  else renew();
}

/** Whether a new page would take something from the person: a card in the hand, a place, typed words. */
const isAtWork = () =>
  dragged !== null || document.activeElement !== document.body || document.querySelector("main details[open]") !== null;

/** @param {Element} list */
function isInOrder(list) {
  const positions = /** @type {HTMLElement[]} */ ([...list.children]).map(positionOf);
  return positions.every((position, index) => index === 0 || positions[index - 1] <= position);
}

/** @type {(column: HTMLElement, number: number) => void} */
function addTo(column, number) {
  const count = find(column, '[data-slot="count"]');
  if (count) count.textContent = String(Number(count.textContent) + number);
}

/** @param {HTMLElement} card */
const titleOf = (card) => find(card, "a")?.textContent ?? "";

/** @param {string} text */
function showAlert(text) {
  const alert = /** @type {HTMLElement} */ (document.getElementById("board-alert"));
  alert.textContent = text;
  alert.hidden = !text;
}

/** @param {string} text */
function announce(text) {
  /** @type {HTMLElement} */ (document.getElementById("board-status")).textContent = text;
}
