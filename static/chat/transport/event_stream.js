// The second-best transport: receives events as server-sent events, and sends by plain requests. The
// end of a stream gives no reason; the next transport that is tried gets it from the server.

import { debug } from "../support/debug.js";
import { page } from "../support/page.js";
import { feedUrl } from "../support/waiting_count.js";
import { HttpSender } from "./http_transport.js";

const SILENCE_MS = 20_000; // the server is never silent for more than 15 s

/** @implements {Transport} */
export class EventStreamTransport {
  static title = "over SSE";
  #source;
  #sender;
  #lastFrameAt = Date.now();
  #watch;

  /**
   * @param {number} after
   * @param {TransportListener} listener
   */
  constructor(after, listener) {
    this.listener = listener;
    this.#sender = new HttpSender(listener);
    this.#source = new EventSource(feedUrl(page.events, after));
    this.#source.addEventListener("message", (event) => this.#read(event.data));
    // EventSource would reconnect by itself, but the connection decides when, and over what.
    this.#source.addEventListener("error", () => listener.onClose(1006));
    this.#watch = setInterval(() => {
      if (Date.now() - this.#lastFrameAt > SILENCE_MS) listener.onClose(1006);
    }, 5_000);
  }

  /** @param {ActionRequest} frame */
  send(frame) {
    return this.#sender.send(frame);
  }

  stop() {
    clearInterval(this.#watch);
    this.#sender.stop();
    this.#source.close();
  }

  /** @param {string} data */
  #read(data) {
    this.#lastFrameAt = Date.now();
    const frame = JSON.parse(data);
    debug("← SSE", frame);
    this.listener.onFrame(frame);
  }
}
