// The page's line to the server: over which transport, when to try again, when to go back to a better
// one. Hands every event on once and in order, and knows nothing of what it means.
//
// A transport is made with the position to go on after and {frame(frame), closed(code)}; its first
// frame is `hello`. It has `send(frame)`, which tells whether it took the frame, and `stop()`; if it
// likes, `handled(seq)` and `check()`, which asks for a sign of life.

import { debug } from "../support/debug.js";
import { Polling } from "./polling.js";
import { Socket } from "./websocket.js";
import { Stream } from "./event_stream.js";

const TRANSPORTS = [Socket, Stream, Polling]; // the best first
const ATTEMPT_MS = 6_000; // a transport that says no `hello` for so long is given up
const LONGEST_WAIT_MS = 30_000;
const SOONEST_PROBE_MS = 5_000;
const LATEST_PROBE_MS = 60_000;
const SIGNED_OUT = 4401;
const GONE = 4404;

// Half of it fixed, half by chance, so that not all pages come back at the same moment.
export function backoff(attempt, chance = Math.random()) {
  const wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** attempt);
  return wait / 2 + (wait / 2) * chance;
}

export class Connection {
  #line = null; // the transport that is used or tried; `rank`: its place among TRANSPORTS
  #better = null; // a better one that is tried beside it
  #best = 0; // the rank to begin with
  #failures = 0;
  #probes = 0;
  #ended = false;
  #timers = { attempt: 0, retry: 0, countdown: 0, probe: 0, probing: 0 };

  // `onFrame(frame)`: each event once, and the frames without `seq`; `onState(state, more)` with
  // connecting; live, its transport's title; waiting, the seconds; signed-out; gone.
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
    // A page that goes away, perhaps into the browser's cache, leaves no half-open connection.
    addEventListener("pagehide", () => this.#drop());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.tryNow();
    });
  }

  send(frame) {
    return this.#line?.isLive === true && this.#line.send(frame);
  }

  // Connects at once where it waits, and looks after what it has where it does not.
  tryNow() {
    if (this.#ended) return;
    if (!this.#line) {
      this.#failures = 0;
      this.#connect(this.#best);
    } else if (this.#line.isLive) {
      this.#line.check?.();
      this.#probe(0);
    }
  }

  #connect(rank) {
    this.#stopTimers();
    this.onState("connecting");
    const line = (this.#line = this.#open(rank));
    this.#timers.attempt = setTimeout(() => this.#closed(line, 1006), ATTEMPT_MS);
  }

  #open(rank) {
    const line = new TRANSPORTS[rank](this.seq, {
      frame: (frame) => this.#read(line, frame), closed: (code) => this.#closed(line, code),
    });
    return Object.assign(line, { rank, isLive: false });
  }

  #read(line, frame) {
    if (frame.type === "hello" && !line.isLive) this.#live(line);
    if (line !== this.#line) return;
    if (!("seq" in frame) || frame.type === "resync") this.onFrame(frame);
    else this.#event(line, frame);
  }

  #live(line) {
    if (line === this.#better) {
      this.#line.stop();
      this.#line = line;
      this.#better = null;
    }
    if (line !== this.#line) return;
    this.#stopTimers();
    line.isLive = true;
    this.#best = line.rank;
    this.#failures = 0;
    if (line.rank === 0) this.#probes = 0;
    else this.#probeLater();
    this.onState("live", TRANSPORTS[line.rank].title);
  }

  #event(line, frame) {
    if (frame.seq <= this.seq) return;
    if (frame.seq > this.seq + 1) {
      debug(`event ${frame.seq} after ${this.seq}`);
      this.#closed(line, 1006);
      return;
    }
    this.seq = frame.seq;
    line.handled?.(frame.seq);
    this.onFrame(frame);
  }

  #closed(line, code) {
    line.stop();
    if (line === this.#better) this.#worse(line);
    if (line !== this.#line) return;
    debug("closed", TRANSPORTS[line.rank].title, code);
    this.#drop();
    this.#ended = code === SIGNED_OUT || code === GONE;
    if (this.#ended) this.onState(code === GONE ? "gone" : "signed-out");
    // Never live and no word from the server: perhaps something between us lets only others pass.
    else if (!line.isLive && code < 4000 && line.rank + 1 < TRANSPORTS.length) {
      this.#connect(line.rank + 1);
    } else {
      if (!line.isLive) this.#best = 0;
      this.#wait(backoff(this.#failures++));
    }
  }

  #wait(ms) {
    const until = Date.now() + ms;
    const tell = () => this.onState("waiting", Math.ceil(Math.max(0, until - Date.now()) / 1000));
    tell();
    this.#timers.countdown = setInterval(tell, 1_000);
    this.#timers.retry = setTimeout(() => this.#connect(this.#best), ms);
  }

  // -- back to a better transport ------------------------------------------------------------------

  #probeLater() {
    const wait = Math.min(LATEST_PROBE_MS, SOONEST_PROBE_MS * 2 ** this.#probes++);
    this.#timers.probe = setTimeout(() => this.#probe(0), wait);
  }

  // Tries the better ones one by one while the line goes on.
  #probe(rank) {
    if (this.#better || rank >= this.#line.rank) return;
    clearTimeout(this.#timers.probe);
    const line = (this.#better = this.#open(rank));
    this.#timers.probing = setTimeout(() => this.#closed(line, 1006), ATTEMPT_MS);
  }

  #worse(line) {
    clearTimeout(this.#timers.probing);
    this.#better = null;
    if (line.rank + 1 < this.#line.rank) this.#probe(line.rank + 1);
    else this.#probeLater();
  }

  #drop() {
    this.#stopTimers();
    for (const line of [this.#line, this.#better]) line?.stop();
    this.#line = this.#better = null;
  }

  #stopTimers() {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer); // an interval's, too
  }
}
