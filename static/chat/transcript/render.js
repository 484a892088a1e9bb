// Renders runs, changes and plain lines in the transcript. It does not know where they come from.

import { showElapsed, showTime } from "../support/clocks.js";
import {
  byId, clone, find, findAll, findSlot, setAttribute, setIcon, setId, setList, setText, setVisible, slot,
} from "../support/dom.js";
import { page } from "../support/page.js";
import { addCopyButtons } from "./copy_buttons.js";
import { setFacts } from "./facts.js";
import { settle, unfold } from "./lazy_details.js";
import { isLeftOpen } from "./open_state.js";
import {
  callOf, colorOf, draftSlot, effectsCount, eta, howOf, iconOf, isActive, isEarly, isPhase, phaseBar, shownDraft, statusLine,
  stepNote, workSteps,
} from "./run_labels.js";
import { isAtEnd, stopFollowing } from "./scroll.js";

const entries = byId("entries");

/** @param {string} run */
export const runElement = (run) => document.getElementById(`run-${run}`);

/** @param {string} text */
export function addPlainLine(text) {
  const node = clone("line");
  node.textContent = text;
  entries.append(node);
}

/** Adds a change that a person made outside of a run. @param {Change} change */
export function addChangeNote(change) {
  const node = clone("note");
  node.dataset.seq = String(change.seq);
  fillChange(/** @type {HTMLElement} */ (node.firstElementChild), change);
  entries.append(node);
}

/** Returns the run's element. @param {Run} run */
export function renderRun(run) {
  const existing = runElement(run.run);
  const node = existing ?? newRun(run);
  /** @type {HTMLDetailsElement} */
  const details = slot(node, "run-details");
  unfold(details);
  const { status } = node.dataset;
  const wasOpen =
    status === "failed" || (isActive({ status }) && !find(node, '.phases > [data-step="completion"]'));
  fillMessage(node, run.said);
  fillHead(node, run);
  removeDrafts(node, run);
  fillPlan(node, run);
  setList(node, "run-steering", run.steering, {
    template: "steered", key: (message) => message.id, fill: fillSteered,
  });
  fillApproval(node, run);
  fillAnswer(node, run);
  setStatus(node, run, wasOpen);
  settle(details);
  // A text that is there when its element comes into the page is laid out in its own direction at once.
  if (!existing) entries.append(node);
  return node;
}

/** Removes drafts that are not shown any more. @type {(node: HTMLElement, run: Run) => void} */
export function removeDrafts(node, run) {
  const draft = shownDraft(run);
  for (const name of ["run-draft", "answer-draft"]) {
    if (draft && draftSlot(draft.phase) === name) continue;
    const box = slot(node, name);
    box.replaceChildren();
    box.hidden = true;
  }
}

/** For a run of which only the answer has grown. @param {Run} run */
export function renderAnswerText(run) {
  const node = runElement(run.run);
  if (node) setGrowingText(slot(node, "run-text"), run.text);
}

/** @param {Run} run */
function newRun(run) {
  const node = clone("exchange");
  node.dataset.run = run.run;
  node.id = `run-${run.run}`;
  setAttribute(slot(node, "run-link"), "href", `#run-${run.run}`);
  setAttribute(slot(node, "run-page"), "href", `${page.run_pages}${run.run}/`);
  setAttribute(findSlot(node, "run-share"), "href", `${page.run_pages}${run.run}/links/`);
  setAttribute(slot(node, "run-replay"), "href", `${page.run_pages}${run.run}/replay/`);
  for (const button of ["run-undo", "run-retry", "run-regenerate"]) {
    setAttribute(findSlot(node, button), "value", run.run);
  }
  return node;
}

/**
 * A run is open until its answer is begun, which would move if the run folded later, and after a failure, unless
 * a person has opened or closed it.
 * @type {(node: HTMLElement, run: Run, wasOpen: boolean) => void}
 */
function setStatus(node, run, wasOpen) {
  node.dataset.status = run.status;
  node.toggleAttribute("data-over", !isActive(run));
  const isFailed = run.status === "failed";
  const open = isFailed || (isActive(run) && isEarly(run));
  if (open !== wasOpen) slot(node, "run-details").toggleAttribute("open", isLeftOpen(run.run, open));
  if (isFailed) showFailure(node);
}

