// Runs, changes and plain lines into the transcript's DOM. Says nothing of where they come from.

import { attribute, clone, list, name, picture, show, slot, text } from "../support/dom.js";
import { addCopyButtons } from "./copy_buttons.js";
import { openAsLeft } from "./open_state.js";
import { since, time, until } from "../support/clocks.js";
import {
  bar, duration, eta, isActive, isPhase, line, page, recalled, stepNote, stepTook, toolSteps,
} from "../support/labels.js";

const entries = document.getElementById("entries");

export const elementOf = (run) => document.getElementById(`run-${run}`);

export function addLine(words) {
  const node = clone("line");
  node.textContent = words;
  entries.append(node);
}

export function addNote(change) {
  const node = clone("note");
  node.dataset.seq = change.seq;
  fillChange(node.firstElementChild, change);
  entries.append(node);
}

export function showRun(run) {
  const node = elementOf(run.run) ?? addRun(run);
  fillSaid(node, run.said);
  fillHead(node, run);
  fillPlan(node, run);
  fillApproval(node, run);
  fillAnswer(node, run);
  if (node.dataset.status !== run.status) setStatus(node, run);
}

// Of a run that only writes on.
export const showText = (run) => append(slot(elementOf(run.run), "run-text"), run.text);

function addRun(run) {
  const node = clone("exchange");
  node.dataset.run = run.run;
  node.id = `run-${run.run}`;
  attribute(slot(node, "run-link"), "href", `#run-${run.run}`);
  for (const button of ["run-undo", "run-retry", "run-regenerate"]) {
    attribute(slot(node, button), "value", run.run);
  }
  entries.append(node);
  return node;
}

// A run is open while it works and one line when it is done, unless a person has opened or closed it.
function setStatus(node, run) {
  const turned = isActive(run) !== isActive({ status: node.dataset.status });
  node.dataset.status = run.status;
  node.toggleAttribute("data-over", !isActive(run));
  if (turned) slot(node, "run-details").toggleAttribute("open", openAsLeft(run.run, isActive(run)));
}

function fillSaid(node, said) {
  show(node, "said", said !== null);
  node.toggleAttribute("data-others", said !== null && said.author !== page.user);
  attribute(node, "data-client-id", said?.client_id ?? "");
  text(node, "said-author", said?.author ?? "");
  const content = slot(node, "said-content");
  if (said && content.textContent !== said.content) content.textContent = said.content;
  name(slot(node, "said"), said ? `message-${said.id}` : "");
  attribute(slot(node, "said-link"), "href", `#message-${said?.id ?? ""}`);
  time(node, "said-at", said?.at ?? "");
}

function markOf(run) {
  if (run.interrupted) return "interrupted";
  const failed = run.steps.some((step) => step.status === "failed");
  return run.status === "succeeded" && failed ? "partly" : run.status;
}

function fillHead(node, run) {
  text(node, "run-line", line(run));
  until(node, "run-eta", eta(run));
  show(node, "run-resumed", run.phases.some((phase) => phase.step === "resumed"));
  attribute(slot(node, "run-mark"), "data-mark", markOf(run));
  picture(node, "run-mark", `mark-${markOf(run)}`);
  since(node, "run-clock", run.status === "running" ? run.started_at : "");
  show(node, "run-stop", isActive(run));
  const stop = slot(node, "run-stop");
  const word = run.status === "queued" ? "Withdraw" : "Stop";
  if (stop && (stop.textContent !== word || !isActive(run))) {
    stop.textContent = word;
    stop.disabled = false;
  }
  list(node, "run-bar", bar(run), { template: "segment", key: (one) => one.key, fill: fillSegment });
}

function fillSegment(rect, segment) {
  attribute(rect, "data-step", segment.step);
  attribute(rect, "x", segment.x);
  attribute(rect, "width", segment.width);
  rect.firstElementChild.textContent = segment.says;
}

function fillPlan(node, run) {
  const checklist = toolSteps(run).length ? run.steps : [];
  const saysAll = checklist.every((step) => run.summary.includes(step.description));
  text(node, "run-summary", saysAll ? "" : run.summary);
  text(node, "run-decided", run.decided);
  list(node, "run-steps", checklist, { template: "step", key: (step) => step.id, fill: fillStep });
  list(node, "run-phases", run.phases, {
    template: "phase", key: (phase) => phase.key, fill: fillPhase,
  });
  list(node, "run-changes", run.changes, {
    template: "change", key: (change) => change.seq, fill: fillChange, grows: true,
  });
}

function fillApproval(node, run) {
  attribute(slot(node, "run-approval"), "data-revision", run.plan_revision);
  show(node, "run-approval", run.asks);
  if (!run.asks) reset(slot(node, "run-approval"));
  text(node, "run-why", run.asks ? run.why : "");
  list(node, "run-effects", run.effects, {
    template: "effect", key: (effect) => effect.key, fill: fillEffect,
  });
  text(node, "run-estimate", run.estimate);
  show(node, "run-expires", run.expires_at !== "");
  time(node, "run-expires-at", run.expires_at);
}

