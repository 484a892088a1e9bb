// The transcript as it was after any event of a log: forward by the fold, and from a checkpoint to anywhere else.
// No DOM.

import { Fold, readChange } from "../transcript/fold.js";

const EVERY = 250; // events between two checkpoints

/** @typedef {{run: Run} | {change: Change} | {line: true}} Entry  A line is an event that cannot be shown. */
/** @typedef {{run?: Run, change?: Change | void, line?: true}} Shown  What an event concerns. */
/** @typedef {(fold: Fold, frame: EventFrame) => Shown} Apply */
/**
 * @typedef {object} Checkpoint  Nobody changes what is in it.
 * @property {number} seq
 * @property {Entry[]} entries
 * @property {string[]} open  The runs that events may still change, in the order of the fold.
 * @property {Change[]} fresh
 */

/** @type {Apply} */
const applySilently = (fold, frame) => fold.apply(frame);

export class Past {
  fold = new Fold([]);
  /** What the transcript shows, in order. @type {Entry[]} */
  entries = [];
  /** The last change of each object since the last message. @type {Map<string, Change>} */
  fresh = new Map();
  /** The place of each run in `entries`. @type {Map<string, number>} */
  #places = new Map();
  /** @type {Checkpoint[]} */
  #checkpoints = [];

  /** @param {import("./event_log.js").EventLog} log */
  constructor(log) {
    this.log = log;
    this.seq = log.first - 1;
    this.#keep();
  }

  /** The place of a run among the entries. @param {string} run */
  placeOf = (run) => this.#places.get(run) ?? this.entries.length;

  /** The place of the first run that events may still change. */
  get firstOpen() {
    return Math.min(...[...this.fold.runs.keys()].map(this.placeOf), this.entries.length);
  }

  /** Goes to the state after the event `seq`, which is loaded. @param {number} seq */
  goTo(seq) {
    const nearest = this.#checkpoints.findLast((one) => one.seq <= seq);
    if (nearest && (seq < this.seq || nearest.seq > this.seq)) this.#restore(nearest);
    while (this.seq < seq) this.forward();
  }

  /**
   * Goes on by one event.
   * @param {Apply} [apply]
   * @returns {Shown & {frame: EventFrame}}
   */
  forward(apply = applySilently) {
    const frame = this.log.frame(++this.seq);
    const shown = this.#take(frame, apply);
    const last = this.#checkpoints.at(-1)?.seq ?? 0;
    if (this.seq - last >= EVERY) this.#keep();
    return { frame, ...shown };
  }

  /** @type {(frame: EventFrame, apply: Apply) => Shown} */
  #take(frame, apply) {
    try {
      if (!this.#isWanted(frame)) {
        if (frame.type === "change") this.fresh.set(frame.change.id, readChange(frame));
        return {};
      }
      this.#reopen(frame.run);
      const shown = apply(this.fold, frame);
      if (frame.type === "message") this.fresh.clear();
      this.#add(shown);
      return shown;
    } catch {
      this.entries.push({ line: true });
      return { line: true };
    }
  }

  /** As in chat/fold.py: a run that began before the first event is passed over. @param {EventFrame} frame */
  #isWanted({ type, run, ...frame }) {
    const begins = type === "message" || ("status" in frame && type === "run" && frame.status === "queued");
    return this.log.first === 1 || !run || this.#places.has(run) || begins;
  }

  /** @param {Shown} shown */
  #add({ run, change }) {
    if (run && !this.#places.has(run.run)) {
      this.#places.set(run.run, this.entries.length);
      this.entries.push({ run });
    } else if (change && !run) this.entries.push({ change });
    if (change) this.fresh.set(change.id, change);
  }

  /** Has an event find a run that was over. Checkpoints share its former state. @param {string | null} key */
  #reopen(key) {
    const place = key === null ? undefined : this.#places.get(key);
    const entry = place !== undefined && this.entries[place];
    if (!entry || !("run" in entry) || this.fold.runs.has(entry.run.run)) return;
    const run = structuredClone(entry.run);
    this.entries[Number(place)] = { run };
    this.fold.runs.set(run.run, run);
  }

  // -- checkpoints ---------------------------------------------------------------------------------

  #keep() {
    const open = [...this.fold.runs.keys()];
    const entries = this.#cloned(this.entries, open);
    this.#checkpoints.push({ seq: this.seq, entries, open, fresh: [...this.fresh.values()] });
  }

  /** @param {Checkpoint} checkpoint */
  #restore({ seq, entries, open, fresh }) {
    this.seq = seq;
    this.entries = this.#cloned(entries, open);
    this.fresh = new Map(fresh.map((change) => [change.id, change]));
    const places = this.entries.flatMap((entry, place) =>
      "run" in entry ? [/** @type {[string, number]} */ ([entry.run.run, place])] : []);
    this.#places = new Map(places);
    const runs = open.flatMap((key) => {
      const entry = this.entries[this.#places.get(key) ?? -1];
      return entry && "run" in entry ? [entry.run] : [];
    });
    this.fold = new Fold(runs);
  }

  /** @type {(entries: Entry[], open: string[]) => Entry[]} */
  #cloned(entries, open) {
    const keys = new Set(open);
    return entries.map((entry) =>
      "run" in entry && keys.has(entry.run.run) ? { run: structuredClone(entry.run) } : entry);
  }
}
