// A person's word on a plan that waits: by button or by key, and what to say when somebody else was
// faster. The plan's editor is `plan_editor.js`, loaded when somebody edits.

import { slot } from "../support/dom.js";
import { line } from "../support/labels.js";

const log = document.getElementById("log");
// The event that tells who was faster may come after the refusal.
const PATIENCE_MS = 500;
let editor = null;
let asked = null; // the run whose plan was last decided on here

const revision = (box) => Number(slot(box, "run-approval").dataset.revision);

export const frames = {
  approve: (run, box) => ({ type: "approve", run, plan_revision: revision(box) }),
  reject: (run, box) => ({
    type: "reject", run, plan_revision: revision(box), reason: slot(box, "run-reason").value.trim(),
  }),
};

export function decided(run) {
  asked = run;
}

export async function edit(run, box, { send, complain }) {
  const save = (frame) => {
    decided(run);
    if (send(frame)) return true;
    complain("There is no connection right now; try again when the page is live.");
    return false;
  };
  editor = await import("../editor/plan_editor.js");
  editor.openEditor(run, slot(box, "run-approval"), { save, complain });
}

export function hear(frame, run, complain) {
  if (!["approval", "complete", "error", "cancelled"].includes(frame.type)) return;
  if (editor?.hearOfPlan(run)) complain(`${run.decided || line(run)}. Your changes of the plan were not saved.`);
}

// Returns whether the refusal is told here.
export function refused(frame, complain) {
  if (editor?.hearRefusal(frame)) return true;
  if (!asked || !["not_active", "stale_plan"].includes(frame.code)) return false;
  const run = asked;
  asked = null;
  setTimeout(() => {
    editor?.closeEditor();
    complain(why(frame, run));
  }, PATIENCE_MS);
  return true;
}

function why({ code, error }, run) {
  if (code === "stale_plan") return "The plan was changed a moment before; this is the new one.";
  const told = run.decided || (run.ended ? line(run) : "");
  return told ? `${told}, a moment before you: your word came too late and changed nothing.` : error;
}

// `A` approves, where nobody types: the key is the transcript's alone and not the whole page's.
export function setUpKeys() {
  log.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key.toLowerCase() !== "a" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const button = log.querySelector('.approval:not([hidden]) [data-act="approve"]:enabled');
    if (!button?.checkVisibility()) return;
    event.preventDefault();
    button.click();
  });
}
