// Runs, changes and plain lines into the transcript's DOM. Says nothing of where they come from.

import { attribute, clone, list, picture, show, slot, text } from "./dom.js";
import { since, time } from "./times.js";
import {
  bar, duration, eta, isActive, isPhase, line, stepNote, stepTook, toolSteps,
} from "./wording.js";

const entries = document.getElementById("entries");

export const elementOf = (run) => entries.querySelector(`[data-run="${CSS.escape(run)}"]`);

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
  let node = elementOf(run.run);
  if (!node) {
    node = clone("exchange");
    node.dataset.run = run.run;
    attribute(slot(node, "run-undo"), "value", run.run);
    attribute(slot(node, "run-retry"), "value", run.run);
    attribute(slot(node, "run-regenerate"), "value", run.run);
    entries.append(node);
  }
  fillSaid(node, run.said);
  fillHead(node, run);
  fillPlan(node, run);
  fillAnswer(node, run);
  if (node.dataset.status !== run.status) setStatus(node, run);
}

// A run is open while it works and one line when it is done.
function setStatus(node, run) {
  const turned = isActive(run) !== isActive({ status: node.dataset.status });
  node.dataset.status = run.status;
  node.toggleAttribute("data-over", !isActive(run));
  if (turned) slot(node, "run-details").toggleAttribute("open", isActive(run));
}

function fillSaid(node, said) {
  show(node, "said", said !== null);
  attribute(node, "data-client-id", said?.client_id ?? "");
  text(node, "said-author", said?.author ?? "");
  const content = slot(node, "said-content");
  if (said && content.textContent !== said.content) content.textContent = said.content;
  time(node, "said-at", said?.at ?? "");
}

function markOf(run) {
  const failed = run.steps.some((step) => step.status === "failed");
  return run.status === "succeeded" && failed ? "partly" : run.status;
}

function fillHead(node, run) {
  text(node, "run-line", line(run));
  text(node, "run-eta", eta(run));
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
  list(node, "run-bar", bar(run), {
    template: "segment",
    key: (segment) => segment.key,
    fill: (rect, segment) => {
      attribute(rect, "data-step", segment.step);
      attribute(rect, "x", segment.x);
      attribute(rect, "width", segment.width);
    },
  });
}

function fillPlan(node, run) {
  const checklist = toolSteps(run).length ? run.steps : [];
  const saysAll = checklist.every((step) => run.summary.includes(step.description));
  text(node, "run-summary", saysAll ? "" : run.summary);
  list(node, "run-steps", checklist, { template: "step", key: (step) => step.id, fill: fillStep });
  list(node, "run-phases", run.phases, {
    template: "phase", key: (phase) => phase.key, fill: fillPhase,
  });
  list(node, "run-changes", run.changes, {
    template: "change", key: (change) => change.seq, fill: fillChange,
  });
  attribute(slot(node, "run-approval"), "data-revision", run.plan_revision);
  show(node, "run-approval", run.asks);
  if (!run.asks) reset(slot(node, "run-approval"));
  text(node, "run-why", run.asks ? run.why : "");
}

// Decided: the form is as it was, for the next plan of the run.
function reset(box) {
  for (const button of box.querySelectorAll(":disabled")) button.disabled = false;
  for (const field of box.querySelectorAll("input")) field.value = "";
  box.querySelector("details")?.removeAttribute("open");
}

function fillStep(node, step) {
  attribute(node, "data-status", step.status);
  attribute(slot(node, "step-mark"), "data-mark", step.status);
  attribute(slot(node, "step-mark"), "aria-label", step.status);
  picture(node, "step-mark", `mark-${step.status}`);
  text(node, "step-number", step.number);
  text(node, "step-description", step.description);
  text(node, "step-note", stepNote(step));
  text(node, "step-took", stepTook(step));
  since(node, "step-clock", step.status === "running" ? (step.started_at ?? "") : "");
}

function fillPhase(node, phase) {
  attribute(node, "data-step", phase.step);
  attribute(node, "data-state", phase.state);
  const known = isPhase(phase.step) || phase.step === "error";
  picture(node, "phase-icon", `icon-${known ? phase.step : "custom"}`);
  text(node, "phase-message", phase.message);
  text(node, "phase-details", phase.details);
  time(node, "phase-at", phase.at);
  text(node, "phase-took", phase.duration_ms === null ? "" : duration(phase.duration_ms));
  since(node, "phase-clock", phase.state === "running" ? phase.at : "");
}

function fillChange(node, change) {
  attribute(node, "data-key", change.seq);
  attribute(node, "data-object", change.id);
  attribute(node, "data-kind", change.object);
  picture(node, "change-icon", `icon-${change.object}`);
  text(node, "change-text", change.text);
  text(node, "change-by", change.by);
  time(node, "change-at", change.at);
  attribute(slot(node, "change-undo"), "value", change.seq);
  attribute(slot(node, "change-undo"), "aria-label", `Undo: ${change.text}`);
}

function fillAnswer(node, run) {
  text(node, "run-text", run.text);
  const html = slot(node, "run-html");
  // Sanitised by the server (chat/markdown.py); no script runs from it under the page's policy.
  if (run.html && !html.hasChildNodes()) html.innerHTML = run.html;
  show(node, "run-html", run.html);
  show(node, "run-broken", run.text && !isActive(run));
  show(node, "run-again", run.status === "failed" && run.retryable);
}

// A change can be undone while it is the last one of its object; a run, while all of its are.
export function showUndo() {
  const last = new Map();
  const changes = [...entries.querySelectorAll(".change")];
  for (const { dataset } of changes) {
    const seq = Number(dataset.key);
    last.set(dataset.object, Math.max(seq, last.get(dataset.object) ?? 0));
  }
  const stands = ({ dataset }) => last.get(dataset.object) === Number(dataset.key);
  for (const node of changes) show(node, "change-undo", stands(node));
  for (const node of entries.querySelectorAll("[data-run]")) {
    const own = [...node.querySelectorAll(".change")];
    const standing = new Set(own.filter(stands).map((one) => one.dataset.object));
    const all = own.length > 0 && own.every((one) => standing.has(one.dataset.object));
    show(node, "run-undo", all && !isActive({ status: node.dataset.status }));
  }
}