// Decided: the form is as it was, for the next plan of the run.
function reset(box) {
  for (const button of box.querySelectorAll(":disabled")) button.disabled = false;
  for (const field of box.querySelectorAll("input")) field.value = "";
  box.querySelector("details")?.removeAttribute("open");
  slot(box, "run-editor")?.replaceChildren();
}

function fillEffect(node, effect) {
  attribute(node, "data-action", effect.action);
  text(node, "effect-text", effect.text);
  text(node, "effect-step", `step ${effect.number}`);
  list(node, "effect-fields", effect.fields, {
    template: "difference",
    key: ([field]) => field,
    fill: (one, [field, old, now]) => {
      text(one, "field-name", field);
      text(one, "field-old", old);
      text(one, "field-new", now);
    },
  });
}

function fillStep(node, step) {
  name(node, step.seq ? `event-${step.seq}` : "");
  attribute(node, "data-status", step.status);
  const running = step.status === "running" && step.started_at !== null;
  attribute(node, "data-slow-after", running ? (step.slow_after_ms ?? "") : "");
  attribute(slot(node, "step-mark"), "data-mark", step.status);
  attribute(slot(node, "step-mark"), "aria-label", step.status);
  picture(node, "step-mark", `mark-${step.status}`);
  text(node, "step-number", step.number);
  text(node, "step-description", step.description);
  text(node, "step-note", stepNote(step));
  text(node, "step-tool", step.tool);
  text(node, "step-took", stepTook(step));
  for (const [part, facts] of [["step-given", step.given], ["step-returned", step.returned]]) {
    list(node, part, facts, { template: "fact", key: ([field]) => field, fill: fillFact });
  }
  since(node, "step-clock", running ? step.started_at : "");
}

function fillFact(node, [field, value]) {
  text(node, "fact-name", field);
  text(node, "fact-value", value);
}

function fillPhase(node, phase) {
  name(node, `event-${phase.seq}`);
  attribute(node, "data-step", phase.step);
  attribute(node, "data-state", phase.state);
  const running = phase.state === "running";
  attribute(node, "data-slow-after", running ? (phase.slow_after_ms ?? "") : "");
  const known = isPhase(phase.step) || ["error", "resumed"].includes(phase.step);
  picture(node, "phase-icon", `icon-${known ? phase.step : "custom"}`);
  text(node, "phase-message", phase.message);
  text(node, "phase-details", phase.details);
  text(node, "phase-recalled", recalled(phase.recalled));
  attribute(slot(node, "phase-link"), "href", `#event-${phase.seq}`);
  time(node, "phase-at", phase.at);
  text(node, "phase-took", phase.duration_ms === null ? "" : duration(phase.duration_ms));
  since(node, "phase-clock", running ? phase.at : "");
}

function fillChange(node, change) {
  name(node, `event-${change.seq}`);
  attribute(node, "data-key", change.seq);
  attribute(node, "data-object", change.id);
  attribute(node, "data-kind", change.object);
  picture(node, "change-icon", `icon-${change.object}`);
  text(node, "change-text", change.text);
  text(node, "change-by", change.by);
  attribute(slot(node, "change-link"), "href", `#event-${change.seq}`);
  time(node, "change-at", change.at);
  attribute(slot(node, "change-undo"), "value", change.seq);
  attribute(slot(node, "change-undo"), "aria-label", `Undo: ${change.text}`);
}

function fillAnswer(node, run) {
  append(slot(node, "run-text"), run.text);
  const html = slot(node, "run-html");
  if (run.html && !html.hasChildNodes()) {
    // Sanitised by the server (agent/markdown.py); no script runs from it under the page's policy.
    html.innerHTML = run.html;
    addCopyButtons(html);
  }
  show(node, "run-html", run.html);
  show(node, "run-broken", run.text && !isActive(run));
  show(node, "run-again", run.status === "failed" && run.retryable);
  name(slot(node, "answer"), run.answer_id ? `message-${run.answer_id}` : "");
  attribute(slot(node, "answer-link"), "href", `#message-${run.answer_id}`);
  show(node, "answer-actions", run.answer_id);
}

// Text that grows at its end is not set anew: what somebody has selected in it stays selected.
function append(node, value) {
  const [only] = node.childNodes;
  const old = node.textContent;
  if (only?.nodeType === Node.TEXT_NODE && node.childNodes.length === 1 && value.startsWith(old)) {
    if (value.length > old.length) only.appendData(value.slice(old.length));
  } else if (old !== value) {
    node.textContent = value;
  }
  node.toggleAttribute("hidden", value === "");
}
