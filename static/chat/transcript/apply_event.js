// Brings an event into the fold and the transcript, and speaks of it: on the session page and in a replay.

import { announce } from "../support/alert.js";
import * as queue from "./render_queue.js";
import { statusLine } from "./run_labels.js";

/**
 * Returns what the event concerns, as `Fold.apply` does, which is rendered soon.
 * @type {(fold: import("./fold.js").Fold, frame: EventFrame) => {run?: Run, change?: Change | void}}
 */
export function applyEvent(fold, frame) {
  const activeBefore = fold.active;
  const { run, change } = fold.apply(frame);
  if (run) queue.enqueueRun(run, frame.type === "token");
  else if (change) queue.enqueueNote(change);
  // The end of a run moves up those behind it.
  for (const other of activeBefore) {
    if (other !== run && other.status === "queued") queue.enqueueRun(other);
  }
  return { run, change };
}

let lastAnnouncement = "";

/**
 * Speaks at the start of phases and at ends only: with tokens and steps, a screen reader never finished.
 * @type {(frame: EventFrame, run: Run) => void}
 */
export function announceRun(frame, run) {
  const isEnd = ["complete", "error", "cancelled", "approval"].includes(frame.type);
  if (!isEnd && !isPhaseStart(frame)) return;
  const text = statusLine(run);
  if (text === lastAnnouncement) return;
  lastAnnouncement = text;
  announce(text);
}

/** @param {EventFrame} frame */
function isPhaseStart(frame) {
  if (frame.type !== "progress") return false;
  const { phase = "started", step_id: step } = frame.progress.metadata ?? {};
  return phase === "started" && !step;
}
