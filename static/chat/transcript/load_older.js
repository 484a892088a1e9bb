// Loads earlier parts of a long session as HTML when the reader comes near them, and drops those that are far
// from the view again. What is not in the page is a gap. What the reader looks at stays in place. Loaded if
// there is a gap.

import { byId, clone, closest, find, findAll } from "../support/dom.js";
import { localiseAll } from "../support/local_times.js";
import { page } from "../support/page.js";
import { fetchAsUser } from "../support/rest.js";
import { addCopyButtons } from "./copy_buttons.js";
import { restoreOpenState } from "./open_state.js";
import { registerChanges } from "./undo_state.js";

/**
 * A part that was loaded: what begins with the events from `start` to before `end`.
 * @typedef {{start: number, end: number, nodes: Element[]}} Part
 */

const log = byId("log");
const entries = byId("entries");
const MARGIN = 1_000; // pixels around the view: so far that the reader rarely sees a gap
const NEAR = 2 * MARGIN; // a part so near is not dropped
const MOST = 6_000; // elements of the loaded parts that are kept, the nearest ones
/** @type {Map<HTMLElement, Promise<boolean>>} */
const loading = new Map();
/** @type {Set<Part>} */
const parts = new Set();
const observer = new IntersectionObserver(
  (items) => {
    for (const { isIntersecting, target } of items) {
      if (isIntersecting) loadGap(/** @type {HTMLElement} */ (target));
    }
  },
  { root: log, rootMargin: `${MARGIN}px 0px` },
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
  const { start, end } = spanOf(gap);
  const query = new URLSearchParams({ start: String(start), end: String(end) });
  if (at !== null) query.set("at", String(at));
  else if (isBelow(gap)) query.set("early", "");
  try {
    const response = await fetchAsUser(`${page.entries}?${query}`, { headers: { "X-Part": "1" } });
    if (!response.ok) return false;
    const content = parsed(await response.text());
    await new Promise((go) => setTimeout(go)); // no task is long
    insert(gap, content);
    return true;
  } catch {
    return false; // the gap's link is still there
  }
}

/** @param {HTMLElement} gap */
const spanOf = ({ dataset }) => ({ start: Number(dataset.start), end: Number(dataset.end) });

/** @param {Element} node */
function middle(node) {
  const { top, bottom } = node.getBoundingClientRect();
  return (top + bottom) / 2;
}

/** @param {HTMLElement} gap */
const isBelow = (gap) => middle(gap) > middle(log) && gap.previousElementSibling !== null;

/** @param {string} html */
function parsed(html) {
  const { content } = Object.assign(document.createElement("template"), { innerHTML: html });
  localiseAll(content);
  addCopyButtons(content);
  restoreOpenState(content);
  registerChanges(content);
  unbindButtons(content);
  return content;
}

/** @type {(gap: HTMLElement, content: DocumentFragment) => void} */
function insert(gap, content) {
  // What is beside the gap may have been dropped since it was asked for: another gap is in its place.
  if (!gap.isConnected) return;
  const part = partOf(gap, content);
  const far = farParts();
  keepView(() => {
    gap.replaceWith(content);
    for (const one of far) drop(one);
  });
  parts.add(part);
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

/** @type {(gap: HTMLElement, content: DocumentFragment) => Part} */
function partOf(gap, content) {
  const { start, end } = spanOf(gap);
  const nodes = [...content.children].filter((node) => !node.matches(".gap"));
  const left = findAll(content, ".gap").map(spanOf);
  const before = left.find((one) => one.start === start);
  const after = left.find((one) => one.end === end);
  return { start: before?.end ?? start, end: after?.start ?? end, nodes };
}

/** Does `change` while what the reader looks at stays in place. @param {() => void} change */
function keepView(change) {
  const { top } = log.getBoundingClientRect();
  const anchor = [...entries.children].find(
    (node) => !node.matches(".gap") && node.getBoundingClientRect().bottom > top,
  );
  const before = anchor?.getBoundingClientRect().top ?? 0;
  log.dataset.inserting = ""; // keeps the browser from moving the view as well
  change();
  if (anchor) log.scrollTop += anchor.getBoundingClientRect().top - before;
  requestAnimationFrame(() => delete log.dataset.inserting);
}

/** A page with the whole of a long session would become slow: what is far away becomes a gap again. */
function farParts() {
  const view = log.getBoundingClientRect();
  const all = [...parts]
    .map((part) => ({ part, distance: distanceOf(part, view), size: sizeOf(part) }))
    .sort((one, other) => one.distance - other.distance);
  let size = 0;
  return all.flatMap(({ part, distance, size: own }) => {
    size += own;
    return size > MOST && distance > NEAR && !isUsed(part) ? part : [];
  });
}

/** @type {(part: Part, view: DOMRect) => number} */
function distanceOf({ nodes }, view) {
  const top = nodes[0]?.getBoundingClientRect().top ?? 0;
  const bottom = nodes.at(-1)?.getBoundingClientRect().bottom ?? 0;
  return Math.max(top - view.bottom, view.top - bottom);
}

/** @param {Part} part */
const sizeOf = ({ nodes }) => nodes.reduce((sum, node) => sum + 1 + node.querySelectorAll("*").length, 0);

/** The reader has the focus or selected text in it, or has typed into it. @param {Part} part */
function isUsed({ nodes }) {
  const selection = getSelection();
  return nodes.some((node) => {
    /** @type {HTMLInputElement[]} */
    const fields = findAll(node, "input");
    const isTyped = fields.some(({ value, defaultValue }) => value !== defaultValue);
    const isSelected = selection && !selection.isCollapsed && selection.containsNode(node, true);
    return isTyped || isSelected || node.contains(document.activeElement);
  });
}

/** Puts a gap in the place of a part, one with the gaps beside it. @param {Part} part */
function drop(part) {
  parts.delete(part);
  const beside = [part.nodes[0]?.previousElementSibling, part.nodes.at(-1)?.nextElementSibling];
  const [before, after] = beside.map((node) => (node instanceof HTMLElement && node.matches(".gap") ? node : null));
  const start = before ? spanOf(before).start : part.start;
  const end = after ? spanOf(after).end : part.end;
  part.nodes[0]?.before(newGap(start, end));
  for (const node of [before, ...part.nodes, after]) node?.remove();
}

/** @type {(start: number, end: number) => HTMLElement} */
function newGap(start, end) {
  const gap = clone("gap");
  Object.assign(gap.dataset, { start: String(start), end: String(end) });
  find(gap, "a")?.setAttribute("href", `${page.entries}?start=${start}&end=${end}`);
  return gap;
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