/** Unfolds the first step that failed, and has it in view with the head of its run. @param {HTMLElement} node */
function showFailure(node) {
  const failure = find(node, '.plan > [data-status="failed"]') ?? find(node, '.phases > [data-state="failed"]');
  if (failure) find(failure, "details")?.setAttribute("open", "");
  if (!failure || !isAtEnd()) return;
  stopFollowing();
  node.scrollIntoView({ block: "start" });
  failure.scrollIntoView({ block: "nearest" });
}

/** @type {(node: HTMLElement, message: UserMessage | null) => void} */
function fillMessage(node, message) {
  setVisible(node, "said", message !== null);
  node.toggleAttribute("data-others", message !== null && message.author !== page.user);
  setAttribute(node, "data-client-id", message?.client_id ?? "");
  setText(node, "said-author", message?.author ?? "");
  setVisible(node, "said-late", message?.into);
  const content = slot(node, "said-content");
  if (message && content.textContent !== message.content) content.textContent = message.content;
  setId(slot(node, "said"), message ? `message-${message.id}` : "");
  setAttribute(slot(node, "said-link"), "href", `#message-${message?.id ?? ""}`);
  showTime(node, "said-at", message?.at ?? "");
}

/** @type {(node: HTMLElement, message: Steered) => void} */
function fillSteered(node, message) {
  setId(node, `message-${message.id}`);
  node.toggleAttribute("data-others", message.author !== page.user);
  setAttribute(node, "data-client-id", message.client_id);
  setText(node, "steered-content", message.content);
  setText(node, "steered-note", message.note);
  setText(node, "steered-author", message.author);
  setAttribute(slot(node, "steered-link"), "href", `#message-${message.id}`);
  showTime(node, "steered-at", message.at);
}

/** @param {Run} run */
function markOf(run) {
  if (run.interrupted) return "interrupted";
  const checks = run.phases.filter(({ step }) => step === "validation");
  const failed = run.steps.some((step) => step.status === "failed") || checks.at(-1)?.state === "failed";
  return run.status === "succeeded" && failed ? "partly" : run.status;
}

/** @type {(node: HTMLElement, run: Run) => void} */
function fillHead(node, run) {
  setText(node, "run-line", statusLine(run));
  setAttribute(slot(node, "run-eta"), "data-until", eta(run)); // live.js counts down to it
  setVisible(node, "run-resumed", run.phases.some((phase) => phase.step === "resumed"));
  setAttribute(slot(node, "run-mark"), "data-mark", markOf(run));
  setIcon(node, "run-mark", `mark-${markOf(run)}`);
  showElapsed(node, "run-clock", run.status === "running" ? run.started_at : "");
  fillStopButton(node, run);
  setVisible(node, "run-retry", run.retryable);
  setList(node, "run-bar", phaseBar(run), {
    template: "segment", key: (segment) => segment.key, fill: fillSegment,
  });
}

/** @type {(node: HTMLElement, run: Run) => void} */
function fillStopButton(node, run) {
  setVisible(node, "run-stop", isActive(run));
  /** @type {HTMLButtonElement | null} */
  const button = findSlot(node, "run-stop");
  const label = run.status === "queued" ? "Remove from queue" : "Stop";
  if (!button || (button.textContent === label && isActive(run))) return;
  button.textContent = label;
  button.disabled = false;
}

/** @type {(rect: HTMLElement, segment: import("./run_labels.js").Segment) => void} */
function fillSegment(rect, segment) {
  setAttribute(rect, "data-step", segment.step);
  setAttribute(rect, "x", segment.x);
  setAttribute(rect, "width", segment.width);
  slot(rect, "segment-says").textContent = segment.says;
}

