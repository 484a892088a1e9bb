// Tasks and memories beside the transcript, updated by `change` events. Actions on one object are in
// detail.js and reorder.js, filter and search in search.js; each is loaded with its first use.

import { showAlert } from "../support/alert.js";
import { debug } from "../support/debug.js";
import {
  byId, closest, findSlot, setAttribute, setIcon, setList, setText, setVisible, slot,
} from "../support/dom.js";
import { isOpen, taskNote, tickLabel } from "../support/labels.js";
import { page } from "../support/page.js";
import { errorText, fetchAsUser } from "../support/rest.js";
import { enqueue } from "../transcript/render_queue.js";
import * as board from "./board.js";

const root = byId("panels");
/** @type {Board} */
const firstBoard = JSON.parse(byId("board").textContent ?? "");
let version = firstBoard.version; // of the board that was loaded last
let wantedVersion = version; // the latest that a frame named
let isWhole = false; // what was loaded last
let wantsWhole = false; // somebody asked for all tasks and memories
/** Changes that came while the board was being loaded. @type {BoardChange[] | null} */
let missed = null;
/** Tells at its end whether the board was loaded. @type {Promise<boolean> | null} */
let loading = null;
/** Loaded when something is opened. @type {typeof import("./detail.js") | null} */
let detail = null;
/** Loaded when a search is opened. @type {typeof import("./search.js") | null} */
let search = null;
/** Loaded when a task is moved or completed. @type {typeof import("./reorder.js") | null} */
let reorder = null;
board.replace(firstBoard);

root.addEventListener("click", async (event) => {
  const button = closest(event, "[data-open]");
  if (!button) return;
  detail ??= await import("./detail.js");
  detail.toggleDetail(button);
});

root.addEventListener("click", async (event) => {
  const name = closest(event, "[data-all]")?.dataset.all;
  if (!name) return;
  const list = slot(root, name);
  const shown = list.childElementCount;
  await showAll();
  const next = list.children[shown];
  if (next) slot(next, "opener").focus(); // the button is gone
});

root.addEventListener("toggle", async ({ target }) => {
  if (!(target instanceof HTMLDetailsElement) || !target.matches(".find")) return;
  search = await import("./search.js");
  search.onToggle(target, onSearch);
}, { capture: true });

root.addEventListener("click", async (event) => {
  if (!closest(event, ".task :is([data-tick], [data-move])")) return;
  reorder ??= await import("./reorder.js");
  reorder.onClick(event);
});

