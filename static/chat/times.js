// The times of live parts, and the seconds of what is running.

import { attribute, slot } from "./dom.js";
import { localise } from "./local_times.js";
import { duration } from "./wording.js";

export function time(root, name, at) {
  const node = slot(root, name);
  if (node.getAttribute("datetime") !== at) {
    attribute(node, "datetime", at);
    localise(node);
  }
  node.toggleAttribute("hidden", at === "");
}

// How far the server's clock is ahead of this one; live events tell.
let ahead = 0;

export function tellTime(timestamp) {
  ahead = Date.parse(timestamp) - Date.now();
}

export function since(root, name, at) {
  const node = slot(root, name);
  attribute(node, "data-since", at);
  if (!at) node.textContent = "";
  else if (!node.textContent) tick(node);
}

function tick(node) {
  const ms = Math.max(0, Date.now() + ahead - Date.parse(node.dataset.since));
  // Whole seconds: tenths that tick make a page restless.
  node.textContent = ms < 1000 ? "" : duration(Math.floor(ms / 1000) * 1000).replace(".0 s", " s");
}

export function startClocks() {
  setInterval(() => {
    if (document.hidden) return;
    for (const node of document.querySelectorAll('[data-since]:not([data-since=""])')) tick(node);
  }, 1000);
}
