// The page of a run: the bars of its chart by keyboard and pointer, and the chart anew while the run works.

import "./project.js";
import { find } from "./support/dom.js";
import { localiseAll } from "./support/local_times.js";

const PAUSE = 2_000; // milliseconds between two looks at a run that works

const bars = () => /** @type {Element[]} */ ([...document.querySelectorAll(".gantt .bar")]);

/** Tells the times of a bar below the chart.
 * @param {Element} bar */
function show(bar) {
  const line = find(document, ".pointed");
  if (line) line.textContent = bar.getAttribute("aria-label");
}

/** Makes one bar the one that Tab leads to.
 * @param {Element | undefined} bar */
function choose(bar) {
  for (const one of bars()) one.setAttribute("tabindex", one === bar ? "0" : "-1");
}

/** @param {Event} event */
const barOf = (event) =>
  event.target instanceof Element ? event.target.closest(".gantt .bar") : null;

for (const kind of ["pointerover", "focusin", "click"]) {
  document.addEventListener(kind, (event) => {
    const bar = barOf(event);
    if (bar) show(bar);
  });
}

document.addEventListener("keydown", (event) => {
  const bar = barOf(event);
  if (!bar) return;
  const all = bars();
  const at = all.indexOf(bar);
  const places = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1 };
  const ends = { Home: 0, End: all.length - 1 };
  const next = all[{ ...places, ...ends }[event.key] ?? -1];
  if (!next) return;
  event.preventDefault();
  choose(next);
  /** @type {SVGElement} */ (next).focus();
});

choose(bars()[0]);

// -- while the run works ---------------------------------------------------------------------------

const isUnfinished = () => find(document, "#now[data-unfinished]") !== null;

async function look() {
  const response = await fetch(location.pathname, { headers: { "X-Part": "now" } });
  if (!response.ok) return false;
  const part = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = part.getElementById("now");
  if (!fresh) return false;
  // What is told only when a run is over is on the whole page.
  if (fresh.dataset.unfinished === undefined) location.reload();
  else replace(fresh);
  return true;
}

/** @param {HTMLElement} fresh */
function replace(fresh) {
  const old = /** @type {HTMLElement} */ (find(document, "#now"));
  const focused = bars().indexOf(/** @type {Element} */ (document.activeElement));
  const isOpen = /** @type {HTMLDetailsElement | null} */ (find(old, "#times"))?.open;
  const scrolled = find(old, ".gantt-box")?.scrollLeft ?? 0;
  localiseAll(fresh);
  /** @type {HTMLDetailsElement} */ (find(fresh, "#times")).open = Boolean(isOpen);
  old.replaceWith(fresh);
  /** @type {HTMLElement} */ (find(fresh, ".gantt-box")).scrollLeft = scrolled;
  choose(bars()[Math.max(focused, 0)]);
  if (focused >= 0) /** @type {SVGElement | undefined} */ (bars()[focused])?.focus();
}

async function follow() {
  while (isUnfinished()) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    const isReading = document.activeElement?.closest("#times");
    if (document.hidden || isReading) continue;
    try {
      if (!(await look())) return;
    } catch {
      // The server is not there for a moment.
    }
  }
}

void follow();
