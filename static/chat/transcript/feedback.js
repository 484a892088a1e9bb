// Feedback on an answer, a step, or the display of progress: thumbs and a comment. Loaded with the
// first use.

import { announce, showAlert } from "../support/alert.js";
import { find, findAll } from "../support/dom.js";
import { apiPath, errorText, request } from "../support/rest.js";

/** @param {HTMLElement} group */
const pressedThumb = (group) => find(group, '[aria-pressed="true"]');

/** @type {(group: HTMLElement, thumb: HTMLElement | null) => void} */
function press(group, thumb) {
  for (const other of findAll(group, ".thumb")) {
    other.setAttribute("aria-pressed", String(other === thumb));
  }
}

/** @param {HTMLElement} group */
const partsOf = (group) => ({
  details: /** @type {HTMLDetailsElement} */ (find(group, "details")),
  summary: /** @type {HTMLElement} */ (find(group, "summary")),
  input: /** @type {HTMLInputElement} */ (find(group, "input")),
});

/** Shows the vote at once, and takes it back when the server refuses it. @param {HTMLElement} thumb */
export async function vote(thumb) {
  const group = /** @type {HTMLElement} */ (thumb.closest(".feedback"));
  const before = pressedThumb(group);
  press(group, thumb);
  if (await send(group)) {
    const { details } = partsOf(group);
    details.hidden = false;
    if (thumb.dataset.value === "-1") details.open = true;
  } else press(group, before);
}

/** @param {HTMLElement} group */
export async function comment(group) {
  if (!(await send(group))) return;
  const { details, summary, input } = partsOf(group);
  summary.textContent = input.value || "Add a comment";
  details.open = false;
  summary.focus();
}

/** @param {HTMLElement} group */
async function send(group) {
  /** @type {HTMLElement | null} */
  const item = group.closest("[data-key]");
  /** @type {HTMLElement | null} */
  const node = group.closest("[data-run]");
  const body = {
    target: group.dataset.target || item?.dataset.key,
    value: Number(pressedThumb(group)?.dataset.value),
    comment: partsOf(group).input.value.trim(),
  };
  const path = apiPath("runs", node?.dataset.run ?? "", "feedback");
  const response = await request("POST", path, { body });
  if (response?.ok) announce("Feedback saved");
  else showAlert(errorText(response, "your feedback was not saved"));
  return Boolean(response?.ok);
}
