// The field for messages, and the switch whether plans need approval.

import { showAlert } from "../support/alert.js";
import { byId, find, findAll } from "../support/dom.js";
import { isTouchKeyboard } from "../support/keyboard.js";
import { page } from "../support/page.js";
import { apiPath, errorText, request } from "../support/rest.js";
import { lengthOf, tooLong } from "../support/shorten.js";
import { loadDraft, saveDraft, takeOverDraft } from "./drafts.js";
import {
  addUnsent, removeUnsent, restoreUnsent, takeOverUnsent, unsentMessages,
} from "./outbox.js";

/**
 * @typedef {object} Options
 * @property {(frame: ActionRequest) => boolean} send
 * @property {() => void} onSent
 * @property {() => {run: string, plan_revision: number} | null} waitingPlan
 * @property {(name: string) => boolean} act
 *   Clicks a button of the page for a slash command. Returns false when there is none.
 */

// Missing on a viewer's page.
const form = /** @type {HTMLFormElement | null} */ (document.getElementById("composer"));
/** @type {HTMLTextAreaElement} */
const field = byId("message");
/** @type {HTMLInputElement} */
const askFirst = byId("ask-first");
/** Why a slash command does nothing. @type {Record<string, string>} */
const UNAVAILABLE = {
  stop: "Nothing is running.", undo: "There is nothing to undo.", again: "There is no answer to regenerate.",
};
const { limits } = page;
/** The run that a message can be sent into, or "". */
let steerable = "";
const COMMAND = /^\s*\/[a-z]*(\s|$)/;
/** Loaded with the first slash. @type {typeof import("./slash_commands.js") | null} */
let slash = null;
let approvalChanges = 0; // counts the changes of the switch on this page
let unsavedApprovals = 0; // of these changes, those that the server has not confirmed

/** @param {Options} options */
export function setUpComposer(options) {
  if (!form) return;
  restoreUnsent();
  takeOverUnsent().then((found) => found && resendUnsent(options.send));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(options, event.submitter?.id === "send-into" ? steerable : "");
  });
  setUpField(form);
  field.addEventListener("input", () => {
    if (field.value.startsWith("/")) loadCommands(options.act);
  });
  askFirst.addEventListener("change", saveApproval);
  addEventListener("focus", loadApproval);
  document.addEventListener("visibilitychange", loadApproval);
  for (const button of findAll(document, "[data-example]")) {
    button.addEventListener("click", () => setMessage(button.dataset.example ?? ""));
  }
  document.getElementById("entries")?.addEventListener("click", (event) => useOffer(event, options));
}

// An answer offers a sentence as a link to #say. It is only put into the field: an answer may contain
// text of other people, and nothing is sent that the user has not seen. A choice of a question that the
// plan left open is sent at once, with its question, unless a plan waits: then it may be meant for that.
/** @type {(event: Event, options: Options) => void} */
function useOffer(event, { send, onSent, waitingPlan }) {
  const offer = event.target instanceof Element ? event.target.closest('a[href="#say"]') : null;
  if (!offer) return;
  event.preventDefault();
  const answer = answerTo(offer);
  if (answer && !waitingPlan()) {
    send(addUnsent(answer, approvalOfMessage()));
    onSent();
  } else setMessage(answer || (offer.textContent ?? ""));
}

/**
 * Returns the answer to an open question of the run's plan that the link is a choice of, or "".
 * @param {Element} offer
 */
function answerTo(offer) {
  const run = /** @type {HTMLElement | null} */ (offer.closest("[data-questions]"));
  /** @type {{question: string, choices: string[]}[]} */
  const questions = JSON.parse(run?.dataset.questions || "[]");
  const [line, choice] = [offer.closest("li")?.textContent ?? "", offer.textContent ?? ""];
  const asked = questions.find(
    ({ question, choices }) => line.startsWith(question) && choices.includes(choice),
  );
  return asked ? `${asked.question} ${choice}` : "";
}

/**
 * Offers to send a message into `run` instead of after it; not with "".
 * @param {string} run
 */
export function offerInto(run) {
  if (!form || run === steerable) return;
  steerable = run;
  byId("send").textContent = run ? "Send next" : "Send";
  byId("send-into").hidden = !run;
  resize(); // the wider button leaves less room for the text
}

