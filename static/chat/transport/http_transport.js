// Sends without a WebSocket: each frame becomes the request that does the same. The requests go one
// after the other, so that messages keep their order.

import { page } from "../support/page.js";
import { apiPath, errorText, request } from "../support/rest.js";

/** @type {Record<string, (frame: any) => [path: string, body: object]>} */
const requests = {
  message: ({ type, ...message }) => [apiPath("sessions", page.session, "messages"), message],
  steer: ({ type, run, ...message }) => [apiPath("runs", run, "steer"), message],
  cancel: ({ run }) => [apiPath("runs", run, "cancel"), {}],
  approve: ({ type, run, ...decision }) => [apiPath("runs", run, "approve"), decision],
  reject: ({ type, run, ...decision }) => [apiPath("runs", run, "reject"), decision],
  edit_plan: ({ type, run, ...decision }) => [apiPath("runs", run, "edit-plan"), decision],
};

export class HttpSender {
  /** @type {Promise<void>} */
  #last = Promise.resolve();
  #isStopped = false;

  /**
   * @param {TransportListener} listener
   * @param {() => void} onSent  Called after each request that succeeded.
   */
  constructor(listener, onSent = () => {}) {
    this.listener = listener;
    this.onSent = onSent;
  }

  /** @param {ActionRequest} frame */
  send(frame) {
    if (!Object.hasOwn(requests, frame.type)) return false;
    this.#last = this.#last.then(() => this.#post(frame));
    return true;
  }

  stop() {
    this.#isStopped = true;
  }

  /** @param {ActionRequest} frame */
  async #post(frame) {
    // The composer keeps messages, and sends them again over the next transport.
    if (this.#isStopped && "client_id" in frame) return;
    const [path, body] = requests[frame.type](frame);
    const response = await request("POST", path, { body });
    if (this.#isStopped) return;
    if (response?.ok) this.onSent();
    else if (response?.status === 401) this.listener.onClose(4401);
    else if ("client_id" in frame && isUnavailable(response)) this.listener.onClose(1006);
    else this.#reject(frame, response);
  }

  /**
   * @param {ActionRequest} frame
   * @param {ApiResponse | null} response
   */
  #reject(frame, response) {
    this.listener.onFrame({
      type: "rejected", code: response?.body?.code ?? "",
      error: errorText(response, "nothing was changed"),
      client_id: "client_id" in frame ? frame.client_id : null,
    });
  }
}

/** @param {ApiResponse | null} response */
const isUnavailable = (response) => response === null || response.status >= 500;
