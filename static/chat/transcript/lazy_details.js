// Keeps the body of a run that is over and closed outside of the document until somebody opens it: the body of a
// plain answer has three hundred elements. The server writes such a body as a template.

import { closest, find, findAll } from "../support/dom.js";
import { localiseAll } from "../support/local_times.js";

const DETAILS = '[data-slot="run-details"]';
/** Bodies that were in the document before. @type {WeakMap<Element, Element>} */
const bodies = new WeakMap();
/** The details of what is outside of the document. @type {WeakMap<Node, Element>} */
const owners = new WeakMap();

/** @param {Element} details */
const templateOf = (details) => /** @type {HTMLTemplateElement | null} */ (find(details, ":scope > template"));

/** Returns the body of a run that is outside of the document. @param {Element} details */
export const foldedBody = (details) => bodies.get(details) ?? templateOf(details)?.content;

/** @param {Element} details */
export function unfold(details) {
  const body = foldedBody(details);
  if (!body) return;
  localiseAll(body); // the day may have changed
  details.append(body);
  templateOf(details)?.remove();
  bodies.delete(details);
}

/** @param {Element} details */
function fold(details) {
  const body = find(details, ':scope > [data-slot="run-body"]');
  if (!body) return;
  bodies.set(details, body);
  body.remove();
}

/** Has a body in the document while it can be seen or its run works. @param {HTMLDetailsElement} details */
export function settle(details) {
  const isOver = details.closest("[data-run]")?.hasAttribute("data-over");
  if (isOver && !details.open) fold(details);
  else unfold(details);
}

/** As `findAll`, also in bodies that are outside of the document. @type {(root: ParentNode, selector: string) => HTMLElement[]} */
export function findInRuns(root, selector) {
  const inside = findAll(root, DETAILS).flatMap((details) => {
    const body = foldedBody(details);
    if (!body) return [];
    owners.set(body, details);
    return findAll(body, selector);
  });
  return [...findAll(root, selector), ...inside];
}

/** Returns the run that `node` is part of, also where its body is outside of the document. @param {Element} node */
export const runOf = (node) =>
  /** @type {HTMLElement | null} */ ((owners.get(node.getRootNode()) ?? node).closest("[data-run]"));

/** @param {HTMLElement} log */
export function setUpLazyDetails(log) {
  log.addEventListener("click", (event) => {
    const details = closest(event, "summary")?.parentElement;
    if (details?.matches(DETAILS)) unfold(details); // before the browser opens and paints it
  });
  log.addEventListener("toggle", ({ target }) => {
    if (target instanceof HTMLDetailsElement && target.matches(DETAILS)) settle(target);
  }, { capture: true });
}
