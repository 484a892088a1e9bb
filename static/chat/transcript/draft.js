// Renders what the model writes for a run at the moment. All of it is text that nobody has checked.

import { showElapsed } from "../support/clocks.js";
import { clone, setList, setText, setVisible, slot } from "../support/dom.js";
import { setFacts } from "./facts.js";
import { removeDrafts } from "./render.js";
import { draftSlot, shownDraft } from "./run_labels.js";

/** @type {(node: HTMLElement, run: Run) => void} */
export function fillDraft(node, run) {
  const draft = shownDraft(run);
  if (!draft) return;
  removeDrafts(node, run);
  const box = slot(node, draftSlot(draft.phase));
  if (!box.childElementCount) box.append(clone("draft"));
  box.hidden = false;
  fill(box, draft);
}

/** @type {(box: HTMLElement, draft: NonNullable<Run["draft"]>) => void} */
function fill(box, { text, thoughts, summary, steps, ...times }) {
  setVisible(box, "draft-flag", summary || steps.length);
  setText(box, "draft-message", text.message);
  setText(box, "draft-details", text.details);
  showElapsed(box, "draft-clock", times.started_at);
  setVisible(box, "draft-thinking", thoughts);
  slot(box, "draft-title").textContent = text.thoughts;
  setText(box, "draft-thoughts", thoughts);
  showElapsed(box, "draft-thought-clock", times.wrote_at ? "" : (times.thought_at ?? ""));
  setText(box, "draft-summary", summary);
  const items = steps.map((step, index) => ({ ...step, number: index + 1, given: text.steps[index].arguments }));
  setList(box, "draft-steps", items, { template: "draft-step", key: (item) => item.number, fill: fillStep });
}

/** @type {(node: HTMLElement, step: {number: number, description: string, tool: string, given: Fact[]}) => void} */
function fillStep(node, { number, description, tool, given }) {
  setText(node, "draft-number", number);
  setText(node, "draft-description", description);
  setText(node, "draft-tool", tool);
  setFacts(node, "draft-given", given);
}
