// The page's one connection: connects, resumes at its cursor, acknowledges, notices silence. Hands
// every event on once and in order, and knows nothing of what it means.

import { debug } from "./debug.js";

const ATTEMPT_MS = 10_000; // a connection attempt that takes longer is given up
const SILENCE_MS = 40_000; // the server is never silent for more than 15 s
const PING_MS = 25_000;
const ACK_EVENTS = 64;
const ACK_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const SIGNED_OUT = 4401;
const GONE = 4404;

// Half of it fixed, half by chance, so that not all pages come back at the same moment.
export function backoff(attempt, chance = Math.random()) {
  const wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** attempt);
  return wait / 2 + (wait / 2) * chance;
}

export class Socket {
  #socket = null;
  #attempt = 0;
  #acked;
  #heardAt = 0;
  #timers = { attempt: 0, retry: 0, countdown: 0, ack: 0 };
  #ended = false;

  // `onFrame(frame)`: each event once, and the frames without `seq`; `onState(state, seconds)` with
  // connecting, live, waiting, signed-out, gone.
  constructor(path, after, { onFrame, onState }) {
    this.path = path;
    this.seq = this.#acked = after;
    this.onFrame = onFrame;
    this.onState = onState;
  }

  start() {
    this.connect();
    setInterval(() => this.#listen(), 5_000);
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

  get isLive() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  send(frame) {
    if (!this.isLive) return false;
    debug("→", frame);
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  tryNow() {
    if (this.#ended || this.#socket) return;
    this.#attempt = 0;
    this.connect();
  }

  connect() {
    this.#stopTimers();
    this.onState("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}?after=${this.seq}`);
    this.#socket = socket;
    this.#acked = this.seq;
    this.#heardAt = Date.now();
    this.#timers.attempt = setTimeout(() => this.#lose(socket, "no answer"), ATTEMPT_MS);
    socket.addEventListener("open", () => clearTimeout(this.#timers.attempt));
    socket.addEventListener("message", (event) => this.#read(socket, event.data));
    socket.addEventListener("close", (event) => this.#closed(socket, event.code));
  }

  #read(socket, data) {
    if (socket !== this.#socket) return;
    this.#heardAt = Date.now();
    const frame = JSON.parse(data);
    debug("←", frame);
    if (frame.type === "hello") this.#attempt = 0;
    if (frame.type === "hello") this.onState("live");
    if (!("seq" in frame) || frame.type === "resync") this.onFrame(frame);
    else this.#event(socket, frame);
  }

  #event(socket, frame) {
    if (frame.seq <= this.seq) return;
    if (frame.seq > this.seq + 1) {
      this.#lose(socket, `event ${frame.seq} after ${this.seq}`);
      return;
    }
    this.seq = frame.seq;
    this.#acknowledge();
    this.onFrame(frame);
  }

  #acknowledge() {
    const timers = this.#timers;
    if (this.seq - this.#acked >= ACK_EVENTS) this.#ack();
    else timers.ack ||= setTimeout(() => this.#ack(), ACK_MS);
  }

  #ack() {
    clearTimeout(this.#timers.ack);
    this.#timers.ack = 0;
    if (this.seq > this.#acked && this.send({ type: "ack", seq: this.seq })) this.#acked = this.seq;
  }

  #listen() {
    if (!this.isLive) return;
    const silence = Date.now() - this.#heardAt;
    if (silence > SILENCE_MS) this.#lose(this.#socket, "silence");
    else if (silence > PING_MS) this.send({ type: "ping" });
  }

  // Gives a connection up without waiting for its end, which a dead line never tells.
  #lose(socket, why) {
    debug("lost:", why);
    this.#closed(socket, 1006);
    socket.close();
  }

  #drop() {
    const socket = this.#socket;
    this.#stopTimers();
    this.#socket = null;
    socket?.close();
  }

  #closed(socket, code) {
    if (socket !== this.#socket) return;
    debug("closed", code);
    this.#stopTimers();
    this.#socket = null;
    this.#ended = code === SIGNED_OUT || code === GONE;
    if (this.#ended) this.onState(code === GONE ? "gone" : "signed-out");
    else this.#wait(backoff(this.#attempt++));
  }

  #wait(ms) {
    const until = Date.now() + ms;
    const tell = () => this.onState("waiting", Math.ceil(Math.max(0, until - Date.now()) / 1000));
    tell();
    this.#timers.countdown = setInterval(tell, 1_000);
    this.#timers.retry = setTimeout(() => this.connect(), ms);
  }

  #stopTimers() {
    const timers = this.#timers;
    clearTimeout(timers.attempt);
    clearTimeout(timers.retry);
    clearTimeout(timers.ack);
    clearInterval(timers.countdown);
    timers.ack = 0;
  }
}
