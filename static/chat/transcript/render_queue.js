// Renders once before the browser paints, whatever events came meanwhile: a burst of events costs one
// rendering of each run that it concerns. Keeps the order in which the work was queued.

import { debug } from "../support/debug.js";
import { byId } from "../support/dom.js";
import { unreadable } from "../support/labels.js";
import { addChangeNote, addPlainLine, renderAnswerText, renderRun, runElement } from "./render.js";
import { registerChanges, updateRunUndo } from "./undo_state.js";

/** @typedef {(() => void) & {isWhole?: boolean}} Work */

const log = byId("log");
/** The work by its run, or by a key of its own. @type {Map<unknown, Work>} */
const queue = new Map();
let lastSeq = 0;
let isScheduled = false;

function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  // A hidden page is not painted, but it must be up to date when somebody reads it.
  if (document.hidden) setTimeout(render);
  else requestAnimationFrame(render);
}

/** Does `work` before the next paint, once for each `key`. @type {(key: unknown, work: Work) => void} */
export function enqueue(key, work) {
  queue.set(key, work);
  schedule();
}

/** With `onlyText`, nothing but the run's answer has grown. @type {(run: Run, onlyText?: boolean) => void} */
export function enqueueRun(run, onlyText = false) {
  const queued = queue.get(run.run);
  const isWhole = !onlyText || (queued ? queued.isWhole : !runElement(run.run));
  const work = () => (isWhole ? renderWholeRun(run) : renderAnswerText(run));
  enqueue(run.run, Object.assign(work, { isWhole }));
}

/** @param {Run} run */
function renderWholeRun(run) {
  const node = renderRun(run);
  registerChanges(node, true);
  updateRunUndo(node);
}

/** @param {string} text */
export const enqueueLine = (text) => enqueue(Symbol("line"), () => addPlainLine(text));

/** @param {Change} change */
export const enqueueNote = (change) =>
  enqueue(change.seq, () => {
    addChangeNote(change);
    registerChanges(byId(`event-${change.seq}`).parentElement ?? document, true);
  });

/** The next rendering shows everything up to this event. @param {number} seq */
export function setLastSeq(seq) {
  lastSeq = seq;
  schedule();
}

/** Forgets what is queued: something else is shown now. */
export const clear = () => queue.clear();

function render() {
  isScheduled = false;
  const work = [...queue.values()];
  queue.clear();
  for (const each of work) {
    try {
      each();
    } catch (error) {
      debug("cannot render", error);
      addPlainLine(unreadable);
    }
  }
  log.dataset.seq = String(lastSeq);
}
