// The session page: wires socket, fold, transcript, panels and composer together.

import { debug } from "./support/debug.js";
import { slot } from "./support/dom.js";
import { localiseAll } from "./support/local_times.js";
import { Fold } from "./transcript/fold.js";
import * as arrange from "./panels/reorder.js";
import * as attention from "./tab_title.js";
import * as composer from "./composer/composer.js";
import { Connection } from "./transport/connection.js";
import { showConnection } from "./transport/connection_status.js";
import * as panels from "./panels/panels.js";
import * as scroll from "./transcript/scroll.js";
import * as decisions from "./transcript/approvals.js";
import { setUpCopying } from "./transcript/copy_buttons.js";
import { setUpLinks } from "./transcript/links.js";
import { setUpOlder } from "./transcript/load_older.js";
import { setUpOpening } from "./transcript/open_state.js";
import * as painting from "./transcript/render_queue.js";
import { elementOf } from "./transcript/render.js";
import { setUpStowing } from "./transcript/lazy_details.js";
import { learnChanges } from "./transcript/undo_state.js";
import { startClocks, tellTime } from "./support/clocks.js";
import { line, page, unreadable } from "./support/labels.js";

const log = document.getElementById("log");
const status = document.getElementById("status");
const fold = new Fold(page.runs);
const connection = new Connection(page.last_seq, { onFrame: read, onState: showConnection });
const send = (frame) => connection.send(frame);
// In the list of sessions, beside this one's name: a run is active.
const dot = document.querySelector('.side li [aria-current="page"] .dot');

// -- frames -----------------------------------------------------------------------------------------

function read(frame) {
  if ("seq" in frame && frame.type !== "resync") {
    tellTime(frame.timestamp);
    readEvent(frame);
    painting.seen(frame.seq);
    return;
  }
  debug("frame", frame.type);
  if (frame.type === "hello") startOver();
  if (["hello", "board"].includes(frame.type)) panels.hear(frame);
  else if (frame.type === "interrupted") readInterrupted(frame);
  else if (frame.type === "rejected") readRefusal(frame);
  // The log cannot serve this page's cursor: the server folds what it has.
  else if (frame.type === "resync") location.reload();
}

// A new line: what was sent over the last one may have been lost with it.
function startOver() {
  composer.sendAgain(send);
  letAct();
}

// One event that cannot be shown is a plain line; the others go on.
function readEvent(frame) {
  try {
    show(frame);
  } catch (error) {
    debug("cannot show", frame, error);
    painting.line(unreadable);
  }
}

// Told by a server that looks at the leases: who drove the run is gone, or it is driven again.
function readInterrupted(frame) {
  const run = fold.runs.get(frame.run);
  if (!run) return;
  run.interrupted = frame.interrupted;
  painting.run(run);
  status.textContent = line(run);
}

function show(frame) {
  // Something more about a run that was over when the page was made: the server folds it.
  if (frame.run && !fold.runs.has(frame.run) && elementOf(frame.run)) {
    location.reload();
    return;
  }
  const queued = fold.active;
  const { run, change } = fold.apply(frame);
  if (frame.type === "message") readMessage(frame);
  if (frame.retry_of) forgetRetry(frame.retry_of);
  if (run) painting.run(run, frame.type === "token");
  else if (change) painting.note(change);
  // A run that ended moves those behind it up.
  for (const other of queued) if (other !== run && other.status === "queued") painting.run(other);
  if (change) panels.change(frame.change, change);
  if (run) decisions.hear(frame, run, composer.complain);
  if (run) announce(frame, run);
  if (run) attention.hear(frame, run);
  attention.showState(fold.active);
  if (dot) dot.hidden = fold.active.length === 0;
  document.getElementById("welcome")?.remove();
}

// A run that is being tried again is not tried a second time.
function forgetRetry(former) {
  const box = elementOf(former);
  if (box && slot(box, "run-again")) slot(box, "run-again").hidden = true;
}

function readMessage({ message }) {
  composer.settle(message.client_id);
  panels.startAnew();
  const title = document.getElementById("title");
  if (!("untitled" in title.dataset)) return;
  delete title.dataset.untitled;
  const name = document.querySelector('.side li [aria-current="page"] .name');
  for (const node of [title, name]) if (node) node.textContent = titleOf(message.content);
}

