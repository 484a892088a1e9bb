// Which changes can be undone: the last one of its object; and a run, while all of its are. Kept up
// with each change, so that an event of a long session costs no more than one of a short.

import { show } from "../support/dom.js";
import { unstowAround } from "./lazy_details.js";
import { isActive } from "../support/labels.js";

const last = new Map(); // of each object: the element of its last change

const seqOf = (node) => Number(node.dataset.key);

// The changes in `root` are new to the page: `live` ones are the latest, of others the server has told
// whether they can be undone, and only a later one on the page knows better.
export function learnChanges(root, live = false) {
  for (const node of root.querySelectorAll(".change")) learn(node, live);
}

function learn(node, live) {
  const known = last.get(node.dataset.object);
  if (known === node) return;
  if (live) show(node, "change-undo", true);
  const [older, newer] = known && seqOf(known) > seqOf(node) ? [node, known] : [known, node];
  last.set(node.dataset.object, newer);
  if (!older) return;
  unstowAround(older);
  show(older, "change-undo", false);
  showRunUndo(older.closest("[data-run]"));
}

export function showRunUndo(box) {
  if (!box) return;
  const own = [...box.querySelectorAll(".change")];
  const standing = new Set(
    own.filter((one) => last.get(one.dataset.object) === one).map((one) => one.dataset.object),
  );
  const all = own.length > 0 && own.every((one) => standing.has(one.dataset.object));
  show(box, "run-undo", all && !isActive({ status: box.dataset.status }));
}
