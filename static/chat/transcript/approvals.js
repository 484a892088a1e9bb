// Decisions on a plan that waits, and what to show when somebody else decided first. Loaded with the first
// run; the plan's editor, when somebody edits.

import { showAlert } from "../support/alert.js";
import { find, findAll, slot } from "../support/dom.js";
import { page } from "../support/page.js";
import { lengthOf, tooLong } from "../support/shorten.js";
import { statusLine } from "./run_labels.js";
import { stopFollowing } from "./scroll.js";

// The event that tells who decided first may come after the refusal.
const REFUSAL_DELAY_MS = 500;
const NOT_CONNECTED = "Not connected. Try again when the page is live.";
/** @type {typeof import("../editor/plan_editor.js") | null} */
let editor = null;
/** The run whose plan was last decided on here. @type {Run | null} */
let lastDecided = null;

/** @param {HTMLElement} node */
const planRevision = (node) => Number(slot(node, "run-approval").dataset.revision);

/**
 * Sends what a button of a run means. Returns whether it was sent.
 * @param {string | undefined} action
 * @param {HTMLElement} node
 * @param {Run | undefined} run
 * @param {(frame: ActionRequest) => boolean} send
 */
export function act(action, node, run, send) {
  const problem = action === "comment" ? commentProblem(node) : "";
  showAlert(problem);
  if (problem) return false;
  if (action !== "cancel") lastDecided = run ?? null;
  const isSent = send(actionFrame(action, node));
  if (!isSent) showAlert(NOT_CONNECTED);
  // What has the focus is hidden by what it does.
  else if (node.contains(document.activeElement)) find(node, "summary")?.focus({ preventScroll: true });
  return isSent;
}

/** @type {(action: string | undefined, node: HTMLElement) => ActionRequest} */
function actionFrame(action, node) {
  const { run = "" } = node.dataset;
  if (action === "cancel") return { type: "cancel", run };
  if (action === "approve") return { type: "approve", run, plan_revision: planRevision(node) };
  if (action === "comment") {
    return { type: "reject", run, plan_revision: planRevision(node), reason: "", comments: commentsIn(node) };
  }
  /** @type {HTMLInputElement} */
  const reason = slot(node, "run-reason");
  return { type: "reject", run, plan_revision: planRevision(node), reason: reason.value.trimEnd() };
}

/** Returns the comments that were written on the steps of the plan. @param {HTMLElement} node */
function commentsIn(node) {
  return findAll(slot(node, "run-commentable"), ":scope > li").flatMap((item) => {
    /** @type {HTMLInputElement} */
    const field = slot(item, "comment-text");
    return field.value.trim() ? { step: item.dataset.key ?? "", text: field.value.trim() } : [];
  });
}

/** @param {HTMLElement} node */
function commentProblem(node) {
  const comments = commentsIn(node);
  const { comment: limit } = page.limits;
  const long = comments.find(({ text }) => lengthOf(text) > limit);
  if (long) return tooLong("The comment", lengthOf(long.text), limit);
  return comments.length ? "" : "Write a comment on at least one step.";
}

/** @type {(run: Run, node: HTMLElement, send: (frame: ActionRequest) => boolean) => Promise<void>} */
export async function editPlan(run, node, send) {
  /** @param {EditPlanRequest} frame */
  const save = (frame) => {
    lastDecided = run;
    const isSent = send(frame);
    if (!isSent) showAlert(NOT_CONNECTED);
    return isSent;
  };
  editor = await import("../editor/plan_editor.js");
  stopFollowing();
  await editor.openEditor(run, slot(node, "run-approval"), save);
  if (!run.asks) showAlert(`${run.decided || statusLine(run)}. The plan can no longer be edited.`);
}

/** @type {(frame: EventFrame, run: Run) => void} */
export function handleEvent(frame, run) {
  if (!["approval", "complete", "error", "cancelled"].includes(frame.type)) return;
  if (!editor?.handlePlanEvent(run)) return;
  showAlert(`${run.decided || statusLine(run)}. Your changes to the plan were not saved.`);
}

/** Returns whether the refusal was shown here. @param {RejectedFrame} frame */
export function handleRefusal(frame) {
  if (editor?.handleRefusal(frame)) return true;
  if (!lastDecided || !["not_active", "stale_plan"].includes(frame.code)) return false;
  const run = lastDecided;
  lastDecided = null;
  setTimeout(() => {
    editor?.closeEditor();
    showAlert(refusalText(frame, run));
  }, REFUSAL_DELAY_MS);
  return true;
}

/** @type {(frame: RejectedFrame, run: Run) => string} */
function refusalText({ code, error }, run) {
  if (code === "stale_plan") return "The plan has changed. Review the new version.";
  const outcome = run.decided || (run.ended ? statusLine(run) : "");
  return outcome ? `${outcome}. Your choice had no effect.` : error;
}
