// The times of live parts, and the seconds of what is running.

import { attribute, slot } from "./dom.js";
import { localise } from "./local_times.js";
import { duration, page } from "./labels.js";

export function time(root, name, at) {
  const node = slot(root, name);
  if (node.getAttribute("datetime") !== at) {
    attribute(node, "datetime", at);
    if (at) localise(node);
    else forget(node);
  }
  node.toggleAttribute("hidden", at === "");
}

function forget(node) {
  node.textContent = "";
  node.removeAttribute("title");
}

// How far the server's clock is ahead of this one; the page and each live event tell.
let ahead = Date.parse(page.now) - Date.now();

export function tellTime(timestamp) {
  ahead = Date.parse(timestamp) - Date.now();
}

export function since(root, name, at) {
  const node = slot(root, name);
  attribute(node, "data-since", at);
  if (!at) {
    node.textContent = "";
    node.closest("[data-slow]")?.removeAttribute("data-slow");
  } else if (!node.textContent) tick(node);
}

// Counts down to a moment, in milliseconds of the server's clock.
export function until(root, name, moment) {
  const node = slot(root, name);
  if (node.dataset.until === moment) return;
  node.dataset.until = moment;
  countDown(node);
}

function countDown(node) {
  const left = Number(node.dataset.until) - Date.now() - ahead;
  const seconds = duration(Math.ceil(left / 1000) * 1000).replace(".0 s", " s");
  const words = !node.dataset.until ? "" : left > 0 ? `about ${seconds} left` : "longer than expected";
  if (node.textContent !== words) node.textContent = words;
}

function tick(node) {
  const ms = Math.max(0, Date.now() + ahead - Date.parse(node.dataset.since));
  const row = node.closest("[data-slow-after]");
  if (row) row.toggleAttribute("data-slow", row.dataset.slowAfter && ms > Number(row.dataset.slowAfter));
  // Whole seconds: tenths that tick make a page restless.
  node.textContent = ms < 1000 ? "" : duration(Math.floor(ms / 1000) * 1000).replace(".0 s", " s");
}

// Ticks in the elements that `active()` returns.
export function startClocks(active) {
  setInterval(() => {
    if (document.hidden) return;
    for (const box of active()) {
      for (const node of box.querySelectorAll('[data-since]:not([data-since=""])')) tick(node);
      for (const node of box.querySelectorAll('[data-until]:not([data-until=""])')) countDown(node);
    }
  }, 1000);
}
