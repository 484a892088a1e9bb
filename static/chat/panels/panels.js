// Tasks and memories beside the transcript, kept by `change` events. What can be done with one is in
// detail.js and reorder.js, what of them is shown in search.js.

import * as board from "./board.js";
import { attribute, list, picture, show, slot, text } from "../support/dom.js";
import { debug } from "../support/debug.js";
import * as finding from "./search.js";
import * as painting from "../transcript/render_queue.js";
import { page, taskNote, tick } from "../support/labels.js";

const root = document.getElementById("panels");
const first = JSON.parse(document.getElementById("board").textContent);
let told = first.version; // the version of the board that was fetched last
let wanted = told; // the latest that a frame told of
let missed = null; // changes that came while the board was being fetched
let detail = null; // detail.js, once something was opened
board.set(first);

root.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-open]");
  if (!button) return;
  detail ??= await import("./detail.js");
  detail.turn(button);
});

// A new message: what changed before it is no longer new.
export function startAnew() {
  board.fresh.clear();
  painting.add("panels", showAll);
}

// `change`: what the fold made of the event with this body.
export function change(body, change) {
  missed?.push(body);
  board.put(body);
  board.fresh.set(body.id, change);
  painting.add("panels", showAll);
  painting.add(`detail ${body.id}`, () => detail?.refresh(body.id));
}

export function showAll() {
  const held = document.activeElement;
  showTasks();
  showMemories();
  // A row that was moved has let go of the focus.
  if (held !== document.activeElement && root.contains(held)) held.focus({ preventScroll: true });
}

function showTasks() {
  const rows = board.tree();
  const titles = new Map(rows.map(({ task }) => [task.id, task.title]));
  const shown = rows.filter(({ task }) => finding.isWanted(task)).length;
  list(root, "tasks", rows, {
    template: "task", key: (row) => row.task.id, fill: (node, row) => fillTask(node, row, titles),
  });
  list(root, "tasks-gone", board.gone("task"), { template: "gone", key: byId, fill: fillGone });
  show(root, "tasks-none", rows.length === 0);
  show(root, "tasks-unmatched", rows.length > 0 && shown === 0);
  const open = rows.filter(({ task }) => task.status !== "completed").length;
  text(root, "tasks-count", shown < rows.length ? `${shown} of ${rows.length}` : `${open} open`);
}

function showMemories() {
  const rows = finding.found(board.memoryList());
  list(root, "memories", rows, { template: "memory", key: byId, fill: fillMemory });
  list(root, "memories-gone", board.gone("memory"), { template: "gone", key: byId, fill: fillGone });
  const all = board.memories.size;
  show(root, "memories-none", all === 0);
  show(root, "memories-unmatched", all > 0 && rows.length === 0);
  text(root, "memories-count", rows.length < all ? `${rows.length} of ${all}` : all);
}

const byId = (item) => item.id;

function fillTask(node, { task, level }, titles) {
  attribute(node, "data-status", task.status);
  attribute(node, "aria-level", level);
  node.toggleAttribute("hidden", !finding.isWanted(task));
  picture(node, "task-box", `box-${task.status}`);
  if (slot(node, "task-tick")) attribute(slot(node, "task-tick"), "aria-label", tick(task));
  else attribute(slot(node, "task-box"), "aria-label", task.status);
  text(node, "task-title", task.title);
  text(node, "task-note", taskNote(task, titles));
  fillFresh(node, "task", board.fresh.get(task.id));
}

function fillMemory(node, memory) {
  text(node, "memory-kind", memory.kind);
  finding.mark(node, "memory-title", memory.title);
  finding.mark(node, "memory-note", memory.content === memory.title ? "" : memory.content);
  fillFresh(node, "memory", board.fresh.get(memory.id));
}

function fillFresh(node, name, change) {
  node.toggleAttribute("data-fresh", Boolean(change));
  show(node, `${name}-fresh`, change);
  text(node, `${name}-brief`, change?.brief ?? "");
  slot(node, `${name}-brief`).removeAttribute("hidden");
  fillUndo(slot(node, `${name}-undo`), change);
}

function fillGone(node, change) {
  text(node, "gone-text", change.text);
  fillUndo(slot(node, "gone-undo"), change);
}

function fillUndo(button, change) {
  attribute(button, "value", change?.seq ?? "");
  attribute(button, "aria-label", `Undo: ${change?.text ?? ""}`);
}

// The board changed from another session, perhaps while this page had no line: its events are in that
// session's log, not in ours. `hello` and `board` frames tell the version that there is.
export async function hear(frame) {
  wanted = (frame.type === "hello" ? frame.board : frame.version) ?? wanted;
  if (missed) return; // it is being fetched, and looked at again after that
  let version;
  do {
    version = wanted;
  } while (told !== version && (await fetchAgain(version)) && wanted !== version);
}

async function fetchAgain(version) {
  missed = [];
  try {
    const answer = await fetch(page.board, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new TypeError(`the board answered ${answer.status}`);
    const parts = document.createElement("template");
    parts.innerHTML = await answer.text();
    board.set(JSON.parse(parts.content.getElementById("board").textContent));
    missed.forEach(board.put);
    told = version;
    showAll();
    detail?.refresh();
    return true;
  } catch (error) {
    debug("the board could not be fetched", error); // the next frame that tells of it tries again
    return false;
  } finally {
    missed = null;
  }
}

finding.setUp(showAll);
