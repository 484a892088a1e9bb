// The second-best transport: events by Server-Sent Events, sending over plain requests. Where even a
// stream's end tells no reason, the next transport that is tried learns it.

import { debug } from "../support/debug.js";
import { Posting } from "./http_transport.js";
import { under } from "../support/rest.js";
import { page } from "../support/labels.js";

const SILENCE_MS = 20_000; // the server is never silent for more than 15 s

export class Stream {
  static title = "over SSE";
  #source;
  #posting;
  #heardAt = Date.now();
  #watch;

  constructor(after, heard) {
    this.heard = heard;
    this.#posting = new Posting(heard);
    this.#source = new EventSource(`${under("sessions", page.session, "events")}?after=${after}`);
    this.#source.addEventListener("message", (event) => this.#read(event.data));
    // Not left to come back by itself: the connection decides when, and over what.
    this.#source.addEventListener("error", () => heard.closed(1006));
    this.#watch = setInterval(() => {
      if (Date.now() - this.#heardAt > SILENCE_MS) heard.closed(1006);
    }, 5_000);
  }

  send(frame) {
    return this.#posting.send(frame);
  }

  stop() {
    clearInterval(this.#watch);
    this.#posting.stop();
    this.#source.close();
  }

  #read(data) {
    this.#heardAt = Date.now();
    const frame = JSON.parse(data);
    debug("← SSE", frame);
    this.heard.frame(frame);
  }
}
