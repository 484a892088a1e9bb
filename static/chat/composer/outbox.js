// Messages that were sent and not confirmed. The browser keeps them until their `message` event comes,
// and they are sent again under the same `client_id` after each reconnect: the server takes each once.

import { showTime } from "../support/clocks.js";
import { byId, clone, find, findAll, slot } from "../support/dom.js";
import { page } from "../support/page.js";

/** @typedef {{client_id: string, content: string}} UnsentMessage */

const outbox = byId("outbox");
const STORE = `samurai.unsent.${page.session}`;
/** @type {UnsentMessage[]} */
let unsent = [];

/** Shows what an earlier visit left. */
export function restoreUnsent() {
  const confirmed = new Set(
    findAll(document, "[data-client-id]").map(({ dataset }) => dataset.clientId),
  );
  unsent = load().filter((message) => !confirmed.has(message.client_id));
  save();
  unsent.forEach(showBubble);
}

/** @returns {UnsentMessage[]} */
function load() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
  } catch {
    return [];
  }
}

function save() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(unsent));
  } catch {
    // Storage is full or forbidden: the messages are kept as long as the page lives.
  }
}

/**
 * @param {string} content
 * @returns {MessageRequest}
 */
export function addUnsent(content) {
  const message = { client_id: crypto.randomUUID?.() ?? randomUUID(), content };
  unsent.push(message);
  save();
  showBubble(message);
  return { type: "message", ...message };
}

/** @returns {MessageRequest[]} */
export const unsentMessages = () => unsent.map((message) => ({ type: "message", ...message }));

/**
 * Removes a message whose event came, or which was refused. Returns it.
 * @param {string | null} id
 */
export function removeUnsent(id) {
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
