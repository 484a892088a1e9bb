// Keeps the contents of closed runs in earlier parts outside of the document until they are opened: a
// session of a thousand runs would have half a million nodes otherwise.

import { find, findAll } from "../support/dom.js";
import { localiseAll } from "../support/local_times.js";

/** Detached bodies by their details. @type {WeakMap<Element, Element>} */
const bodies = new WeakMap();
/** The details of detached bodies. @type {WeakMap<Element, Element>} */
const owners = new WeakMap();

/** @param {ParentNode} root */
export function detachClosed(root) {
  for (const details of findAll(root, '[data-slot="run-details"]:not([open])')) {
    const body = find(details, '[data-slot="run-body"]');
    if (!body) continue;
    bodies.set(details, body);
    owners.set(body, details);
    body.remove();
  }
}

/** @param {Element} details */
export function attach(details) {
  const body = bodies.get(details);
  if (body) {
    localiseAll(body); // the day may have changed
    details.append(body);
  }
  bodies.delete(details);
}

/** Attaches the body that contains `node`. @param {Element} node */
export function attachAround(node) {
  const body = node.closest('[data-slot="run-body"]');
  const details = body && owners.get(body);
  if (details) attach(details);
}

/** @param {HTMLElement} log */
export function setUpLazyDetails(log) {
  const onToggle = (/** @type {Event} */ event) => attach(/** @type {Element} */ (event.target));
  log.addEventListener("toggle", onToggle, { capture: true });
}
