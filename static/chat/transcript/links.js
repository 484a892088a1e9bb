// Follows links to a message, a run or an event: `#message-…`, `#run-…`, `#event-…`. What the page has
// not loaded yet is fetched. An event without a row of its own leads to the row before it. Loaded with the
// first link.

import { showAlert } from "../support/alert.js";
import { find, findAll } from "../support/dom.js";
import { page } from "../support/page.js";
import { fetchAsUser } from "../support/rest.js";
import { attach } from "./lazy_details.js";
import { gaps, loadGap } from "./load_older.js";
import { stopFollowing } from "./scroll.js";

const ANCHOR = /^(message|run|event)-([\w-]+)$/;

export async function follow() {
  const anchor = location.hash.slice(1);
  if (!ANCHOR.test(anchor)) return;
  const node = document.getElementById(anchor) ?? (await loadAnchor(anchor));
  if (node) reveal(node);
  else showAlert("That link points to something in another session.");
}

/** @param {string} anchor */
async function loadAnchor(anchor) {
  const place = await locate(anchor);
  if (!place) return null;
  const { seq } = place;
  const gap = gaps().find(({ dataset }) => seq >= Number(dataset.start) && seq < Number(dataset.end));
  if (gap) await loadGap(gap, seq);
  return document.getElementById(anchor) ?? rowBefore(anchor, place.run);
}

/**
 * @param {string} anchor
 * @returns {Promise<{seq: number, run: string | null} | null>}
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
  if (details) attach(details);
  const row = document.getElementById(anchor);
  if (row || !node) return row;
  const seq = Number(ANCHOR.exec(anchor)?.[2]);
  const seqOf = (/** @type {Element} */ { id }) => Number(id.slice("event-".length));
  const rows = findAll(node, '[id^="event-"]').filter((other) => seqOf(other) <= seq);
  return rows.sort((a, b) => seqOf(a) - seqOf(b)).at(-1) ?? node;
}

/** @param {HTMLElement} node */
function reveal(node) {
  for (const linked of findAll(document, "[data-linked]")) delete linked.dataset.linked;
  for (let box = node.closest("details"); box; box = box.parentElement?.closest("details") ?? null) {
    box.open = true;
  }
  if ("run" in node.dataset) find(node, "details")?.setAttribute("open", "");
  node.dataset.linked = "";
  stopFollowing(); // again: the scrolling to the end, when the page opened, may have been told since
  node.scrollIntoView({ block: "center" });
  node.focus({ preventScroll: true });
}
