// Which runs a person has opened or closed, kept by the browser: a run stays as it was left, also after
// a reload. Runs that nobody touched are open while they work.

import { page } from "../support/labels.js";

const STORE = `samurai.opened.${page.session}`;
const MOST = 200; // runs that are remembered, the latest touched
let left = read();

function read() {
  try {
    return new Map(JSON.parse(localStorage.getItem(STORE)) ?? []);
  } catch {
    return new Map();
  }
}

export const openAsLeft = (run, otherwise) => left.get(run) ?? otherwise;

export function openAllAsLeft(root) {
  for (const node of root.querySelectorAll("[data-run]")) {
    const details = node.querySelector('[data-slot="run-details"]');
    details.toggleAttribute("open", openAsLeft(node.dataset.run, details.open));
  }
}

// Only a click is a person's word; the script opens and closes runs too.
export function setUpOpening(log) {
  openAllAsLeft(log);
  log.addEventListener("click", (event) => {
    const details = event.target.closest("summary")?.parentElement;
    if (details?.dataset.slot !== "run-details") return;
    const { run } = details.closest("[data-run]").dataset;
    left.delete(run);
    left.set(run, !details.open); // it turns after this event
    left = new Map([...left].slice(-MOST));
    try {
      localStorage.setItem(STORE, JSON.stringify([...left]));
    } catch {
      // Storage is full or forbidden: it is remembered as long as the page lives.
    }
  });
}
