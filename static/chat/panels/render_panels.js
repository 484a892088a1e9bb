// Renders the tasks and memories of board.js in the panels. It does not know where they come from.

import {
  byId, findSlot, setAttribute, setIcon, setList, setText, setVisible, slot,
} from "../support/dom.js";
import { isOpen, taskNote, tickLabel } from "../support/labels.js";
import { marked } from "../support/names.js";
import { page } from "../support/page.js";
import * as board from "./board.js";

const root = byId("panels");
/** What is searched and filtered, if anything is. @type {typeof import("./search.js") | null} */
let search = null;

/** @param {typeof search} [searched] */
export function render(searched = null) {
  search = searched;
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
  renderShowAll("tasks", board.hidden.tasks && !(board.extent.isWhole && !page.project_id) ? all : 0);
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
  renderShowAll("memories", board.hidden.memories && !board.extent.isWhole && !isSearching ? all : 0);
}

/**
 * The button that shows all `number` objects, here or on the page of the project; none for 0.
 * @type {(noun: string, number: number) => void}
 */
function renderShowAll(noun, number) {
  setList(root, `${noun}-all`, number ? [noun] : [], {
    template: "show-all", key: () => noun, fill: (node) => {
      setAttribute(node, "data-all", noun);
      node.textContent = board.extent.isWhole ? `Open the board with all ${number} tasks` : `Show all ${number} ${noun}`;
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
  setText(node, "task-title", marked(task.title));
  setText(node, "task-note", taskNote(task, board.tasks, board.hidden.tasks === 0));
  fillFresh(node, "task", board.fresh.get(task.id));
}

/** @type {(node: HTMLElement, memory: Memory) => void} */
function fillMemory(node, memory) {
  setText(node, "memory-kind", memory.kind);
  const set = search?.setMarkedText ?? setText;
  set(node, "memory-title", marked(memory.title));
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
