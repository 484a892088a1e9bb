// Where a replay is, and how it moves on: its own time runs through the times of the events. No DOM.

const LONGEST_MS = 1_000; // that one frame may pass on: a hidden page stands still
// Of the speed "readable": the longest and the shortest wait for an event, and for a piece of an answer.
const LONGEST_WAIT_MS = 2_000;
const SHORTEST_WAIT_MS = 100;
const PIECE_MS = 20;

/** @typedef {"1" | "4" | "16" | "readable"} Speed  "readable": 1, but no wait is very long or very short. */

export class Player {
  isPlaying = false;
  /** @type {Speed} */
  speed = "readable";
  #lastFrame = 0;
  /** How much of the wait for the next event has passed, from 0 to 1. */
  #passed = 0;
  #seeks = 0;

  /**
   * @param {import("./event_log.js").EventLog} log
   * @param {(isJump: boolean) => void} onMove
   * @param {() => void} onState  The replay began, stopped, or waits for events to be loaded.
   */
  constructor(log, onMove, onState) {
    this.log = log;
    this.onMove = onMove;
    this.onState = onState;
    this.seq = log.first - 1;
    this.clock = log.began;
    this.isLoading = false;
  }

  get isAtEnd() {
    return this.seq >= this.log.last;
  }

  play() {
    if (this.isPlaying) return;
    if (this.isAtEnd) this.#moveTo(this.log.first, this.log.began, true);
    this.isPlaying = true;
    this.#lastFrame = performance.now();
    requestAnimationFrame(this.#onFrame);
    this.onState();
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    this.onState();
  }

  /** Goes to an event. A later call takes the place of one that waits for events to be loaded. @param {number} seq */
  async goTo(seq) {
    const { log } = this;
    const target = () => Math.min(Math.max(seq, log.first), log.last); // the end may come nearer
    const isNewest = await this.#isLoaded(() => log.loaded >= target());
    if (isNewest && target() >= log.first) this.#moveTo(target(), log.time(target()), true);
  }

  /** Goes to a place of the slider, among the events that are loaded. @param {number} place */
  goToPlace(place) {
    this.#seeks += 1;
    if (this.log.loaded < this.log.first) return;
    const { seq, time } = this.log.at(place);
    this.#moveTo(seq, time, true);
  }

  /** @param {() => boolean} isThere */
  async #isLoaded(isThere) {
    const seek = ++this.#seeks;
    if (!isThere()) {
      this.#setLoading(true);
      await this.log.until(isThere);
      if (seek === this.#seeks) this.#setLoading(false);
    }
    return seek === this.#seeks;
  }

  /** @param {boolean} isLoading */
  #setLoading(isLoading) {
    if (this.isLoading === isLoading) return;
    this.isLoading = isLoading;
    this.onState();
  }

  /** @type {(seq: number, clock: number, isJump: boolean) => void} */
  #moveTo(seq, clock, isJump) {
    const wait = seq < this.log.loaded ? this.log.time(seq + 1) - this.log.time(seq) : 0;
    this.#passed = wait ? (clock - this.log.time(seq)) / wait : 0;
    this.seq = seq;
    this.clock = clock;
    this.onMove(isJump);
  }

  #onFrame = () => {
    if (!this.isPlaying) return;
    const now = performance.now();
    const passed = Math.min(Math.max(now - this.#lastFrame, 0), LONGEST_MS);
    this.#lastFrame = now;
    this.#goOn(passed);
    this.#setLoading(this.seq >= this.log.loaded && !this.isAtEnd);
    this.onMove(false);
    if (this.isAtEnd) this.pause();
    else requestAnimationFrame(this.#onFrame);
  };

  /** Lets so many milliseconds pass. @param {number} passed */
  #goOn(passed) {
    const { log } = this;
    while (this.seq < log.loaded) {
      const wait = this.#waitFor(this.seq + 1);
      const left = wait * (1 - this.#passed);
      if (left > passed) {
        this.#passed += passed / wait;
        break;
      }
      passed -= left;
      this.seq += 1;
      this.#passed = 0;
    }
    const time = log.time(this.seq);
    const next = this.seq < log.loaded ? log.time(this.seq + 1) : time;
    this.clock = time + this.#passed * (next - time);
  }

  /** How many milliseconds the event takes to come after the one before it. @param {number} seq */
  #waitFor(seq) {
    const wait = this.log.time(seq) - this.log.time(seq - 1);
    if (this.speed !== "readable") return wait / Number(this.speed);
    const shortest = this.log.frame(seq).type === "token" ? PIECE_MS : SHORTEST_WAIT_MS;
    return Math.min(Math.max(wait, shortest), LONGEST_WAIT_MS);
  }
}