root.addEventListener("keydown", async (event) => {
  const isSideways = ["ArrowLeft", "ArrowRight"].includes(event.key);
  if (!isSideways && !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  if (!closest(event, ".task [data-open]") || (isSideways && !event.altKey)) return;
  event.preventDefault();
  reorder ??= await import("./reorder.js");
  reorder.onKey(event);
});

root.addEventListener("dragstart", async (event) => {
  const row = closest(event, ".grip")?.closest(".task");
  if (!(row instanceof HTMLElement) || !event.dataTransfer) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", slot(row, "task-title").textContent ?? "");
  event.dataTransfer.setDragImage(row, 8, 8);
  reorder ??= await import("./reorder.js");
  reorder.startDrag(row);
});

/** After a new message, what changed before it is no longer marked as new. */
export function clearFresh() {
  board.fresh.clear();
  enqueue("panels", renderPanels);
}

/** @type {(body: BoardChange, change: Change) => void} */
export function applyChange(body, change) {
  missed?.push(body);
  board.apply(body);
  board.fresh.set(body.id, change);
  enqueue("panels", renderPanels);
  enqueue(`detail ${body.id}`, () => detail?.refreshDetail(body.id));
}

function renderPanels() {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  renderTasks();
  renderMemories();
  // A row that was moved in the document loses the focus.
  if (focused !== document.activeElement && root.contains(focused)) focused?.focus({ preventScroll: true });
}

function renderTasks() {
  if (!findSlot(root, "tasks")) return; // a guest's page may be without
  const rows = board.tree();
  const shown = rows.filter(({ task }) => isShown(task)).length;
  setList(root, "tasks", rows, {
    template: "task", key: (row) => row.task.id, fill: fillTask,
  });
  renderDeleted("tasks-gone", "task");
  setVisible(root, "tasks-none", rows.length === 0);
  setVisible(root, "tasks-unmatched", rows.length > 0 && shown === 0);
  const open = rows.filter(({ task }) => isOpen(task)).length + board.hidden.open;
  const all = rows.length + board.hidden.tasks;
  setText(root, "tasks-count", shown < rows.length ? `${shown} of ${all}` : `${open} open`);
  renderShowAll("tasks", board.hidden.tasks ? all : 0);
}

/** @param {Task} task */
const isShown = (task) => search?.matchesFilter(task) ?? true;

function renderMemories() {
  if (!findSlot(root, "memories")) return;
  const memories = board.sortedMemories();
  const rows = search?.searchResults(memories) ?? memories;
  const isSearching = search?.isSearching();
  setList(root, "memories", rows, { template: "memory", key: ({ id }) => id, fill: fillMemory });
  renderDeleted("memories-gone", "memory");
  const all = board.memories.size + board.hidden.memories;
  setVisible(root, "memories-none", all === 0);
  setVisible(root, "memories-unmatched", all > 0 && rows.length === 0);
  setText(root, "memories-count", isSearching && rows.length < all ? `${rows.length} of ${all}` : all);
  renderShowAll("memories", board.hidden.memories && !isSearching ? all : 0);
}

/** The button that shows `number` objects, or none for 0. @type {(noun: string, number: number) => void} */
function renderShowAll(noun, number) {
  setList(root, `${noun}-all`, number ? [noun] : [], {
    template: "show-all", key: () => noun, fill: (node) => {
      setAttribute(node, "data-all", noun);
      node.textContent = `Show all ${number} ${noun}`;
    },
  });
}

/** @type {(name: string, object: ObjectKind) => void} */
function renderDeleted(name, object) {
  setList(root, name, board.deleted(object), {
    template: "gone", key: ({ id }) => id, fill: (node, change) => {
      setText(node, "gone-text", change.text);
      fillUndo(findSlot(node, "gone-undo"), change);
    },
  });
}

/** @type {(node: HTMLElement, row: {task: Task, level: number}) => void} */
function fillTask(node, { task, level }) {
  setAttribute(node, "data-status", task.status);
  setAttribute(node, "aria-level", level);
  node.toggleAttribute("hidden", !isShown(task));
  setIcon(node, "task-box", `box-${task.status}`);
  const button = findSlot(node, "task-tick");
  if (button) setAttribute(button, "aria-label", tickLabel(task));
  else setAttribute(slot(node, "task-box"), "aria-label", task.status);
  setText(node, "task-number", task.number ? `#${task.number}` : "");
  setText(node, "task-title", task.title);
  setText(node, "task-note", taskNote(task, board.tasks, board.hidden.tasks === 0));
  fillFresh(node, "task", board.fresh.get(task.id));
}

/** @type {(node: HTMLElement, memory: Memory) => void} */
function fillMemory(node, memory) {
  setText(node, "memory-kind", memory.kind);
  const set = search?.setMarkedText ?? setText;
  set(node, "memory-title", memory.title);
  set(node, "memory-note", memory.content === memory.title ? "" : memory.content);
  fillFresh(node, "memory", board.fresh.get(memory.id));
}

/** @type {(node: HTMLElement, name: ObjectKind, change: Change | undefined) => void} */
function fillFresh(node, name, change) {
  node.toggleAttribute("data-fresh", Boolean(change));
  setVisible(node, `${name}-fresh`, change);
  setText(node, `${name}-brief`, change?.brief ?? "");
  slot(node, `${name}-brief`).removeAttribute("hidden");
  fillUndo(findSlot(node, `${name}-undo`), change);
}

/** @type {(button: HTMLElement | null, change: Change | undefined) => void} */
function fillUndo(button, change) {
  setAttribute(button, "value", change?.seq ?? "");
  setAttribute(button, "aria-label", `Undo: ${change?.text ?? ""}`);
}

/**
 * Loads the board again when another session changed it, perhaps while this page was disconnected: the
 * events are in that session's log. `hello` and `board` frames carry the current version.
 * @param {HelloFrame | BoardFrame} frame
 */
export async function updateBoard(frame) {
  wantedVersion = (frame.type === "hello" ? frame.board : frame.version) ?? wantedVersion;
  await reload();
}

/** Loads the whole board, of which the page showed a part. */
async function showAll() {
  wantsWhole = true;
  showAlert("");
  if (!(await reload())) showAlert(errorText(null, "the board was not loaded"));
}

/** Loads the board until it is the wanted one, and returns whether it is. */
async function reload() {
  await loading; // which may have begun before something else was wanted
  while (version !== wantedVersion || isWhole !== wantsWhole) {
    loading ??= loadBoard(wantedVersion, wantsWhole);
    if (!(await loading)) return false;
  }
  return true;
}

/** @type {(next: number, whole: boolean) => Promise<boolean>} */
async function loadBoard(next, whole) {
  missed = [];
  try {
    const path = whole ? `${page.board}?all=1` : page.board;
    const response = await fetchAsUser(path, { headers: { Accept: "text/html" } });
    if (!response.ok) throw new TypeError(`the board's status was ${response.status}`);
    const template = document.createElement("template");
    template.innerHTML = await response.text();
    board.replace(JSON.parse(template.content.getElementById("board")?.textContent ?? ""));
    missed.forEach(board.apply);
    version = next;
    isWhole = whole;
    renderPanels();
    detail?.refreshDetail();
    return true;
  } catch (error) {
    debug("the board could not be loaded", error); // the next frame with a version tries again
    return false;
  } finally {
    missed = loading = null;
  }
}

/** What is searched has changed. */
function onSearch() {
  if (search?.isFiltered() && board.hidden.tasks) showAll();
  renderPanels();
}
