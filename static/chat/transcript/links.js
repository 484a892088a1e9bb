// Follows links to a message, a run or an event: `#message-…`, `#run-…`, `#event-…`; and jumps to a time. What
// the page has not loaded yet is fetched. An event without a row of its own leads to the row before it. Loaded
// with the first use.

import { announce, showAlert } from "../support/alert.js";
import { find, findAll } from "../support/dom.js";
import { page } from "../support/page.js";
import { fetchAsUser } from "../support/rest.js";
import { unfold } from "./lazy_details.js";
import { gaps, loadGap } from "./load_older.js";
import { stopFollowing } from "./scroll.js";

/** @typedef {{seq: number, run: string | null}} Place */

const ANCHOR = /^(message|run|event)-([\w-]+)$/;
const CLOSED = "The server could not be reached.";

export async function follow() {
  const anchor = location.hash.slice(1);
  if (!ANCHOR.test(anchor)) return;
  const node = document.getElementById(anchor) ?? (await loadAnchor(anchor));
  if (node) reveal(node);
  else showAlert("That link points to something in another session.");
}

/** Leads to the first message since `date`, or to the last one. @param {Date} date */
export async function jump(date) {
  const place = await locate(`time-${date.toISOString()}`);
  if (place) await load(place);
  const node = document.getElementById(`run-${place?.run}`);
  if (!node) return showAlert(CLOSED);
  show(node, "start");
  announce(find(node, "time")?.title ?? "");
}

/** @param {string} anchor */
async function loadAnchor(anchor) {
  const place = await locate(anchor);
  if (!place) return null;
  await load(place);
  return document.getElementById(anchor) ?? rowBefore(anchor, place.run);
}

/** @param {Place} place */
async function load({ seq }) {
  const isIn = (/** @type {HTMLElement} */ { dataset: { start, end } }) => seq >= Number(start) && seq < Number(end);
  // Another part of the same gap may be on its way.
  for (let gap = gaps().find(isIn); gap; gap = gaps().find(isIn)) if (!(await loadGap(gap, seq))) return;
}

/**
 * @param {string} anchor
 * @returns {Promise<Place | null>}
 */
async function locate(anchor) {
  try {
    const response = await fetchAsUser(`${page.where}${anchor}/`, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** @type {(anchor: string, run: string | null) => HTMLElement | null} */
function rowBefore(anchor, run) {
  const node = document.getElementById(`run-${run}`);
  const details = node && find(node, "details");
  if (details) unfold(details);
  const row = document.getElementById(anchor);
  if (row || !node) return row;
  const seq = Number(ANCHOR.exec(anchor)?.[2]);
  const seqOf = (/** @type {Element} */ { id }) => Number(id.slice("event-".length));
  const rows = findAll(node, '[id^="event-"]').filter((other) => seqOf(other) <= seq);
  return rows.sort((a, b) => seqOf(a) - seqOf(b)).at(-1) ?? node;
}

/** @param {HTMLElement} node */
function reveal(node) {
  const own = "run" in node.dataset ? find(node, "details") : node.closest("details");
  for (let box = own; box; box = box.parentElement?.closest("details") ?? null) {
    unfold(box); // the browser tells only later that it is open
    box.setAttribute("open", "");
  }
  show(node, "center");
}

/** @type {(node: HTMLElement, block: ScrollLogicalPosition) => void} */
function show(node, block) {
  for (const linked of findAll(document, "[data-linked]")) delete linked.dataset.linked;
  node.dataset.linked = "";
  stopFollowing(); // again: the scrolling to the end, when the page opened, may have been told since
  node.scrollIntoView({ block });
  node.focus({ preventScroll: true });
}
