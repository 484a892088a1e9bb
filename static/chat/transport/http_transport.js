// Sending without a WebSocket: each frame that a client may send, as the request that does the same.
// One after the other, so that messages keep their order.

import { call, reason, under } from "../support/rest.js";
import { page } from "../support/labels.js";

const orders = {
  message: ({ type, ...message }) => [under("sessions", page.session, "messages"), message],
  cancel: ({ run }) => [under("runs", run, "cancel"), {}],
  approve: ({ type, run, ...decision }) => [under("runs", run, "approve"), decision],
  reject: ({ type, run, ...decision }) => [under("runs", run, "reject"), decision],
  edit_plan: ({ type, run, ...decision }) => [under("runs", run, "edit-plan"), decision],
};

export class Posting {
  #last = Promise.resolve();
  #stopped = false;

  // `posted()` is called after each; `heard` is the transport's.
  constructor(heard, posted = () => {}) {
    this.heard = heard;
    this.posted = posted;
  }

  send(frame) {
    if (!Object.hasOwn(orders, frame.type)) return false;
    this.#last = this.#last.then(() => this.#post(frame));
    return true;
  }

  stop() {
    this.#stopped = true;
  }

  async #post(frame) {
    // A message is kept, and sent again over the next transport.
    if (this.#stopped && frame.type === "message") return;
    const [path, body] = orders[frame.type](frame);
    const answer = await call("POST", path, { body });
    if (this.#stopped) return;
    if (answer?.ok) this.posted();
    else if (answer?.status === 401) this.heard.closed(4401);
    else if (frame.type === "message" && isAway(answer)) this.heard.closed(1006);
    else this.#reject(frame, answer);
  }

  #reject(frame, answer) {
    this.heard.frame({
      type: "rejected", code: answer?.body?.code ?? "",
      error: reason(answer, "nothing was changed"), client_id: frame.client_id ?? null,
    });
  }
}

// A message is kept and sent again when the server is back; it never counts twice.
const isAway = (answer) => answer === null || answer.status >= 500;
