// Renders what the model writes for a run at the moment. All of it is text that nobody has checked.

import { showElapsed } from "../support/clocks.js";
import { clone, setList, setText, setVisible, slot } from "../support/dom.js";
import { setFacts } from "./facts.js";

/** The draft of a plan stays until the plan is validated. @type {Record<string, string[]>} */
const STEPS = { planning: ["planning", "validation"] };

/** As `shown_draft` in chat/transcript.py. @param {Run} run */
function shownDraft({ draft, status, phases }) {
  if (!draft || status !== "running") return null;
  const steps = STEPS[draft.phase] ?? [draft.phase];
  const runs = phases.some(({ key, state }) => steps.includes(key) && state === "running");
  return runs ? draft : null;
}

/** @type {(node: HTMLElement, run: Run) => void} */
export function fillDraft(node, run) {
  const box = slot(node, "run-draft");
  const draft = shownDraft(run);
  if (!draft) box.replaceChildren();
  else if (!box.childElementCount) box.append(clone("draft"));
  box.toggleAttribute("hidden", !draft);
  if (draft) fill(box, draft);
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