/** @type {(node: HTMLElement, run: Run) => void} */
function fillPlan(node, run) {
  const steps = workSteps(run).length ? run.steps : [];
  const isRepeated = steps.every((step) => run.summary.includes(step.description));
  setText(node, "run-summary", isRepeated ? "" : run.summary);
  setList(node, "run-open", run.open_points, {
    template: "point", key: (point) => point, fill: (item, point) => setText(item, "point-text", point),
  });
  setAttribute(node, "data-questions", JSON.stringify(run.questions));
  setText(node, "run-decided", run.decided);
  setVisible(node, "run-commented", run.comments.length);
  setList(node, "run-comments", run.comments, {
    template: "point", key: (text) => text, fill: (item, text) => setText(item, "point-text", text),
  });
  setList(node, "run-steps", steps, { template: "step", key: (step) => step.id, fill: fillStep });
  setList(node, "run-phases", run.phases, {
    template: "phase", key: (phase) => phase.key, fill: fillPhase,
  });
  setList(node, "run-changes", run.changes, {
    template: "change", key: (change) => change.seq, fill: fillChange, append: true,
  });
}

/** @type {(node: HTMLElement, run: Run) => void} */
function fillApproval(node, run) {
  const form = slot(node, "run-approval");
  setAttribute(form, "data-revision", run.plan_revision);
  setVisible(node, "run-approval", run.asks);
  if (!run.asks) resetApproval(form);
  setText(node, "run-why", run.asks ? run.why : "");
  setText(node, "run-count", effectsCount(run));
  setList(node, "run-effects", run.effects, {
    template: "effect", key: (effect) => effect.key, fill: fillEffect,
  });
  if (findSlot(form, "run-commentable")) {
    setList(node, "run-commentable", run.asks ? run.steps : [], {
      template: "comment", key: (step) => step.id, fill: fillComment,
    });
  }
  setText(node, "run-estimate", run.estimate);
  setVisible(node, "run-expires", run.expires_at !== "");
  showTime(node, "run-expires-at", run.expires_at);
}

/** Clears the form for the next plan of the run. @param {HTMLElement} form */
function resetApproval(form) {
  /** @type {HTMLButtonElement[]} */
  const disabled = findAll(form, ":disabled");
  for (const button of disabled) button.disabled = false;
  for (const field of form.querySelectorAll("input")) field.value = "";
  for (const details of findAll(form, "details")) details.removeAttribute("open");
  findSlot(form, "run-editor")?.replaceChildren();
}

/** The field for a comment on a step. @type {(node: HTMLElement, step: Step) => void} */
function fillComment(node, step) {
  setText(node, "comment-number", step.number);
  setText(node, "comment-step", step.description);
}

/** @type {(node: HTMLElement, effect: Effect) => void} */
function fillEffect(node, effect) {
  setAttribute(node, "data-action", effect.action);
  setText(node, "effect-text", effect.text);
  setText(node, "effect-step", `step ${effect.number}`);
  setText(node, "effect-mark", effect.mark);
  setList(node, "effect-fields", effect.fields, {
    template: "difference", key: ([field]) => field, fill: fillDifference,
  });
}

/** @type {(node: HTMLElement, difference: Difference) => void} */
function fillDifference(node, [field, before, after, length = ""]) {
  setText(node, "field-name", field);
  setText(node, "field-length", length);
  setVisible(node, "field-long", length !== "");
  setText(node, "field-old", before);
  setText(node, "field-new", after);
}

/** @type {(node: HTMLElement, step: Step) => void} */
function fillStep(node, step) {
  setId(node, step.seq ? `event-${step.seq}` : "");
  setAttribute(node, "data-status", step.status);
  const running = step.status === "running" && step.started_at !== null;
  setAttribute(node, "data-slow-after", running ? (step.slow_after_ms ?? "") : "");
  setAttribute(slot(node, "step-mark"), "data-mark", step.status);
  setAttribute(slot(node, "step-mark"), "aria-label", step.status);
  setIcon(node, "step-mark", `mark-${step.status}`);
  setText(node, "step-number", step.number);
  setText(node, "step-description", step.description);
  setText(node, "step-note", stepNote(step));
  setText(node, "step-tool", howOf(step));
  setText(node, "step-call", running ? callOf(step) : "");
  setText(node, "step-took", step.took);
  setFacts(node, "step-given", step.given);
  setFacts(node, "step-returned", step.returned);
  setList(node, "step-parts", step.parts, { template: "part", key: (part) => part.key, fill: fillPart });
  showElapsed(node, "step-clock", running ? (step.started_at ?? "") : "");
}

