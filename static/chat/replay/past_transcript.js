// Shows the end of the past in the transcript: all of it anew after a jump, and event by event while it plays.

import { tick } from "../support/clocks.js";
import { byId } from "../support/dom.js";
import { unreadable } from "../support/labels.js";
import { announceRun, applyEvent } from "../transcript/apply_event.js";
import { showTimes } from "../transcript/live.js";
import { restoreOpenState } from "../transcript/open_state.js";
import { addChangeNote, addPlainLine, renderRun, runElement } from "../transcript/render.js";
import * as queue from "../transcript/render_queue.js";
import { scrollToEnd } from "../transcript/scroll.js";

const SHOWN = 10; // entries after a jump, as on the session page
const MORE = 20; // that a click shows
const MOST = 60; // entries that grow while it plays
const FAR = 300; // events after which a transcript is shown anew sooner than event by event
const log = byId("log");
const entries = byId("entries");
const earlier = byId("earlier");
/** The place of the first entry that is shown. */
let start = 0;
/** The runs whose seconds were shown last. @type {Run[]} */
let timed = [];

/**
 * Brings the transcript to the event `seq`. Only `speaks` has a screen reader told of phases.
 * @type {(past: import("./past.js").Past, seq: number, how: {isJump: boolean, speaks: boolean}) => void}
 */
export function show(past, seq, { isJump, speaks }) {
  if (isJump ? seq !== past.seq + 1 : seq - past.seq > FAR) {
    past.goTo(seq);
    showAnew(past);
  } else {
    let isOlder = false; // an event concerned what is not shown
    while (past.seq < seq) isOlder = forward(past, speaks) || isOlder;
    const isMuch = past.entries.length - start > MOST && !log.hasAttribute("data-away");
    if (isOlder || isMuch) showAnew(past);
  }
  queue.setLastSeq(seq);
}

/**
 * Returns whether the event concerned a run before what is shown.
 * @type {(past: import("./past.js").Past, speaks: boolean) => boolean}
 */
function forward(past, speaks) {
  const before = past.entries.at(-1);
  const { frame, run, line } = past.forward(applyEvent);
  if (line) queue.enqueueLine(unreadable);
  // A run that failed stays in view until the next message.
  const wasFailed = before && "run" in before && before.run.status === "failed";
  if (frame.type === "message" && wasFailed) scrollToEnd();
  if (run && speaks) announceRun(frame, run);
  return run !== undefined && past.placeOf(run.run) < start;
}

/** @param {import("./past.js").Past} past */
function showAnew(past) {
  const { scrollTop } = log;
  const isAway = log.hasAttribute("data-away");
  queue.clear();
  entries.replaceChildren();
  timed = []; // they may be of another moment
  start = Math.max(Math.min(past.entries.length - SHOWN, past.firstOpen), 0);
  past.entries.slice(start).forEach(add);
  restoreOpenState(entries);
  for (const one of entries.getAnimations({ subtree: true })) {
    if (one.effect?.getComputedTiming().endTime !== Infinity) one.finish(); // nothing of it is new
  }
  earlier.hidden = start === 0;
  if (isAway) log.scrollTop = scrollTop;
  else scrollToEnd();
}

/** @param {import("./past.js").Entry} entry */
function add(entry) {
  if ("run" in entry) renderRun(entry.run);
  else if ("change" in entry) addChangeNote(entry.change);
  else addPlainLine(unreadable);
}

/** Shows what was before. @param {import("./past.js").Past} past */
export function showEarlier(past) {
  const [first] = entries.children;
  const more = past.entries.slice(Math.max(start - MORE, 0), start);
  const { scrollHeight } = log;
  for (const entry of more) {
    add(entry);
    if (entries.lastElementChild) entries.insertBefore(entries.lastElementChild, first);
  }
  start -= more.length;
  restoreOpenState(entries);
  earlier.hidden = start === 0;
  // The button may be gone.
  /** @type {HTMLElement | null} */ (entries.firstElementChild)?.focus({ preventScroll: true });
  log.scrollTop += log.scrollHeight - scrollHeight;
}

/** Shows the seconds of what runs, at the moment of the replay. @param {import("./past.js").Past} past */
export function showClocks(past) {
  const { active } = past.fold;
  tick(active.flatMap(({ run }) => runElement(run) ?? []));
  // One that is over has none any more.
  for (const run of new Set([...timed, ...active])) showTimes(run);
  timed = active;
}
