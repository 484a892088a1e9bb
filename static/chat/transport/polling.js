// The last resort among transports: asks for new events again and again. Reads pages of the log over
// GET /api/sessions/<id>/events/ and sends over plain requests.

import { Posting } from "./http_transport.js";
import { call, under } from "../support/rest.js";
import { page } from "../support/labels.js";

const SOONEST_MS = 1_000;
const LATEST_MS = 10_000; // while nothing happens

export class Polling {
  static title = "by polling";
  #seq;
  #posting;
  #timer = 0;
  #wait = SOONEST_MS;
  #asking = false;
  #stopped = false;

  constructor(after, heard) {
    this.#seq = after;
    this.heard = heard;
    this.#posting = new Posting(heard, () => this.#soon());
    this.#ask(true);
  }

  send(frame) {
    return this.#posting.send(frame);
  }

  check() {
    this.#soon();
  }

  stop() {
    this.#stopped = true;
    this.#posting.stop();
    clearTimeout(this.#timer);
  }

  #soon() {
    this.#wait = SOONEST_MS;
    if (!this.#asking && !this.#stopped) this.#ask(false);
  }

  async #ask(first) {
    clearTimeout(this.#timer);
    this.#asking = true;
    const answer = await call("GET", `${under("sessions", page.session, "events")}?after=${this.#seq}`);
    this.#asking = false;
    if (this.#stopped) return;
    if (answer?.status === 410) this.heard.frame({ type: "resync", ...answer.body });
    else if (answer?.ok && Array.isArray(answer.body?.results)) this.#read(answer.body, first);
    else this.heard.closed({ 401: 4401, 403: 4401, 404: 4404 }[answer?.status] ?? 1006);
  }

  #read({ results, last_seq: lastSeq, board }, first) {
    if (first) this.heard.frame({ type: "hello", last_seq: lastSeq, board });
    else if (board !== undefined) this.heard.frame({ type: "board", version: board });
    for (const frame of results) {
      if (this.#stopped) return;
      this.#seq = frame.seq;
      this.heard.frame(frame);
    }
    if (this.#stopped) return;
    this.#wait = results.length ? SOONEST_MS : Math.min(LATEST_MS, this.#wait * 1.5);
    this.#timer = setTimeout(() => this.#ask(false), this.#seq < lastSeq ? 0 : this.#wait);
  }
}
