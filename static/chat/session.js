// The session page: connects the transport, the fold, the transcript, the panels and the composer.

import * as composer from "./composer/composer.js";
import { removeUnsent } from "./composer/outbox.js";
import { applyChange, clearFresh, updateBoard } from "./panels/panels.js";
import { announce, showAlert } from "./support/alert.js";
import { startClocks } from "./support/clocks.js";
import { debug } from "./support/debug.js";
import { byId, closest, find, findAll, findSlot, slot } from "./support/dom.js";
import "./support/forms.js";
import { setUpInputMethods } from "./support/keyboard.js";
import { unreadable } from "./support/labels.js";
import { localiseAll, renewAtMidnight } from "./support/local_times.js";
import { marked } from "./support/names.js";
import { page } from "./support/page.js";
import { fetchAsUser } from "./support/rest.js";
import { setUpSearchButton } from "./support/search_button.js";
import { syncClock } from "./support/server_clock.js";
import { shorten } from "./support/shorten.js";
import * as tab from "./tab_title.js";
import { announceRun, applyEvent } from "./transcript/apply_event.js";
import * as approvals from "./transcript/approvals.js";
import { setUpCopyButtons } from "./transcript/copy_buttons.js";
import { fillDraft } from "./transcript/draft.js";
import { Fold } from "./transcript/fold.js";
import { setUpLazyDetails } from "./transcript/lazy_details.js";
import { heard } from "./transcript/live.js";
import { setUpOpenState } from "./transcript/open_state.js";
import { runElement } from "./transcript/render.js";
import * as queue from "./transcript/render_queue.js";
import { isEarly, statusLine } from "./transcript/run_labels.js";
import { scrollToEnd, setUpScroll, stopFollowing } from "./transcript/scroll.js";
import { registerChanges } from "./transcript/undo_state.js";
import { Connection } from "./transport/connection.js";
import { showConnectionState } from "./transport/connection_status.js";
import { PollingTransport } from "./transport/polling.js";
import { followWaiting, showSidebar, showWaiting } from "./support/waiting_count.js";

const TITLE_LIMIT = 60; // characters
const log = byId("log");
const title = byId("title");
const fold = new Fold(page.runs);
const connection = new Connection(page.last_seq, { onFrame, onState });
const send = (/** @type {ActionRequest} */ frame) => connection.send(frame);
let isPolling = false;

/** @type {typeof showConnectionState} */
function onState(state, detail) {
  isPolling = state === "live" && detail === PollingTransport.title;
  showConnectionState(state, detail);
}

// -- frames -----------------------------------------------------------------------------------------

/** @param {ServerFrame} frame */
function onFrame(frame) {
  if (frame.type === "withheld") {
    queue.setLastSeq(frame.seq); // an event that a guest does not get
    return;
  }
  if ("seq" in frame && frame.type !== "resync") {
    syncClock(frame.timestamp);
    onEvent(frame);
    queue.setLastSeq(frame.seq);
    return;
  }
  switch (frame.type) {
    case "hello":
      onReconnect();
      updateBoard(frame);
      break;
    case "board":
      updateBoard(frame);
      break;
    case "waiting":
      showWaiting(frame.count);
      break;
    case "sidebar":
      showSidebar(frame);
      break;
    case "interrupted":
      onInterrupted(frame);
      break;
    case "draft":
      onDraft(frame);
      break;
    case "rejected":
      onRefusal(frame);
      break;
    case "resync":
      location.reload(); // the log cannot serve this page's cursor: the server folds what it has
  }
}

// What was sent over the former connection may have been lost with it.
function onReconnect() {
  composer.resendUnsent(send);
  enableActions();
}

/** Shows an event that cannot be read as a plain line, and goes on. @param {EventFrame} frame */
function onEvent(frame) {
  try {
    handleEvent(frame);
  } catch (error) {
    debug("cannot show", frame, error);
    queue.enqueueLine(unreadable);
  }
}

/** The process that executed the run is gone, or another one goes on with it. @param {InterruptedFrame} frame */
function onInterrupted(frame) {
  const run = fold.runs.get(frame.run);
  if (!run) return;
  run.interrupted = frame.interrupted;
  run.draft = null;
  queue.enqueueRun(run);
  announce(statusLine(run));
}

