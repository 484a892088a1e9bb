// Times of live parts, and seconds that tick.

import { findAll, setAttribute, slot } from "./dom.js";
import { duration } from "./labels.js";
import { localise } from "./local_times.js";
import { serverNow } from "./server_clock.js";

/** @type {(root: ParentNode, name: string, at: string) => void} */
export function showTime(root, name, at) {
  /** @type {HTMLTimeElement} */
  const node = slot(root, name);
  if (node.getAttribute("datetime") !== at) {
    setAttribute(node, "datetime", at);
    if (at) localise(node);
    else clear(node);
  }
  node.toggleAttribute("hidden", at === "");
}

/** @param {HTMLElement} node */
function clear(node) {
  node.textContent = "";
  node.removeAttribute("title");
}

/** Shows the seconds since `at`. @type {(root: ParentNode, name: string, at: string) => void} */
export function showElapsed(root, name, at) {
  const node = slot(root, name);
  setAttribute(node, "data-since", at);
  if (!at) {
    node.textContent = "";
    node.closest("[data-slow-after]")?.removeAttribute("data-slow");
  } else if (!node.textContent) countUp(node);
}

// Whole seconds: tenths that tick make a page restless.
/** @param {number} seconds */
export const secondsText = (seconds) => duration(seconds * 1000).replace(".0 s", " s");

/** @param {HTMLElement} node */
function countUp(node) {
  const ms = Math.max(0, serverNow() - Date.parse(node.dataset.since ?? ""));
  /** @type {HTMLElement | null} */
  const row = node.closest("[data-slow-after]");
  const limit = row?.dataset.slowAfter;
  row?.toggleAttribute("data-slow", Boolean(limit) && ms > Number(limit));
  node.textContent = ms < 1000 ? "" : secondsText(Math.floor(ms / 1000));
}

/** @param {HTMLElement[]} boxes */
export function tick(boxes) {
  for (const box of boxes) findAll(box, '[data-since]:not([data-since=""])').forEach(countUp);
}

/** Ticks in the elements that `active()` returns. @param {() => HTMLElement[]} active */
export function startClocks(active) {
  setInterval(() => {
    if (!document.hidden) tick(active());
  }, 1000);
}
