// Tasks and memories beside the transcript, kept by `change` events in the order of chat/panels.py.

import { attribute, list, picture, show, slot, text } from "./dom.js";
import { debug } from "./debug.js";
import { kinds, page, taskNote } from "./wording.js";

const root = document.getElementById("panels");
const fresh = new Set(page.fresh);
let board = read();
let told = board.version; // the latest version of it that a frame told of
let missed = null; // changes that came while the board was being fetched

function read() {
  const { tasks, memories, version } = JSON.parse(document.getElementById("board").textContent);
  const byId = (items) => new Map(items.map((item) => [item.id, item]));
  return { task: byId(tasks), memory: byId(memories), version };
}

// A new message: what changed before it is no longer new.
export function startAnew() {
  fresh.clear();
  showAll();
}

export function change(body) {
  missed?.push(body);
  put(body);
  fresh.add(body.id);
  showAll();
}

function put({ object, id, after }) {
  if (after === null) board[object].delete(id);
  else board[object].set(id, after);
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

const taskOrder = (a, b) =>
  (a.status === "completed") - (b.status === "completed") ||
  a.position - b.position ||
  compare(a.id, b.id);

const rank = (kind) => (kinds.includes(kind) ? kinds.indexOf(kind) : kinds.length);

const memoryOrder = (a, b) =>
  rank(a.kind) - rank(b.kind) ||
  compare(a.title.toLowerCase(), b.title.toLowerCase()) ||
  compare(a.id, b.id);

function showAll() {
  const tasks = [...board.task.values()].sort(taskOrder);
  const memories = [...board.memory.values()].sort(memoryOrder);
  const titles = new Map(tasks.map((task) => [task.id, task.title]));
  const key = (item) => item.id;
  list(root, "tasks", tasks, {
    template: "task", key, fill: (node, task) => fillTask(node, task, titles),
  });
  list(root, "memories", memories, { template: "memory", key, fill: fillMemory });
  show(root, "tasks-none", tasks.length === 0);
  show(root, "memories-none", memories.length === 0);
  const open = tasks.filter((task) => task.status !== "completed").length;
  text(root, "tasks-count", `${open} open`);
  text(root, "memories-count", memories.length);
}

function fillTask(node, task, titles) {
  attribute(node, "data-status", task.status);
  node.toggleAttribute("data-fresh", fresh.has(task.id));
  attribute(slot(node, "task-box"), "aria-label", task.status);
  picture(node, "task-box", `box-${task.status}`);
  text(node, "task-title", task.title);
  text(node, "task-note", taskNote(task, titles));
}

function fillMemory(node, memory) {
  node.toggleAttribute("data-fresh", fresh.has(memory.id));
  text(node, "memory-kind", memory.kind);
  text(node, "memory-title", memory.title);
  text(node, "memory-note", memory.content === memory.title ? "" : memory.content);
}

// The board changed from another session, perhaps while this page had no line: its events are in that
// session's log, not in ours. `hello` and `board` frames tell the version that there is.
export function hear(frame) {
  const version = frame.type === "hello" ? frame.board : frame.version;
  if (version === undefined || version === told) return;
  told = version;
  fetchAgain();
}

async function fetchAgain() {
  missed = [];
  try {
    const answer = await fetch(page.board, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new TypeError(`the board answered ${answer.status}`);
    root.innerHTML = await answer.text();
    board = read();
    missed.forEach(put);
    showAll();
  } catch (error) {
    debug("the board could not be fetched", error); // the next `board` frame tries again
  } finally {
    missed = null;
  }
}
