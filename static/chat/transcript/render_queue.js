// What has to be shown, gathered and drawn once before the browser paints: a burst of events costs
// one drawing of each run that it touches. Keeps the order in which things came up.

import { debug } from "../support/debug.js";
import { addLine, addNote, elementOf, showRun, showText } from "./render.js";
import { learnChanges, showRunUndo } from "./undo_state.js";
import { unreadable } from "../support/labels.js";

const log = document.getElementById("log");
const waiting = new Map(); // by run, or by a name of its own
let seq = 0;
let asked = false;

function ask() {
  if (asked) return;
  asked = true;
  // A page that nobody sees is not painted, and yet it is to be right when it is read.
  if (document.hidden) setTimeout(draw);
  else requestAnimationFrame(draw);
}

// `work` is done before the next paint, once for each `key`.
export function add(key, work) {
  waiting.set(key, work);
  ask();
}

// `onlyText`: nothing but its answer has grown.
export function run(one, onlyText = false) {
  const before = waiting.get(one.run);
  const whole = !onlyText || (before ? before.whole : !elementOf(one.run));
  const work = () => (whole ? drawRun(one) : showText(one));
  add(one.run, Object.assign(work, { whole }));
}

function drawRun(one) {
  showRun(one);
  const box = elementOf(one.run);
  learnChanges(box, true);
  showRunUndo(box);
}

export const line = (words) => add(Symbol("line"), () => addLine(words));

export const note = (change) =>
  add(change.seq, () => {
    addNote(change);
    learnChanges(document.getElementById(`event-${change.seq}`).parentElement, true);
  });

// Everything up to this event will have been drawn.
export function seen(number) {
  seq = number;
  ask();
}

function draw() {
  asked = false;
  const works = [...waiting.values()];
  waiting.clear();
  for (const work of works) {
    try {
      work();
    } catch (error) {
      debug("cannot draw", error);
      addLine(unreadable);
    }
  }
  log.dataset.seq = seq;
}
