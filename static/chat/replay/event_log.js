// The part of the session's event log that is replayed, loaded page by page. No DOM.

import { fetchEvents } from "../support/event_pages.js";
import { lossText } from "./losses.js";

const PAGE = 1_000; // events, the most that the server sends at once
const AGAIN_MS = 3_000;
const LONG_MS = 30_000; // a longer wait takes no more room on the slider

export class EventLog {
  /** The events from `first` on. @type {EventFrame[]} */
  frames = [];
  /** Their times in milliseconds, none before an earlier one. @type {number[]} */
  times = [];
  /** Their places on the slider. @type {number[]} */
  #places = [];
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {PastData} past
   * @param {(problem: string) => void} onProblem  Called with "" when the problem is over.
   */
  constructor({ first, last, began }, onProblem) {
    this.first = first;
    this.last = last;
    this.began = began;
    this.onProblem = onProblem;
  }

  /** The number of the last event that is loaded. */
  get loaded() {
    return this.first - 1 + this.frames.length;
  }

  /** @param {number} seq */
  frame = (seq) => this.frames[seq - this.first];

  /** When the event happened; before the first one, when that did. @param {number} seq */
  time = (seq) => (seq < this.first ? this.began : this.times[seq - this.first]);

  /** Loads everything. */
  async load() {
    while (this.loaded < this.last) {
      const response = await fetchEvents(this.loaded, PAGE);
      if (response?.ok && response.body?.results?.length) {
        this.onProblem("");
        this.#take(response.body.results);
      } else if (response && response.status < 500) {
        this.onProblem(`${lossText(response.status)} What is loaded can still be played.`);
        this.last = this.loaded; // where the replay ends now
        this.#wake();
      } else {
        this.onProblem("The server could not be reached; loading the events is tried again.");
        await new Promise((done) => setTimeout(done, AGAIN_MS));
      }
    }
  }

  /** @param {EventFrame[]} frames */
  #take(frames) {
    for (const frame of frames.slice(0, this.last - this.loaded)) {
      this.frames.push(frame);
      const before = this.times.at(-1) ?? this.began;
      const time = Math.max(before, Date.parse(frame.timestamp));
      this.#places.push((this.#places.at(-1) ?? 0) + Math.min(time - before, LONG_MS));
      this.times.push(time);
    }
    this.#wake();
  }

  #wake() {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  /** Waits until `isThere()`. @param {() => boolean} isThere */
  async until(isThere) {
    while (!isThere()) await new Promise((done) => this.#waiting.push(() => done(null)));
  }

  // -- the slider ----------------------------------------------------------------------------------

  /** The place of the last event that is loaded. */
  get lastPlace() {
    return this.#places.at(-1) ?? 0;
  }

  /**
   * The place of a time at or after the event `seq`, and before the next one.
   * @type {(seq: number, time: number) => number}
   */
  placeOf(seq, time) {
    const index = Math.max(seq - this.first, 0);
    const [from, to] = [this.times[index] ?? this.began, this.times[index + 1]];
    const place = this.#places[index] ?? 0;
    return to > from ? place + ((time - from) / (to - from)) * (this.#places[index + 1] - place) : place;
  }

  /** The event and the time at a place. @param {number} place */
  at(place) {
    const index = Math.max(lastUntil(this.#places, place), 0);
    const [from, to] = [this.#places[index], this.#places[index + 1]];
    const time = this.times[index];
    const seq = this.first + index;
    return { seq, time: to > from ? time + ((place - from) / (to - from)) * (this.times[index + 1] - time) : time };
  }
}

/**
 * The index of the last of the ascending numbers up to `most`; -1 if there is none.
 * @type {(numbers: number[], most: number) => number}
 */
function lastUntil(numbers, most) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