/** @param {HTMLFormElement} form */
function setUpField(form) {
  if (isTouchKeyboard()) field.enterKeyHint = "enter";
  field.addEventListener("keydown", (event) => {
    // Moves the focus to the waiting plan, or to the transcript, whose keys work there.
    if (event.key === "Escape") (find(document, ".approval:not([hidden])") ?? byId("log")).focus();
    if (event.key !== "Enter" || event.shiftKey || isTouchKeyboard()) return;
    event.preventDefault();
    form.requestSubmit(byId(steerable && (event.ctrlKey || event.metaKey) ? "send-into" : "send"));
  });
  field.addEventListener("input", () => {
    saveDraft(field.value);
    resize();
  });
  showDraft(loadDraft());
  takeOverDraft(() => field.value === "").then(showDraft);
}

/** @param {string | null} text */
function showDraft(text) {
  if (field.value || !text) return;
  field.value = text;
  saveDraft(text);
  resize();
}

// For all messages of the session from now on, whoever sends them.
async function saveApproval() {
  approvalChanges += 1;
  unsavedApprovals += 1;
  const body = { approval: askFirst.checked ? "required" : "auto" };
  const response = await request("PATCH", apiPath("sessions", page.session), { body });
  unsavedApprovals -= 1;
  showAlert(response?.ok ? "" : errorText(response, "the setting was not changed"));
  if (!response?.ok) askFirst.checked = !askFirst.checked;
  approvalChanges += 1;
}

/**
 * A message that overtakes the request of the switch says itself that its plan needs approval.
 * @returns {{approval?: "required"}}
 */
const approvalOfMessage = () => (unsavedApprovals && askFirst.checked ? { approval: "required" } : {});

// Somebody who comes back to the page sees what was changed elsewhere meanwhile.
async function loadApproval() {
  if (document.hidden) return;
  const changes = approvalChanges;
  const response = await request("GET", apiPath("sessions", page.session));
  if (response?.ok && approvalChanges === changes) {
    askFirst.checked = response.body.approval === "required";
  }
}

/** @type {(name: string, act: Options["act"]) => void} */
function perform(name, act) {
  showAlert("");
  if (act(name)) setMessage("");
  else showAlert(UNAVAILABLE[name]);
}

/** @param {Options["act"]} click */
async function loadCommands(click) {
  if (slash) return slash;
  const module = await import("./slash_commands.js");
  if (slash !== module) {
    module.setUpSlashCommands(({ before, after, act }) => {
      if (act) perform(act, click);
      else setMessage(before + after, before.length);
    });
  }
  return (slash = module);
}

/** @type {(options: Options, into: string) => Promise<void>} */
async function submit({ send, onSent, waitingPlan, act }, into) {
  const commands = COMMAND.test(field.value) ? await loadCommands(act) : null;
  if (commands?.pickSelected()) return; // sent before the list was there
  const command = commands?.parseCommand(field.value.trim());
  if (command?.act) {
    perform(command.act, act);
    return;
  }
  const content = command ? (command.before + command.rest + command.after).trim() : field.value.trimEnd();
  if (!content.trim()) return;
  const plan = waitingPlan();
  const choice = plan ? await askPurpose() : "message";
  if (choice === "") return;
  const problem = choice === "reject" ? lengthProblem("The reason", content, limits.reason)
    : into ? lengthProblem("A message into a run", content, limits.into)
    : lengthProblem("The message", content, limits.message);
  showAlert(problem);
  if (problem) return;
  setMessage("");
  if (plan && choice === "reject") send({ ...plan, type: "reject", reason: content });
  else send(addUnsent(content, into ? { into } : approvalOfMessage()));
  onSent();
}

/** @type {(name: string, text: string, limit: number) => string} */
function lengthProblem(name, text, limit) {
  const length = lengthOf(text);
  return length > limit ? tooLong(name, length, limit) : "";
}

/**
 * Asks what a message means while a plan waits: "reject", "message", or "" for neither.
 * @returns {Promise<string>}
 */
function askPurpose() {
  /** @type {HTMLDialogElement} */
  const dialog = byId("plan-waits");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

/** @param {Options["send"]} send */
export function resendUnsent(send) {
  unsentMessages().forEach(send);
}

/** Puts a refused message back into the field. @param {RejectedFrame} frame */
export function handleRefusal({ client_id: id, error }) {
  showAlert(error);
  const message = id ? removeUnsent(id) : null;
  if (message) setMessage(field.value.trim() ? `${message.content}\n${field.value}` : message.content);
}

/** @type {(text: string, caret?: number) => void} */
export function setMessage(text, caret = text.length) {
  if (!form) return;
  field.value = text;
  saveDraft(text);
  resize();
  field.focus();
  field.setSelectionRange(caret, caret);
}

function resize() {
  field.style.setProperty("height", "auto");
  field.style.setProperty("height", `${field.scrollHeight + 2}px`);
}
