// Loads earlier parts of a long session as HTML when the reader comes near them. What is still missing
// is a gap. What the reader looks at stays in place while parts are inserted. Loaded if there is a gap.

import { byId, closest, findAll } from "../support/dom.js";
import { localiseAll } from "../support/local_times.js";
import { page } from "../support/page.js";
import { fetchAsUser } from "../support/rest.js";
import { addCopyButtons } from "./copy_buttons.js";
import { detachClosed } from "./lazy_details.js";
import { restoreOpenState } from "./open_state.js";
import { registerChanges } from "./undo_state.js";

const log = byId("log");
const entries = byId("entries");
const MARGIN = "600px"; // around the view: so far that the reader rarely sees a gap
/** @type {Map<HTMLElement, Promise<boolean>>} */
const loading = new Map();
const observer = new IntersectionObserver(
  (items) => {
    for (const { isIntersecting, target } of items) {
      if (isIntersecting) loadGap(/** @type {HTMLElement} */ (target));
    }
  },
  { root: log, rootMargin: `${MARGIN} 0px` },
);

export const gaps = () => findAll(entries, ":scope > .gap");

/**
 * Loads a part of the gap: around the event `at`, or next to where the reader is. Returns whether it
 * was loaded.
 * @type {(gap: HTMLElement, at?: number | null) => Promise<boolean>}
 */
export function loadGap(gap, at = null) {
  const part = loading.get(gap) ?? loadPart(gap, at).finally(() => loading.delete(gap));
  loading.set(gap, part);
  return part;
}

/** @type {(gap: HTMLElement, at: number | null) => Promise<boolean>} */
async function loadPart(gap, at) {
  const { start = "", end = "" } = gap.dataset;
  const query = new URLSearchParams({ start, end });
  if (at !== null) query.set("at", String(at));
  else if (isBelow(gap)) query.set("early", "");
  try {
    const response = await fetchAsUser(`${page.entries}?${query}`, { headers: { "X-Part": "1" } });
    if (!response.ok) return false;
    insert(gap, await response.text());
    return true;
  } catch {
    return false; // the gap's link is still there
  }
}

/** @param {Element} node */
function middle(node) {
  const { top, bottom } = node.getBoundingClientRect();
  return (top + bottom) / 2;
}

/** @param {HTMLElement} gap */
const isBelow = (gap) => middle(gap) > middle(log) && gap.previousElementSibling !== null;

/** @type {(gap: HTMLElement, html: string) => void} */
function insert(gap, html) {
  const { content } = Object.assign(document.createElement("template"), { innerHTML: html });
  localiseAll(content);
  addCopyButtons(content);
  restoreOpenState(content);
  registerChanges(content);
  detachClosed(content);
  unbindButtons(content);
  const { top } = log.getBoundingClientRect();
  const anchor = [...entries.children].find(
    (node) => node !== gap && node.getBoundingClientRect().bottom > top,
  );
  const before = anchor?.getBoundingClientRect().top ?? 0;
  log.dataset.inserting = ""; // keeps the browser from moving the view as well
  gap.replaceWith(content);
  if (anchor) log.scrollTop += anchor.getBoundingClientRect().top - before;
  requestAnimationFrame(() => delete log.dataset.inserting);
  watchGaps();
}

/**
 * The browser looks up each button that names its form among all others that do, which takes seconds
 * with thousands of them. So a button gets its form when it is pressed.
 * @param {ParentNode} root
 */
function unbindButtons(root) {
  for (const button of findAll(root, "button[form]")) {
    button.dataset.form = button.getAttribute("form") ?? "";
    button.removeAttribute("form");
  }
}

/** @param {HTMLButtonElement} button */
function submitUnbound(button) {
  button.setAttribute("form", button.dataset.form ?? "");
  delete button.dataset.form;
  button.form?.requestSubmit(button);
}

function watchGaps() {
  observer.disconnect();
  for (const gap of gaps()) observer.observe(gap);
}

watchGaps();
entries.addEventListener("click", (event) => {
  /** @type {HTMLButtonElement | null} */
  const button = closest(event, "[data-form]");
  if (button) submitUnbound(button);
  const gap = closest(event, ".gap");
  if (!gap || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  loadGap(gap);
});
