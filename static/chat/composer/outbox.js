// Messages that were sent and not confirmed. The browser keeps them until their event comes, and they are
// sent again under the same `client_id` after each reconnect: the server takes each once.

import { showTime } from "../support/clocks.js";
import { byId, clone, find, findAll, slot } from "../support/dom.js";
import { TabStore } from "./tab_store.js";

/**
 * @typedef {object} UnsentMessage
 * @property {string} client_id
 * @property {string} content
 * @property {string} [into]  The run that it is sent into.
 * @property {"required"} [approval]  Of the plan, whatever the session says.
 */

const outbox = byId("outbox");
/** @type {TabStore<UnsentMessage[]>} */
const store = new TabStore("unsent");
/** The ids of messages whose event came, or which were refused. @type {Set<string | undefined>} */
const settled = new Set();
/** @type {UnsentMessage[]} */
let unsent = [];

/** Shows what an earlier visit left. */
export function restoreUnsent() {
  add(store.value ?? []);
}

/** Takes over what closed tabs left. Returns whether there was anything. */
export async function takeOverUnsent() {
  const before = unsent.length;
  for (let left = await store.takeOver(); left; left = await store.takeOver()) add(left);
  return unsent.length > before;
}

/** @param {UnsentMessage[]} messages */
function add(messages) {
  for (const { dataset } of findAll(document, "[data-client-id]")) settled.add(dataset.clientId);
  const ids = new Set(unsent.map((message) => message.client_id));
  const added = messages.filter(({ client_id: id }) => !settled.has(id) && !ids.has(id));
  unsent = [...unsent, ...added];
  save();
  added.forEach(showBubble);
}

const save = () => store.save(unsent.length ? unsent : null);

/** @type {(content: string, how?: Pick<UnsentMessage, "into" | "approval">) => MessageRequest | SteerRequest} */
export function addUnsent(content, how) {
  const message = { client_id: crypto.randomUUID?.() ?? randomUUID(), content, ...how };
  add([message]);
  return asRequest(message);
}

export const unsentMessages = () => unsent.map(asRequest);

/**
 * @param {UnsentMessage} message
 * @returns {MessageRequest | SteerRequest}
 */
function asRequest({ into, ...message }) {
  return into ? { type: "steer", run: into, ...message } : { type: "message", ...message };
}

/**
 * Removes a message whose event came, or which was refused. Returns it.
 * @param {string | null} id
 */
export function removeUnsent(id) {
  if (id) settled.add(id);
  const message = unsent.find((other) => other.client_id === id);
  if (!message) return null;
  unsent = unsent.filter((other) => other !== message);
  save();
  find(outbox, `[data-pending="${CSS.escape(message.client_id)}"]`)?.remove();
  return message;
}

/** @param {UnsentMessage} message */
function showBubble({ client_id: id, content }) {
  const bubble = clone("bubble");
  bubble.dataset.pending = id;
  slot(bubble, "said-content").textContent = content;
  showTime(bubble, "said-at", "");
  outbox.append(bubble);
}

// `crypto.randomUUID` is missing where the page is served without TLS to another machine.
function randomUUID() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
