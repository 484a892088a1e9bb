// The tasks and memories as they were at a moment of the replay, in the panels. What no log tells is said.

import { byId, findAll } from "../support/dom.js";
import { page } from "../support/page.js";
import { fetchAsUser } from "../support/rest.js";
import * as board from "../panels/board.js";
import { render } from "../panels/render_panels.js";

const NAMED = 5; // tasks whose state is not certain
const UNREACHED = "The tasks and memories of this time could not be loaded. Reload the page.";

/**
 * @typedef {object} State  How an object was, as in chat/board_history.py.
 * @property {number} at
 * @property {number} seq
 * @property {boolean} sure
 * @property {boolean} placed
 * @property {any} value
 */
/** @typedef {{id: string, number?: number | null, states: State[]}} Kept */
/** @type {{tasks: Kept[], memories: Kept[]} | null} */
let kept = null;
let shown = "";

/** Loads how the board was. Returns whether it is there. */
export async function loadBoard() {
  try {
    const response = await fetchAsUser(page.past.board, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new TypeError(`the board's status was ${response.status}`);
    kept = await response.json();
  } catch {
    tell(UNREACHED);
  }
  return kept !== null;
}

/**
 * Shows the board after the event `seq`, at the time `clock`.
 * @type {(seq: number, clock: number, fresh: Map<string, Change>) => void}
 */
export function showBoard(seq, clock, fresh) {
  if (!kept) return;
  const holds = (/** @type {State} */ { at, seq: told }) => (told ? told <= seq : at <= clock);
  const places = [...kept.tasks, ...kept.memories].map(({ states }) => states.findLastIndex(holds));
  const key = `${places} ${[...fresh.values()].map((change) => change.seq)}`;
  if (key === shown) return;
  shown = key;
  const tasks = kept.tasks.map(({ states }, index) => states[places[index]]);
  const memories = kept.memories.map(({ states }, index) => states[places[tasks.length + index]]);
  board.replace({
    tasks: valuesOf(tasks, kept.tasks), memories: valuesOf(memories, kept.memories),
    hidden: { tasks: 0, open: 0, memories: 0 }, version: 0,
  });
  board.fresh.clear();
  for (const [id, change] of fresh) board.fresh.set(id, change);
  render();
  byId("panels").toggleAttribute("data-known", true);
  mark(kept.tasks.filter((_, index) => tasks[index]?.sure === false));
  tell(doubts(tasks, kept.tasks));
}

/** @type {(states: (State | undefined)[], objects: Kept[]) => any[]} */
const valuesOf = (states, objects) =>
  states.flatMap((state, index) => (state?.value ? [{ number: objects[index].number, ...state.value }] : []));

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