// As `agent.runs.title_of` names a session.
function titleOf(content) {
  const words = content.split(/\s+/).join(" ").trim();
  const signs = Array.from(words);
  return signs.length <= 60 ? words : `${signs.slice(0, 59).join("").trimEnd()}…`;
}

function readRefusal(frame) {
  if (!decisions.refused(frame, composer.complain)) composer.refused(frame);
  letAct();
}

function letAct() {
  for (const button of document.querySelectorAll("[data-act]:disabled")) button.disabled = false;
}

// Speaks at the borders of phases only; tokens and steps would never let a listener finish.
let said = "";
function announce(frame, run) {
  const ends = ["complete", "error", "cancelled", "approval"].includes(frame.type);
  const { phase: at = "started", step_id: step } = frame.progress?.metadata ?? {};
  const phase = frame.type === "progress" && at === "started" && !step;
  if (!ends && !phase) return;
  const words = line(run);
  if (words !== said) status.textContent = said = words;
}

// -- buttons ----------------------------------------------------------------------------------------

const acts = { cancel: (run) => ({ type: "cancel", run }), ...decisions.frames };

// An earlier message is sent again as a new one: what was answered to it stays.
log.addEventListener("click", (event) => {
  const button = event.target.closest("[data-edit]");
  if (button) composer.write(slot(button.closest(".said"), "said-content").textContent);
});

log.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const box = button.closest("[data-run]");
  const run = fold.runs.get(box.dataset.run);
  composer.complain("");
  if (button.dataset.act === "edit") {
    decisions.edit(run, box, { send, complain: composer.complain });
    return;
  }
  if (button.dataset.act !== "cancel") decisions.decided(run);
  if (send(acts[button.dataset.act](box.dataset.run, box))) button.disabled = true;
  else composer.complain("There is no connection right now; try again when the page is live.");
});

log.addEventListener("click", async (event) => {
  const thumb = event.target.closest(".thumb");
  if (thumb) (await import("./transcript/feedback.js")).vote(thumb, composer.complain);
});

log.addEventListener("submit", async (event) => {
  const group = event.target.closest(".feedback");
  if (!group) return;
  event.preventDefault();
  (await import("./transcript/feedback.js")).comment(group, composer.complain);
});

// Clicks the latest button of a kind that can be seen, for a slash command.
const BUTTONS = {
  stop: '[data-act="cancel"]',
  undo: 'button[form="undo"][name="run"]',
  again: 'button[form="regenerate"]',
};

function clickLatest(name) {
  const seen = [...log.querySelectorAll(BUTTONS[name])].filter((one) => one.checkVisibility());
  seen.at(-1)?.click();
  return seen.length > 0;
}

// The plan that waits for a person, as the frames about it name it.
function waiting() {
  const run = fold.active.find((one) => one.status === "waiting" && one.asks);
  return run ? { run: run.run, plan_revision: run.plan_revision } : null;
}

const POSTED = {
  undo: "nothing was undone", retry: "nothing was started", regenerate: "nothing was started",
};
for (const [id, failed] of Object.entries(POSTED)) {
  document.getElementById(id)?.addEventListener("submit", (event) => post(event, failed));
}

async function post(event, failed) {
  event.preventDefault();
  const { target: form, submitter } = event;
  const body = new FormData(form, submitter); // before the button is disabled: then it has no value
  submitter.disabled = true;
  composer.complain("");
  try {
    const answer = await fetch(form.action, {
      method: "POST", body, headers: { Accept: "application/json" },
    });
    if (!answer.ok) composer.complain((await reasonOf(answer)) ?? `The server refused: ${failed}.`);
  } catch {
    composer.complain(`The server could not be reached; ${failed}.`);
  } finally {
    submitter.disabled = false;
  }
}

async function reasonOf(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return null;
  }
}

localiseAll(document);
startClocks(() => fold.active.map((run) => elementOf(run.run)).filter(Boolean));
setUpStowing(log);
setUpOpening(log);
setUpCopying(log);
decisions.setUpKeys();
learnChanges(log);
attention.setUp({ active: () => fold.active, complain: composer.complain });
scroll.setUp();
setUpOlder();
setUpLinks(composer.complain);
arrange.setUp();
composer.setUp({ send, onSent: scroll.toEnd, waiting, act: clickLatest });
document.getElementById("try-now").addEventListener("click", () => connection.tryNow());
connection.start();
debug("started after event", page.last_seq);
