// Times of live parts, and seconds that tick.

import { findAll, setAttribute, slot } from "./dom.js";
import { duration } from "./labels.js";
import { localise } from "./local_times.js";
import { page } from "./page.js";

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

// How far the server's clock is ahead of this one, in milliseconds.
let ahead = Date.parse(page.now) - Date.now();

/** Sets the clock by an event that was just received. @param {string} timestamp */
export function syncClock(timestamp) {
  ahead = Date.parse(timestamp) - Date.now();
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

/**
 * Counts down to a moment, in milliseconds of the server's clock.
 * @type {(root: ParentNode, name: string, moment: string) => void}
 */
export function showRemaining(root, name, moment) {
  const node = slot(root, name);
  if (node.dataset.until === moment) return;
  node.dataset.until = moment;
  countDown(node);
}

// Whole seconds: tenths that tick make a page restless.
/** @param {number} seconds */
const secondsText = (seconds) => duration(seconds * 1000).replace(".0 s", " s");

/** @param {HTMLElement} node */
function countDown(node) {
  const left = Number(node.dataset.until) - Date.now() - ahead;
  const remaining = left > 0 ? `about ${secondsText(Math.ceil(left / 1000))} left` : "longer than expected";
  const text = node.dataset.until ? remaining : "";
  if (node.textContent !== text) node.textContent = text;
}

/** @param {HTMLElement} node */
function countUp(node) {
  const ms = Math.max(0, Date.now() + ahead - Date.parse(node.dataset.since ?? ""));
  /** @type {HTMLElement | null} */
  const row = node.closest("[data-slow-after]");
  const limit = row?.dataset.slowAfter;
  row?.toggleAttribute("data-slow", Boolean(limit) && ms > Number(limit));
  node.textContent = ms < 1000 ? "" : secondsText(Math.floor(ms / 1000));
}

/** Ticks in the elements that `active()` returns. @param {() => HTMLElement[]} active */
export function startClocks(active) {
  setInterval(() => {
    if (document.hidden) return;
    for (const box of active()) {
      findAll(box, '[data-since]:not([data-since=""])').forEach(countUp);
      findAll(box, '[data-until]:not([data-until=""])').forEach(countDown);
    }
  }, 1000);
}
