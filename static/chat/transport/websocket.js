// The best transport: one WebSocket. Acknowledges the events that the page has shown, and notices
// a dead connection. It does not know what a frame means.

import { debug } from "../support/debug.js";
import { page } from "../support/page.js";
import { feedUrl } from "../support/waiting_count.js";

const SILENCE_MS = 20_000; // the server is never silent for more than 15 s
const REPLY_MS = 8_000; // the server replies to a ping sooner than this, or the connection is dead
const ACK_EVENTS = 64;
const ACK_MS = 1_000;

/** @implements {Transport} */
export class WebSocketTransport {
  static title = "over WebSocket";
  #socket;
  #acknowledged;
  #handled;
  #lastFrameAt = Date.now();
  #timers = { ack: 0, reply: 0, watch: 0 };

  /**
   * @param {number} after
   * @param {TransportListener} listener
   */
  constructor(after, listener) {
    this.listener = listener;
    this.#acknowledged = this.#handled = after;
    const address = feedUrl(page.socket, after);
    this.#socket = new WebSocket(address.replace(/^http/, "ws"));
    this.#socket.addEventListener("message", (event) => this.#read(event.data));
    this.#socket.addEventListener("close", (event) => listener.onClose(event.code));
    this.#timers.watch = setInterval(() => {
      if (Date.now() - this.#lastFrameAt > SILENCE_MS) this.#fail();
    }, 5_000);
  }

  /** @param {ActionRequest} frame */
  send(frame) {
    if (!this.#write(frame)) return false;
    this.check();
    return true;
  }

  // A dead connection does not report that it is dead, so the page asks.
  check() {
    if (!this.#write({ type: "ping" })) return;
    this.#timers.reply ||= setTimeout(() => this.#fail(), REPLY_MS);
  }

  /** @param {number} seq */
  handled(seq) {
    this.#handled = seq;
    if (seq - this.#acknowledged >= ACK_EVENTS) this.#acknowledge();
    else this.#timers.ack ||= setTimeout(() => this.#acknowledge(), ACK_MS);
  }

  stop() {
    clearTimeout(this.#timers.ack);
    clearTimeout(this.#timers.reply);
    clearInterval(this.#timers.watch);
    this.#socket.close();
  }

  /** @param {string} data */
  #read(data) {
    this.#lastFrameAt = Date.now();
    clearTimeout(this.#timers.reply);
    this.#timers.reply = 0;
    const frame = JSON.parse(data);
    debug("←", frame);
    this.listener.onFrame(frame);
  }

  /** @param {ClientFrame} frame */
  #write(frame) {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    debug("→", frame);
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #acknowledge() {
    clearTimeout(this.#timers.ack);
    this.#timers.ack = 0;
    if (this.#write({ type: "ack", seq: this.#handled })) this.#acknowledged = this.#handled;
  }

  #fail() {
    this.listener.onClose(1006);
  }
}
