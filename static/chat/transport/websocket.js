// The best transport: one WebSocket. Acknowledges what was handled and notices silence; knows nothing
// of what a frame means.

import { debug } from "../support/debug.js";
import { page } from "../support/labels.js";

const SILENCE_MS = 20_000; // the server is never silent for more than 15 s
const ANSWER_MS = 8_000; // what is sent is answered sooner than this, or the line is dead
const ACK_EVENTS = 64;
const ACK_MS = 1_000;

export class Socket {
  static title = "over WebSocket";
  #socket;
  #acked;
  #handled;
  #heardAt = Date.now();
  #timers = { ack: 0, answer: 0, watch: 0 };

  constructor(after, heard) {
    this.heard = heard;
    this.#acked = this.#handled = after;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(`${scheme}//${location.host}${page.socket}?after=${after}`);
    this.#socket.addEventListener("message", (event) => this.#read(event.data));
    this.#socket.addEventListener("close", (event) => heard.closed(event.code));
    this.#timers.watch = setInterval(() => {
      if (Date.now() - this.#heardAt > SILENCE_MS) this.#lose("silence");
    }, 5_000);
  }

  send(frame) {
    if (!this.#write(frame)) return false;
    this.check();
    return true;
  }

  // Asks for a sign of life: a dead line never tells that it is dead.
  check() {
    if (!this.#write({ type: "ping" })) return;
    this.#timers.answer ||= setTimeout(() => this.#lose("no answer"), ANSWER_MS);
  }

  // The page has shown all events up to `seq`.
  handled(seq) {
    this.#handled = seq;
    if (seq - this.#acked >= ACK_EVENTS) this.#acknowledge();
    else this.#timers.ack ||= setTimeout(() => this.#acknowledge(), ACK_MS);
  }

  stop() {
    clearTimeout(this.#timers.ack);
    clearTimeout(this.#timers.answer);
    clearInterval(this.#timers.watch);
    this.#socket.close();
  }

  #read(data) {
    this.#heardAt = Date.now();
    clearTimeout(this.#timers.answer);
    this.#timers.answer = 0;
    const frame = JSON.parse(data);
    debug("←", frame);
    this.heard.frame(frame);
  }

  #write(frame) {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    debug("→", frame);
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #acknowledge() {
    clearTimeout(this.#timers.ack);
    this.#timers.ack = 0;
    if (this.#write({ type: "ack", seq: this.#handled })) this.#acked = this.#handled;
  }

  #lose(why) {
    debug("lost:", why);
    this.heard.closed(1006);
  }
}
