// The tasks and memories as they were at a moment of the replay, in the panels: loaded in slices of the history,
// each for a part of the log. What no log tells is said.

import { byId, findAll, setText } from "../support/dom.js";
import { isOpen } from "../support/labels.js";
import { page } from "../support/page.js";
import { fetchAsUser } from "../support/rest.js";
import * as board from "../panels/board.js";
import { render } from "../panels/render_panels.js";
import { lossText } from "./losses.js";

const NAMED = 5; // tasks whose state is not certain
const KEPT = 4; // slices
const AGAIN_MS = 3_000;
const LOADING = "Loading…";
const UNREACHED = "The server could not be reached; loading the tasks and memories is tried again.";

/**
 * @typedef {object} State  How an object was, as in chat/board_history.py.
 * @property {number} at
 * @property {number} seq
 * @property {boolean} sure
 * @property {boolean} placed
 * @property {any} value
 */
/** @typedef {{id: string, number?: number | null, states: State[]}} Kept */
/**
 * @typedef {object} Slice  As in chat/past_board.py.
 * @property {number} first  The events of which it tells.
 * @property {number} last
 * @property {{tasks: number, memories: number}} more  That it does not have.
 * @property {Kept[]} tasks
 * @property {Kept[]} memories
 */
/** The latest one last. @type {Slice[]} */
let slices = [];
let isLoading = false;
/** Why the latest slice could not be loaded. */
let problem = "";
/** The moment that is shown, or will be. @type {[number, number, Map<string, Change>] | null} */
let wanted = null;
let shown = "";

/** @param {number} seq */
const sliceAt = (seq) => slices.find(({ first, last }) => first <= seq && seq <= last);

/**
 * Shows the board after the event `seq`, at the time `clock`, as soon as it is loaded.
 * @type {(seq: number, clock: number, fresh: Map<string, Change>) => void}
 */
export function showBoard(seq, clock, fresh) {
  wanted = [seq, clock, fresh];
  const slice = sliceAt(seq);
  byId("panels").toggleAttribute("data-known", Boolean(slice));
  if (slice) showSlice(slice, ...wanted);
  else {
    shown = "";
    tell(problem || LOADING);
  }
  const next = slice ? slice.last + 1 : seq;
  if (next <= page.past.last && !sliceAt(next)) load(next);
}

/** Loads the slice of an event, unless another one is being loaded. @param {number} seq */
async function load(seq) {
  if (isLoading) return;
  isLoading = true;
  problem = await fetchSlice(seq);
  if (wanted) showBoard(...wanted);
  if (problem && problem !== UNREACHED) return;
  if (problem) await new Promise((done) => setTimeout(done, AGAIN_MS));
  isLoading = false;
  if (wanted) showBoard(...wanted);
}

/** Returns what is wrong; "" when the slice is there. @param {number} seq */
async function fetchSlice(seq) {
  try {
    const response = await fetchAsUser(`${page.past.board}at=${seq}`, { headers: { Accept: "application/json" } });
    if (!response.ok) return response.status < 500 ? lossText(response.status) : UNREACHED;
    slices = [...slices.slice(1 - KEPT), await response.json()];
    return "";
  } catch {
    return UNREACHED;
  }
}

/** @type {(slice: Slice, seq: number, clock: number, fresh: Map<string, Change>) => void} */
function showSlice(slice, seq, clock, fresh) {
  const holds = (/** @type {State} */ { at, seq: told }) => (told ? told <= seq : at <= clock);
  const places = [...slice.tasks, ...slice.memories].map(({ states }) => states.findLastIndex(holds));
  const key = `${slice.first} ${slice.last} ${places} ${[...fresh.values()].map((change) => change.seq)}`;
  if (key === shown) return;
  shown = key;
  const tasks = slice.tasks.map(({ states }, index) => states[places[index]]);
  const memories = slice.memories.map(({ states }, index) => states[places[tasks.length + index]]);
  board.replace({
    tasks: valuesOf(tasks, slice.tasks), memories: valuesOf(memories, slice.memories),
    hidden: { ...slice.more, open: 0 }, whole: false, version: 0,
  });
  board.fresh.clear();
  for (const [id, change] of fresh) board.fresh.set(id, change);
  render();
  showMore(slice.more);
  mark(slice.tasks.filter((_, index) => tasks[index]?.sure === false));
  tell(doubts(tasks, slice.tasks));
}

/** @type {(states: (State | undefined)[], objects: Kept[]) => any[]} */
const valuesOf = (states, objects) =>
  states.flatMap((state, index) => (state?.value ? [{ number: objects[index].number, ...state.value }] : []));

/** Says how many there were that are not shown, in place of a button. @param {Slice["more"]} more */
function showMore(more) {
  const panels = byId("panels");
  setText(panels, "tasks-all", more.tasks ? `… ${more.tasks} more tasks` : "");
  setText(panels, "memories-all", more.memories ? `… ${more.memories} more memories` : "");
  const open = [...board.tasks.values()].filter(isOpen).length;
  if (more.tasks) setText(panels, "tasks-count", `${open} open of ${board.tasks.size} shown`);
}

/** @param {Kept[]} unsure */
function mark(unsure) {
  const keys = new Set(unsure.map(({ id }) => id));
  for (const row of findAll(byId("panels"), ".task")) {
    row.toggleAttribute("data-unsure", keys.has(row.dataset.key ?? ""));
  }
}

/** @type {(states: (State | undefined)[], objects: Kept[]) => string} */
function doubts(states, objects) {
  const unsure = objects.filter((_, index) => states[index]?.sure === false);
  const names = unsure.slice(0, NAMED).map(({ number }) => (number ? `#${number}` : "a task"));
  if (unsure.length > NAMED) names.push(`${unsure.length - NAMED} more`);
  const order = states.some((state) => state?.placed === false) ? "The order of the tasks is not certain. " : "";
  if (!names.length) return order;
  return `${order}Changed outside of sessions, so not certain at this moment: ${names.join(", ")}.`;
}

/** @param {string} text */
function tell(text) {
  const node = byId("board-doubts");
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}