/** @param {DraftFrame} frame */
function onDraft(frame) {
  const run = fold.runs.get(frame.run);
  if (!run) return;
  run.draft = frame;
  heard(run);
  queue.enqueue(`draft of ${run.run}`, () => {
    const node = runElement(run.run);
    if (node) fillDraft(node, run);
  });
}

/** @param {EventFrame} frame */
function handleEvent(frame) {
  // An event of a run that was over when the page was made: the server folds it.
  if (frame.run && !fold.runs.has(frame.run) && runElement(frame.run)) {
    location.reload();
    return;
  }
  const { run, change } = applyEvent(fold, frame);
  if (frame.type === "message") onMessage(frame);
  if (frame.type === "steering") onSteering(frame);
  if (frame.type === "run" && frame.retry_of) hideRetry(frame.retry_of);
  if (frame.type === "change" && change) onChange(frame.change, change);
  if (run) {
    heard(run, frame.type === "change" ? frame.change : undefined);
    approvals.handleEvent(frame, run);
    announceRun(frame, run);
    tab.handleRunEvent(frame, run);
  }
  tab.updateTab(fold.active);
  composer.offerInto(steerableRun());
  document.getElementById("welcome")?.remove();
}

/** Hides the button of a run that is being retried. @param {string} run */
function hideRetry(run) {
  const node = runElement(run);
  const button = node && findSlot(node, "run-retry");
  if (button) button.hidden = true;
}

/** @type {(body: BoardChange, change: Change) => void} */
function onChange(body, change) {
  if (body.object === "session") rename(body.after.title);
  else if (body.object !== "project") applyChange(body, change);
}

/** @param {SteeringFrame} frame */
function onSteering({ steering, text }) {
  if (steering.client_id) removeUnsent(steering.client_id);
  announce(text?.message ?? "");
}

/** @param {MessageFrame} frame */
function onMessage({ message }) {
  removeUnsent(message.client_id);
  clearFresh();
  if (!("untitled" in title.dataset)) return;
  rename(titleOf(message.content));
}

/** Shows the session's title. @param {string} text */
function rename(text) {
  delete title.dataset.untitled;
  title.textContent = marked(text);
}

/** As `agent.runs.runs.title_of` names a session. @param {string} content */
function titleOf(content) {
  return shorten(content.split(/\s+/).join(" ").trim(), TITLE_LIMIT);
}

/** @param {RejectedFrame} frame */
function onRefusal(frame) {
  if (!approvals.handleRefusal(frame)) composer.handleRefusal(frame);
  enableActions();
}

function enableActions() {
  /** @type {HTMLButtonElement[]} */
  const disabled = findAll(document, "[data-act]:disabled");
  for (const button of disabled) button.disabled = false;
}

// -- buttons ----------------------------------------------------------------------------------------

log.addEventListener("click", (event) => {
  editMessage(event);
  act(event);
});

// An earlier message is sent again as a new one; its answer stays.
/** @param {Event} event */
function editMessage(event) {
  /** @type {HTMLElement | null | undefined} */
  const message = closest(event, "[data-edit]")?.closest(".said");
  if (message) composer.setMessage(slot(message, "said-content").textContent ?? "");
}

// What is loaded with its first use may not be reached then, or be of a newer version than the page.
addEventListener("unhandledrejection", ({ reason }) => {
  if (reason instanceof SyntaxError && /requested module|binding/i.test(reason.message)) location.reload();
  else if (/import/i.test(String(reason))) showAlert("The server could not be reached; nothing was done.");
});

/** @param {Event} event */
function act(event) {
  /** @type {HTMLButtonElement | null} */
  const button = closest(event, "[data-act]");
  /** @type {HTMLElement | null | undefined} */
  const node = button?.closest("[data-run]");
  if (!button || !node) return;
  const run = fold.runs.get(node.dataset.run ?? "");
  showAlert("");
  if (button.dataset.act !== "edit") button.disabled = approvals.act(button.dataset.act, node, run, send);
  else if (run) approvals.editPlan(run, node, send);
}

