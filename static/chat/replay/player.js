// Where a replay is, and how it moves on: its own time runs through the times of the events. No DOM.

const LONGEST_MS = 1_000; // that one frame may pass on: a hidden page stands still
const LONGEST_WAIT_MS = 2_000; // for the next event, with shortened waits

/** @typedef {"1" | "4" | "16" | "short"} Speed  "short": 1, with shortened waits. */

export class Player {
  isPlaying = false;
  /** @type {Speed} */
  speed = "short";
  #lastFrame = 0;
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
    const target = Math.min(Math.max(seq, this.log.first), this.log.last);
    if (await this.#isLoaded(() => this.log.loaded >= target)) this.#moveTo(target, this.log.time(target), true);
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
    this.seq = seq;
    this.clock = clock;
    this.onMove(isJump);
  }

  #onFrame = () => {
    if (!this.isPlaying) return;
    const now = performance.now();
    const passed = Math.min(Math.max(now - this.#lastFrame, 0), LONGEST_MS);
    this.#lastFrame = now;
    const { seq, clock } = this.#after(passed);
    this.#setLoading(seq >= this.log.loaded && seq < this.log.last);
    this.#moveTo(seq, clock, false);
    if (this.isAtEnd) this.pause();
    else requestAnimationFrame(this.#onFrame);
  };

  /** Where the replay is after so many milliseconds. @param {number} passed */
  #after(passed) {
    let { seq, clock } = this;
    while (seq < this.log.loaded) {
      const next = this.log.time(seq + 1);
      const rate = this.#rate(next - this.log.time(seq));
      if (next - clock > passed * rate) return { seq, clock: clock + passed * rate };
      passed -= Math.max(next - clock, 0) / rate;
      clock = Math.max(next, clock);
      seq += 1;
    }
    return { seq, clock };
  }

  /** How fast a wait between two events passes. @param {number} wait */
  #rate(wait) {
    return this.speed === "short" ? Math.max(1, wait / LONGEST_WAIT_MS) : Number(this.speed);
  }
}
