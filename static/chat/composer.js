// Writing and sending. A message is kept in the browser until its `message` event has been seen, and
// sent again under the same `client_id` after each reconnect: the server takes it once.

import { commandOf, setUpCommands } from "./commands.js";
import { clone, slot } from "./dom.js";
import { draft, keepDraft } from "./drafts.js";
import { call, reason, under } from "./rest.js";
import { time } from "./times.js";
import { page } from "./wording.js";

const form = document.getElementById("composer");
const field = document.getElementById("message");
const alertBox = document.getElementById("alert");
const outbox = document.getElementById("outbox");
const askFirst = document.getElementById("ask-first");
const STORE = `samurai.unsent.${page.session}`;
let unsent = [];
let switched = 0; // grows when it is chosen here whether plans wait

function keep() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(unsent));
  } catch {
    // Storage is full or forbidden: the messages live as long as the page.
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE)) ?? [];
  } catch {
    return [];
  }
}

// `act(name)` clicks a button of the page for a slash command; it returns false when there is none.
export function setUp({ send, onSent, waiting, act }) {
  if (!form) return;
  const seen = new Set(
    [...document.querySelectorAll("[data-client-id]")].map((node) => node.dataset.clientId),
  );
  unsent = kept().filter((one) => !seen.has(one.client_id));
  keep();
  unsent.forEach(showBubble);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit({ send, onSent, waiting, act });
  });
  setUpCommands(field, (command) => {
    if (command.act) perform(command.act, act);
    else write(command.before + command.after, command.before.length);
  });
  field.addEventListener("keydown", (event) => {
    // To the plan that waits, or to the conversation: their keys work there.
    if (event.key === "Escape") {
      (document.querySelector(".approval:not([hidden])") ?? document.getElementById("log")).focus();
    }
    // `isComposing`: Enter chooses a word of an input method there.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.addEventListener("input", () => {
    keepDraft(field.value);
    grow();
  });
  if (!field.value && draft()) {
    field.value = draft();
    grow();
  }
  askFirst.addEventListener("change", setApproval);
  for (const [back, where] of [["focus", window], ["visibilitychange", document]]) {
    where.addEventListener(back, readApproval);
  }
  for (const button of document.querySelectorAll("[data-example]")) {
    button.addEventListener("click", () => write(button.dataset.example));
  }
  // An answer offers a sentence as a link to #say. It is only written into the field: an answer may
  // hold words of other people, and nothing is sent that nobody has read.
  document.getElementById("entries").addEventListener("click", (event) => {
    const offer = event.target.closest('a[href="#say"]');
    if (!offer) return;
    event.preventDefault();
    write(offer.textContent);
  });
}

// For all messages of the session from now on, whoever sends them.
async function setApproval() {
  switched += 1;
  const body = { approval: askFirst.checked ? "required" : "auto" };
  const answer = await call("PATCH", under("sessions", page.session), { body });
  complain(answer?.ok ? "" : reason(answer, "plans are approved as before"));
  if (!answer?.ok) askFirst.checked = !askFirst.checked;
  switched += 1;
}

// Whoever comes back to the page finds what was chosen elsewhere meanwhile.
async function readApproval() {
  if (document.hidden) return;
  const before = switched;
  const answer = await call("GET", under("sessions", page.session));
  if (answer?.ok && switched === before) askFirst.checked = answer.body.approval === "required";
}

function perform(name, act) {
  complain("");
  if (act(name)) write("");
  else complain(`There is nothing to ${name === "again" ? "answer again" : name} right now.`);
}

async function submit({ send, onSent, waiting, act }) {
  const typed = field.value.trim();
  const command = commandOf(typed);
  if (command?.act) {
    perform(command.act, act);
    return;
  }
  const content = command ? (command.before + command.rest + command.after).trim() : typed;
  if (!content) return;
  const plan = waiting();
  const choice = plan ? await ask() : "message";
  if (choice === "") return;
  complain("");
  write("");
  if (choice === "reject") send({ ...plan, type: "reject", reason: content });
  else sendMessage(content, send);
  onSent();
}

function sendMessage(content, send) {
  const one = { client_id: crypto.randomUUID?.() ?? randomUUID(), content };
  unsent.push(one);
  keep();
  showBubble(one);
  send({ type: "message", ...one });
}

// `crypto.randomUUID` is missing where a page is served without TLS to another machine.
function randomUUID() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

// Asks what a message means while a plan waits: its rejection, a new message, or nothing yet.
function ask() {
  const dialog = document.getElementById("plan-waits");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

export function sendAgain(send) {
  for (const one of unsent) send({ type: "message", ...one });
}

function showBubble({ client_id: id, content }) {
  const bubble = clone("bubble");
  bubble.dataset.pending = id;
  slot(bubble, "said-content").textContent = content;
  time(bubble, "said-at", "");
  outbox.append(bubble);
}

// Takes a message off the list: its event has been seen, or it was refused. Returns it.
export function settle(id) {
  const one = unsent.find((each) => each.client_id === id);
  if (!one) return null;
  unsent = unsent.filter((each) => each !== one);
  keep();
  outbox.querySelector(`[data-pending="${CSS.escape(id)}"]`)?.remove();
  return one;
}

export function refused({ client_id: id, error }) {
  complain(error);
  const one = id ? settle(id) : null;
  if (one) write(field.value.trim() ? `${one.content}\n${field.value}` : one.content);
}

export function complain(words) {
  alertBox.textContent = words;
  alertBox.hidden = !words;
}

export function write(words, caret = words.length) {
  if (!field) return;
  field.value = words;
  keepDraft(words);
  grow();
  field.focus();
  field.setSelectionRange(caret, caret);
}

function grow() {
  field.style.setProperty("height", "auto");
  field.style.setProperty("height", `${field.scrollHeight + 2}px`);
}
