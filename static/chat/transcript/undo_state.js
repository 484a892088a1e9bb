// Shows which changes can be undone: the last change of an object; and a run, as long as all of its
// changes are the last ones. Updated with each change, so that a long session costs no more than a short one.

import { setVisible } from "../support/dom.js";
import { findInRuns, runOf } from "./lazy_details.js";
import { isActive } from "./run_labels.js";

/** The element of each object's last change. @type {Map<string | undefined, HTMLElement>} */
const lastChanges = new Map();

/** @param {HTMLElement} node */
const seqOf = (node) => Number(node.dataset.key);

/**
 * Registers the changes in `root`, which are new to the page. Live changes are the latest. About the
 * others the server knew whether they can be undone, unless the page has a later change of the object.
 * @type {(root: ParentNode, isLive?: boolean) => void}
 */
export function registerChanges(root, isLive = false) {
  for (const node of findInRuns(root, ".change")) register(node, isLive);
}

/** @type {(node: HTMLElement, isLive: boolean) => void} */
function register(node, isLive) {
  const known = lastChanges.get(node.dataset.object);
  if (known === node) return;
  if (isLive) setVisible(node, "change-undo", true);
  const isOlder = known && seqOf(known) > seqOf(node);
  lastChanges.set(node.dataset.object, isOlder ? known : node);
  const superseded = isOlder ? node : known;
  if (!superseded) return;
  setVisible(superseded, "change-undo", false);
  updateRunUndo(runOf(superseded));
}

/** @param {HTMLElement | null} run */
export function updateRunUndo(run) {
  if (!run) return;
  const changes = findInRuns(run, ".change");
  const last = changes.filter((node) => lastChanges.get(node.dataset.object) === node);
  const undoable = new Set(last.map((node) => node.dataset.object));
  const all = changes.length > 0 && changes.every((node) => undoable.has(node.dataset.object));
  setVisible(run, "run-undo", all && !isActive({ status: run.dataset.status }));
}
