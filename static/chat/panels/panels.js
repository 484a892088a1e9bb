// Tasks and memories beside the transcript, updated by `change` events. Actions on one object are in
// detail.js and reorder.js, filter and search in search.js; each is loaded with its first use.

import { showAlert } from "../support/alert.js";
import { debug } from "../support/debug.js";
import { byId, closest, slot } from "../support/dom.js";
import { page } from "../support/page.js";
import { errorText, fetchAsUser } from "../support/rest.js";
import { enqueue } from "../transcript/render_queue.js";
import * as board from "./board.js";
import { render } from "./render_panels.js";

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
/** Ends when `reorder` is there and knows what is dragged. @type {Promise<typeof import("./reorder.js")> | null} */
let dragging = null;
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
  if (isWhole) { // the page of the project has the rest
    location.assign(page.board.replace(/board\/$/, ""));
    return;
  }
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
  dragging = startDrag(row);
});

/** @param {HTMLElement} row */
async function startDrag(row) {
  reorder ??= await import("./reorder.js");
  reorder.startDrag(row);
  return reorder;
}

root.addEventListener("dragover", (event) => {
  if (dragging && !reorder) event.preventDefault();
});

root.addEventListener("drop", async (event) => {
  if (!dragging || reorder) return;
  event.preventDefault();
  (await dragging).onDrop(event);
});

root.addEventListener("dragend", () => (dragging = null));

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

const renderPanels = () => render(search);

/**
 * Loads the board again when another session changed it, perhaps while this page was disconnected: the
 * events are in that session's log. `hello` and `board` frames carry the current version.
 * @param {HelloFrame | BoardFrame} frame
 */
export async function updateBoard(frame) {
  wantedVersion = (frame.type === "hello" ? frame.board : frame.version) ?? wantedVersion;
  await reload();
}

/** Loads the whole board, of which the page showed a part, or as much of it as a page shows. */
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