// `A` approves while the focus is in the transcript and not in a field.
log.addEventListener("keydown", (event) => {
  const isTyping = closest(event, "input, textarea, select");
  if (event.key.toLowerCase() !== "a" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = find(log, '.approval:not([hidden]) [data-act="approve"]:enabled');
  if (!button?.checkVisibility()) return;
  event.preventDefault();
  button.click();
});

// Enter rejects with the reason that it ends. Only the button rejects without one, which cancels the run.
log.addEventListener("keydown", (event) => {
  const field = closest(event, '[data-slot="run-reason"]');
  if (event.key !== "Enter" || !(field instanceof HTMLInputElement) || !field.value.trim()) return;
  event.preventDefault();
  find(log, ".approval:focus-within [data-act=reject]")?.click();
});

log.addEventListener("click", async (event) => {
  const thumb = closest(event, ".thumb");
  if (thumb) (await import("./transcript/feedback.js")).vote(thumb);
});

addEventListener("click", async (event) => {
  const link = closest(event, "a[data-share]");
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  (await import("./support/share_dialog.js")).openShare(link.href);
});

log.addEventListener("submit", async (event) => {
  const group = closest(event, ".feedback");
  if (!group) return;
  event.preventDefault();
  (await import("./transcript/feedback.js")).comment(group);
});

/** @type {Record<string, string>} */
const COMMAND_BUTTONS = {
  stop: '[data-act="cancel"]',
  undo: 'button[form="undo"][name="run"]',
  again: 'button[form="regenerate"]',
};

/** Clicks the latest visible button for a slash command. @param {string} command */
function clickLatest(command) {
  const visible = findAll(log, COMMAND_BUTTONS[command]).filter((button) => button.checkVisibility());
  visible.at(-1)?.click();
  return visible.length > 0;
}

// The run that works and has not begun its answer. A waiting plan has its own question.
function steerableRun() {
  const run = fold.active.find(({ status }) => status !== "queued");
  return run?.status === "running" && isEarly(run) ? run.run : "";
}

// The plan that waits for a decision, as the frames about it name it.
function waitingPlan() {
  const run = fold.active.find(({ status, asks }) => status === "waiting" && asks);
  return run ? { run: run.run, plan_revision: run.plan_revision } : null;
}

// -- forms ------------------------------------------------------------------------------------------

const FORMS = {
  undo: "nothing was undone", retry: "nothing was started", regenerate: "nothing was started",
};
for (const [id, consequence] of Object.entries(FORMS)) {
  document.getElementById(id)?.addEventListener("submit", (event) => post(event, consequence));
}

/** @type {(event: SubmitEvent, consequence: string) => Promise<void>} */
async function post(event, consequence) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const button = /** @type {HTMLButtonElement} */ (event.submitter);
  const body = new FormData(form, button); // before the button is disabled: it has no value then
  // It is hidden when its run begins.
  if (button === document.activeElement && button.dataset.slot === "run-retry") {
    button.closest(".run")?.querySelector("summary")?.focus();
  }
  button.disabled = true;
  showAlert("");
  try {
    const headers = { Accept: "application/json" };
    const response = await fetchAsUser(form.action, { method: "POST", body, headers });
    if (!response.ok) showAlert((await detailOf(response)) ?? `The server refused: ${consequence}.`);
  } catch {
    showAlert(`The server could not be reached; ${consequence}.`);
  } finally {
    button.disabled = false;
  }
}

/** @param {Response} response */
async function detailOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return null;
  }
}

async function followLink() {
  if (!/^#(message|run|event)-/.test(location.hash)) return;
  stopFollowing();
  (await import("./transcript/links.js")).follow();
}

// -- start ------------------------------------------------------------------------------------------

setUpInputMethods();
setUpSearchButton();
localiseAll(document);
renewAtMidnight();
startClocks(() => fold.active.flatMap((run) => runElement(run.run) ?? []));
setUpLazyDetails(log);
setUpOpenState(log);
setUpCopyButtons(log);
document.getElementById("session-menu")?.addEventListener("beforetoggle", () => import("./transcript/jumps.js"));
registerChanges(log);
tab.setUpTab(() => fold.active);
setUpScroll();
if (find(log, ".gap")) {
  import("./transcript/load_older.js");
  import("./transcript/home_key.js");
}
addEventListener("hashchange", followLink);
followLink();
composer.offerInto(steerableRun());
composer.setUpComposer({ send, onSent: scrollToEnd, waitingPlan, act: clickLatest });
byId("try-now").addEventListener("click", () => connection.tryNow());
for (const run of fold.active) {
  heard(run);
  if (run.asks) announce(statusLine(run));
}
followWaiting({ isWanted: () => isPolling }); // the other transports tell of both
connection.start();
if (page.measures) (await import("./transport/measuring.js")).measure(connection);