/** @type {(node: HTMLElement, phase: Phase) => void} */
function fillPhase(node, phase) {
  setId(node, `event-${phase.seq}`);
  setAttribute(node, "data-step", phase.step);
  setAttribute(node, "data-state", phase.state);
  const running = phase.state === "running";
  setAttribute(node, "data-slow-after", running ? (phase.slow_after_ms ?? "") : "");
  const hasIcon = isPhase(phase.step) || ["error", "resumed"].includes(phase.step);
  setIcon(node, "phase-icon", `icon-${hasIcon ? phase.step : "custom"}`);
  setAttribute(node, "data-color", colorOf(phase.step));
  setVisible(node, "phase-icon", iconOf(phase.step) === "");
  setText(node, "phase-sign", iconOf(phase.step));
  setText(node, "phase-message", phase.message);
  setText(node, "phase-details", phase.details);
  setText(node, "phase-recalled", phase.recalled);
  setAttribute(slot(node, "phase-link"), "href", `#event-${phase.seq}`);
  showTime(node, "phase-at", phase.at);
  setText(node, "phase-took", phase.took);
  showElapsed(node, "phase-clock", running ? phase.at : "");
  setList(node, "phase-parts", phase.parts, { template: "part", key: (part) => part.key, fill: fillPart });
}

/** @type {(node: HTMLElement, part: Phase) => void} */
function fillPart(node, part) {
  setId(node, `event-${part.seq}`);
  setAttribute(node, "data-state", part.state);
  setAttribute(node, "data-color", colorOf(part.step));
  setText(node, "part-sign", iconOf(part.step));
  setText(node, "part-message", part.message);
  setText(node, "part-details", part.details);
  setText(node, "part-took", part.took);
  showElapsed(node, "part-clock", part.state === "running" ? part.at : "");
}

/** @type {(node: HTMLElement, change: Change) => void} */
function fillChange(node, change) {
  setId(node, `event-${change.seq}`);
  setAttribute(node, "data-key", change.seq);
  setAttribute(node, "data-object", change.id);
  setAttribute(node, "data-kind", change.object);
  setIcon(node, "change-icon", `icon-${change.object}`);
  setText(node, "change-text", change.text);
  setText(node, "change-by", change.by);
  setAttribute(slot(node, "change-link"), "href", `#event-${change.seq}`);
  showTime(node, "change-at", change.at);
  setAttribute(findSlot(node, "change-undo"), "value", change.seq);
  setAttribute(findSlot(node, "change-undo"), "aria-label", `Undo: ${change.text}`);
}

/** @type {(node: HTMLElement, run: Run) => void} */
function fillAnswer(node, run) {
  setGrowingText(slot(node, "run-text"), run.text);
  const html = slot(node, "run-html");
  if (run.html && !html.hasChildNodes()) {
    // The server has sanitised it (agent/support/markdown.py), and the page's policy lets no script of it run.
    html.innerHTML = run.html;
    addCopyButtons(html);
  }
  setVisible(node, "run-html", run.html);
  setVisible(node, "run-broken", run.text && !isActive(run));
  setId(slot(node, "answer"), run.answer_id ? `message-${run.answer_id}` : "");
  setAttribute(slot(node, "answer-link"), "href", `#message-${run.answer_id}`);
  setVisible(node, "answer-actions", run.answer_id);
}

/**
 * Appends where the text has only grown, so that a person's selection in it stays.
 * @type {(node: HTMLElement, text: string) => void}
 */
function setGrowingText(node, text) {
  const [first] = node.childNodes;
  const before = node.textContent ?? "";
  if (first instanceof Text && node.childNodes.length === 1 && text.startsWith(before)) {
    if (text.length > before.length) first.appendData(text.slice(before.length));
  } else if (before !== text) {
    node.textContent = text;
  }
  node.toggleAttribute("hidden", text === "");
}
