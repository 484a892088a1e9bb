// The last resort: asks for new events again and again, and sends by plain requests.

import { fetchEvents } from "../support/event_pages.js";
import { HttpSender } from "./http_transport.js";

const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 10_000; // while nothing happens

/** @implements {Transport} */
export class PollingTransport {
  static title = "by polling";
  #seq;
  #sender;
  #timer = 0;
  #wait = SHORTEST_WAIT_MS;
  #isPolling = false;
  #isStopped = false;

  /**
   * @param {number} after
   * @param {TransportListener} listener
   */
  constructor(after, listener) {
    this.#seq = after;
    this.listener = listener;
    this.#sender = new HttpSender(listener, () => this.check());
    this.#poll(true);
  }

  /** @param {ActionRequest} frame */
  send(frame) {
    return this.#sender.send(frame);
  }

  check() {
    this.#wait = SHORTEST_WAIT_MS;
    if (!this.#isPolling && !this.#isStopped) this.#poll(false);
  }

  stop() {
    this.#isStopped = true;
    this.#sender.stop();
    clearTimeout(this.#timer);
  }

  /** @param {boolean} isFirst */
  async #poll(isFirst) {
    clearTimeout(this.#timer);
    this.#isPolling = true;
    const response = await fetchEvents(this.#seq);
    this.#isPolling = false;
    if (this.#isStopped) return;
    if (response?.status === 410) this.listener.onFrame({ type: "resync", ...response.body });
    else if (response?.ok && Array.isArray(response.body?.results)) this.#read(response.body, isFirst);
    else this.listener.onClose(closeCode(response?.status));
  }

  /**
   * @param {{results: EventFrame[], last_seq: number, board?: number, draft?: DraftFrame | null}} body
   * @param {boolean} isFirst
   */
  #read({ results, last_seq: lastSeq, board, draft }, isFirst) {
    if (isFirst) this.listener.onFrame({ type: "hello", last_seq: lastSeq, board });
    else if (typeof board === "number") this.listener.onFrame({ type: "board", version: board });
    for (const frame of results) {
      if (this.#isStopped) return;
      this.#seq = frame.seq;
      this.listener.onFrame(frame);
    }
    if (this.#isStopped) return;
    if (draft) this.listener.onFrame(draft);
    this.#wait = results.length || draft ? SHORTEST_WAIT_MS : Math.min(LONGEST_WAIT_MS, this.#wait * 1.5);
    this.#timer = setTimeout(() => this.#poll(false), this.#seq < lastSeq ? 0 : this.#wait);
  }
}

/** Returns the code with which a socket would have been closed. @param {number} [status] */
function closeCode(status) {
  if (status === 401 || status === 403) return 4401;
  return status === 404 ? 4404 : 1006;
}
