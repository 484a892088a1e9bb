// The page's connection to the server. Chooses the transport, decides when to reconnect and when to
// return to a better transport. Passes every event on once and in order, whatever the event means.

import { debug } from "../support/debug.js";
import { EventStreamTransport } from "./event_stream.js";
import { PollingTransport } from "./polling.js";
import { WebSocketTransport } from "./websocket.js";

/** @typedef {Transport & {rank: number, isLive: boolean}} RankedTransport */

const TRANSPORTS = [WebSocketTransport, EventStreamTransport, PollingTransport]; // the best first
const ATTEMPT_MS = 6_000; // a transport without a `hello` in this time is given up
const LONGEST_WAIT_MS = 30_000;
const SHORTEST_PROBE_WAIT_MS = 5_000;
const LONGEST_PROBE_WAIT_MS = 60_000;
const NEW_LOGIN_MS = 1_000;
const SIGNED_OUT = 4401;
const OTHER_USER = 4403;
const GONE = 4404;

/**
 * Half of the wait is random, so that not all pages reconnect at the same moment.
 * @param {number} attempt
 * @param {number} random
 */
export function backoff(attempt, random = Math.random()) {
  const wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** attempt);
  return wait / 2 + (wait / 2) * random;
}

export class Connection {
  /** The transport that is used or tried. @type {RankedTransport | null} */
  #transport = null;
  /** A better transport that is tried meanwhile. @type {RankedTransport | null} */
  #candidate = null;
  #startRank = 0; // the transport to begin with
  #failures = 0;
  #probes = 0;
  #hasEnded = false;
  #isSignedOut = false;
  #timers = { attempt: 0, retry: 0, countdown: 0, probe: 0, probing: 0 };

  /**
   * @param {number} after
   * @param {{
   *   onFrame: (frame: ServerFrame) => void,
   *   onState: (state: ConnectionState, detail?: string | number) => void,
   * }} listener  `onState` gets the transport's title with "live", the seconds left with "waiting".
   */
  constructor(after, { onFrame, onState }) {
    this.seq = after;
    this.onFrame = onFrame;
    this.onState = onState;
  }

