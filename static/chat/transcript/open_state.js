// Remembers in the browser which runs a person opened or closed, so that they stay so after a reload.
// Runs that nobody touched are open while they work.

import { closest, findAll, slot } from "../support/dom.js";
import { ownKey, page } from "../support/page.js";
import { settle } from "./lazy_details.js";

const STORE = ownKey(`opened.${page.session}`);
const LIMIT = 200; // remembered runs, the latest touched
let openState = load();

/** @returns {Map<string | undefined, boolean>} */
function load() {
  try {
    return new Map(JSON.parse(localStorage.getItem(STORE) ?? "[]"));
  } catch {
    return new Map();
  }
}

/** @type {(run: string | undefined, fallback: boolean) => boolean} */
export const isLeftOpen = (run, fallback) => openState.get(run) ?? fallback;

/** @param {ParentNode} root */
export function restoreOpenState(root) {
  for (const node of findAll(root, "[data-run]")) {
    /** @type {HTMLDetailsElement} */
    const details = slot(node, "run-details");
    details.toggleAttribute("open", isLeftOpen(node.dataset.run, details.open));
    settle(details);
  }
}

/** Listens to clicks, because the script opens and closes runs too. @param {HTMLElement} log */
export function setUpOpenState(log) {
  restoreOpenState(log);
  log.addEventListener("click", (event) => {
    const details = closest(event, "summary")?.parentElement;
    if (!(details instanceof HTMLDetailsElement) || details.dataset.slot !== "run-details") return;
    /** @type {HTMLElement | null} */
    const node = details.closest("[data-run]");
    const run = node?.dataset.run;
    openState.delete(run);
    openState.set(run, !details.open); // the browser toggles it after this event
    openState = new Map([...openState].slice(-LIMIT));
    save();
  });
}

function save() {
  try {
    localStorage.setItem(STORE, JSON.stringify([...openState]));
  } catch {
    // Storage is full or forbidden: the state is kept as long as the page lives.
  }
}