  start() {
    this.#connect(0);
    addEventListener("online", () => this.tryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.tryNow();
    });
    // A page that is left, perhaps into the browser's cache, leaves no half-open connection.
    addEventListener("pagehide", () => this.#disconnect());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.tryNow();
    });
    // Somebody may have signed in again in another tab.
    addEventListener("focus", () => {
      if (this.#isSignedOut) this.tryNow();
    });
  }

  /** @param {ActionRequest} frame */
  send(frame) {
    if (this.#isSignedOut) this.tryNow();
    return this.#transport?.isLive === true && this.#transport.send(frame);
  }

  // Reconnects at once when waiting; checks the transport when connected.
  tryNow() {
    if (this.#hasEnded) return;
    if (!this.#transport) {
      this.#failures = 0;
      this.#connect(this.#startRank);
    } else if (this.#transport.isLive) {
      this.#transport.check?.();
      this.#probe(0);
    }
  }

  /** @param {number} rank */
  #connect(rank) {
    this.#stopTimers();
    if (!this.#isSignedOut) this.onState("connecting"); // its link to sign in stays
    const transport = (this.#transport = this.#open(rank));
    this.#timers.attempt = setTimeout(() => this.#onClose(transport, 1006), ATTEMPT_MS);
  }

  /**
   * @param {number} rank
   * @returns {RankedTransport}
   */
  #open(rank) {
    /** @type {RankedTransport} */
    const transport = Object.assign(
      new TRANSPORTS[rank](this.seq, {
        onFrame: (frame) => this.#onFrame(transport, frame),
        onClose: (code) => this.#onClose(transport, code),
      }),
      { rank, isLive: false },
    );
    return transport;
  }

  /**
   * @param {RankedTransport} transport
   * @param {ServerFrame} frame
   */
  #onFrame(transport, frame) {
    if (frame.type === "hello" && !transport.isLive) this.#onLive(transport);
    if (transport !== this.#transport) return;
    if (!("seq" in frame) || frame.type === "resync") this.onFrame(frame);
    else this.#onEvent(transport, frame);
  }

  /** @param {RankedTransport} transport */
  #onLive(transport) {
    if (transport === this.#candidate) {
      this.#transport?.stop();
      this.#transport = transport;
      this.#candidate = null;
    }
    if (transport !== this.#transport) return;
    this.#stopTimers();
    transport.isLive = true;
    this.#isSignedOut = false;
    this.#startRank = transport.rank;
    this.#failures = 0;
    if (transport.rank === 0) this.#probes = 0;
    else this.#probeLater();
    this.onState("live", TRANSPORTS[transport.rank].title);
  }

  /**
   * @param {RankedTransport} transport
   * @param {EventFrame | WithheldFrame} frame
   */
  #onEvent(transport, frame) {
    if (frame.seq <= this.seq) return;
    if (frame.seq > this.seq + 1) {
      debug(`event ${frame.seq} after ${this.seq}`);
      this.#onClose(transport, 1006);
      return;
    }
    this.seq = frame.seq;
    transport.handled?.(frame.seq);
    this.onFrame(frame);
  }

  /**
   * @param {RankedTransport} transport
   * @param {number} code
   */
  #onClose(transport, code) {
    transport.stop();
    if (transport === this.#candidate) this.#onProbeFailed(transport);
    if (transport !== this.#transport) return;
    debug("closed", TRANSPORTS[transport.rank].title, code);
    this.#disconnect();
    if (code === SIGNED_OUT) this.#onSignedOut(transport.isLive);
    else if (code === GONE) {
      this.#hasEnded = true;
      this.onState("gone");
    } else if (code === OTHER_USER) {
      this.#hasEnded = true;
      location.reload(); // as the page of the user who is signed in now
    }
    // The transport never worked and the server gave no reason: perhaps a proxy lets only others pass.
    else if (!transport.isLive && code < 4000 && transport.rank + 1 < TRANSPORTS.length) {
      this.#connect(transport.rank + 1);
    } else {
      if (!transport.isLive) this.#startRank = 0;
      this.#wait(backoff(this.#failures++));
    }
  }

  // The login of a live connection may just be replaced by a new one.
  /** @param {boolean} wasLive */
  #onSignedOut(wasLive) {
    this.#isSignedOut = true;
    this.#startRank = 0;
    this.onState("signed-out");
    if (wasLive) this.#timers.retry = setTimeout(() => this.#connect(0), NEW_LOGIN_MS);
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#isSignedOut = false;
    const until = Date.now() + ms;
    const report = () => this.onState("waiting", Math.ceil(Math.max(0, until - Date.now()) / 1000));
    report();
    this.#timers.countdown = setInterval(report, 1_000);
    this.#timers.retry = setTimeout(() => this.#connect(this.#startRank), ms);
  }

  // -- return to a better transport ----------------------------------------------------------------

  #probeLater() {
    const wait = Math.min(LONGEST_PROBE_WAIT_MS, SHORTEST_PROBE_WAIT_MS * 2 ** this.#probes++);
    this.#timers.probe = setTimeout(() => this.#probe(0), wait);
  }

  /**
   * Tries the better transports one by one while the current one stays in use.
   * @param {number} rank
   */
  #probe(rank) {
    if (this.#candidate || rank >= (this.#transport?.rank ?? 0)) return;
    clearTimeout(this.#timers.probe);
    const transport = (this.#candidate = this.#open(rank));
    this.#timers.probing = setTimeout(() => this.#onClose(transport, 1006), ATTEMPT_MS);
  }

  /** @param {RankedTransport} transport */
  #onProbeFailed(transport) {
    clearTimeout(this.#timers.probing);
    this.#candidate = null;
    if (transport.rank + 1 < (this.#transport?.rank ?? 0)) this.#probe(transport.rank + 1);
    else this.#probeLater();
  }

  #disconnect() {
    this.#stopTimers();
    for (const transport of [this.#transport, this.#candidate]) transport?.stop();
    this.#transport = this.#candidate = null;
  }

  #stopTimers() {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer); // an interval's, too
  }
}
