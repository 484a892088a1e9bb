// Edits a plan that waits: the order of its steps, their arguments and dependencies; adds and removes
// steps. One step is unfolded, and only it has fields. The server checks the plan like a model's, and its
// problems are shown at their steps.

import { showAlert } from "../support/alert.js";
import { clone, closest, find, findAll, setAttribute, setText, slot } from "../support/dom.js";
import { isObject, withSpaces } from "../support/labels.js";
import { page } from "../support/page.js";
import { apiPath, request } from "../support/rest.js";
import { loadStyle } from "../support/style.js";
import { setUpDragging } from "./dragging.js";
import { schemaForm } from "./schema_form.js";

/** @typedef {Omit<PlanStep, "status">} EditedStep */
/** @typedef {{name: string, enabled: boolean, arguments: import("./schema_form.js").Schema}} Tool */

/**
 * @typedef {object} Editor
 * @property {string} run
 * @property {number} revision
 * @property {HTMLElement} box
 * @property {HTMLElement} form
 * @property {EditedStep[]} steps
 * @property {EditedStep[] | null} sent
 * @property {EditedStep | null} open  The step that is unfolded.
 */

/** By name, fetched for the first plan. @type {Map<string, Tool> | null} */
let tools = null;
/** @type {Editor | null} */
let current = null;

/**
 * Opens the editor, unless the plan was decided on while its parts were loaded.
 * @type {(run: Run, box: HTMLElement, save: (frame: EditPlanRequest) => boolean) => Promise<void>}
 */
export async function openEditor(run, box, save) {
  await loadStyle(new URL("./editor.css", import.meta.url));
  tools ??= await fetchTools();
  if (!tools) {
    showAlert("The server could not be reached; the plan cannot be edited right now.");
    return;
  }
  if (!run.asks) return;
  const form = clone("editor");
  const steps = run.steps.map(editedStep);
  const editor = { run: run.run, revision: run.plan_revision, box, form, steps, sent: null, open: steps[0] ?? null };
  current = editor;
  slot(box, "run-editor").replaceChildren(form);
  fillTools(form, tools);
  render(editor);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(editor, save);
  });
  form.addEventListener("click", (event) => onClick(editor, closest(event, "[data-move]")));
  setUpDragging(stepList(editor), (from, to) => moveStep(editor, from, to));
  focusOn(editor, 0, "unfold");
  form.scrollIntoView({ block: "start" });
}

/**
 * @param {Step} step
 * @returns {EditedStep}
 */
function editedStep({ id, type, tool, description, arguments: values, depends_on: dependencies }) {
  return structuredClone({
    id, type, tool: tool || null, description, arguments: values, depends_on: dependencies,
  });
}

async function fetchTools() {
  const response = await request("GET", apiPath("projects", page.project_id, "tools"));
  if (!response?.ok) return null;
  /** @type {Tool[]} */
  const list = response.body.results ?? response.body;
  return new Map(list.map((tool) => [tool.name, tool]));
}

export function closeEditor() {
  current?.form.remove();
  current?.box.focus();
  current = null;
}

/** @type {(form: HTMLElement, tools: Map<string, Tool>) => void} */
function fillTools(form, tools) {
  /** @type {HTMLSelectElement} */
  const select = slot(form, "editor-tool");
  for (const { name, enabled } of tools.values()) {
    if (enabled) select.add(new Option(withSpaces(name), name));
  }
}

/** @type {(editor: Editor, save: (frame: EditPlanRequest) => boolean) => void} */
function submit(editor, save) {
  showError(editor, "");
  for (const node of findAll(editor.form, '[data-slot="edit-problem"]')) node.hidden = true;
  const { run, revision } = editor;
  const steps = structuredClone(editor.steps);
  editor.sent = steps;
  saveButton(editor).disabled = save({ type: "edit_plan", run, plan_revision: revision, steps });
}

/** @type {(editor: Editor, text: string) => void} */
const showError = ({ form }, text) => setText(form, "editor-error", text);

/** @type {(editor: Editor) => HTMLButtonElement} */
const saveButton = ({ form }) => slot(form, "editor-save");

/** @type {(editor: Editor) => HTMLElement} */
const stepList = ({ form }) => slot(form, "editor-steps");

// -- replies of the server --------------------------------------------------------------------------

/** A text by which two lists of steps are compared. @param {EditedStep[] | Step[]} steps */
const contentOf = (steps) =>
  JSON.stringify(steps.map((step) => [step.id, step.description, step.arguments, step.depends_on]));

/**
 * The run has another plan, or no longer waits. Closes its editor, unless somebody else changed the
 * plan. Returns whether the edits made here are lost.
 * @param {Run} run
 */
export function handlePlanEvent(run) {
  if (current?.run !== run.run) return false;
  const isNewer = run.plan_revision > current.revision;
  const isOwn = current.sent !== null && contentOf(current.sent) === contentOf(run.steps);
  const isOver = !run.asks;
  if (isOver || (isOwn && isNewer)) closeEditor();
  else if (isNewer) warnOfOther(current, run);
  return isOver;
}

/** @type {(editor: Editor, run: Run) => void} */
function warnOfOther(editor, run) {
  editor.revision = run.plan_revision;
  saveButton(editor).disabled = false;
  showError(editor, "Someone else edited this plan. Saving will overwrite their changes.");
}

/** Returns whether the refusal was shown here. @param {RejectedFrame} frame */
export function handleRefusal({ code, error }) {
  if (!current?.sent || !["invalid_plan", "stale_plan", "not_active"].includes(code)) return false;
  current.sent = null;
  saveButton(current).disabled = false;
  if (code === "invalid_plan") showProblems(current, error);
  return code !== "not_active";
}

/**
 * Shows each part of an error such as "step s1: title: Field required; step s2: …" at its step.
 * @type {(editor: Editor, error: string) => void}
 */
function showProblems(editor, error) {
  const others = error.split(/; (?=step |plan:)/).filter((part) => !showProblem(editor, part));
  const text = others.map((part) => withStepNumbers(editor, part)).join("; ");
  showError(editor, others.length ? text : "This plan is not valid.");
  const index = [...stepList(editor).children].findIndex((row) => !slot(row, "edit-problem").hidden);
  if (index >= 0) unfold(editor, editor.steps[index]);
}

/** Returns whether a step was found for the problem. @type {(editor: Editor, part: string) => boolean} */
function showProblem(editor, part) {
  const [, id, problem] = /^step ([^:]+): ([^]*)$/.exec(part) ?? [];
  const index = editor.steps.findIndex((step) => step.id === id);
  if (index < 0) return false;
  const row = stepList(editor).children[index];
  const box = slot(row, "edit-problem");
  const text = withStepNumbers(editor, problem);
  setText(row, "edit-problem", box.hidden ? text : `${box.textContent}; ${text}`);
  return true;
}

/** A person sees the steps' numbers, and the server names their ids. @type {(editor: Editor, text: string) => string} */
const withStepNumbers = ({ steps }, text) =>
  steps.reduce((result, { id }, index) => {
    const name = new RegExp(`\\b${id.replace(/\W/g, "\\$&")}\\b`, "g");
    return result.replace(name, `step ${index + 1}`);
  }, text);

// -- rendering --------------------------------------------------------------------------------------

/** @param {Editor} editor */
function render(editor) {
  stepList(editor).replaceChildren(...editor.steps.map((step, index) => stepRow(editor, step, index)));
  unfold(editor, editor.open);
}

/** Shows the fields of one step, or of none. @type {(editor: Editor, step: EditedStep | null) => void} */
function unfold(editor, step) {
  editor.open = step;
  for (const [index, row] of [...stepList(editor).children].entries()) {
    const isOpen = editor.steps[index] === step;
    find(row, ".editor-body")?.remove();
    setAttribute(slot(row, "edit-head"), "aria-expanded", isOpen);
    if (!isOpen) continue;
    slot(row, "edit-problem").before(stepBody(editor, editor.steps[index], index));
    row.scrollIntoView({ block: "nearest" });
  }
}

/** What a step without a tool does. @type {Record<string, string>} */
const KINDS = { compose: "compose", ask: "ask a question", answer: "answer" };

/**
 * Returns the schema of a composition's arguments: what the model is told, and each of its inputs.
 * @type {(step: EditedStep) => import("./schema_form.js").Schema}
 */
function composition(step) {
  const text = { type: "string" };
  const inputs = Object.entries(isObject(step.arguments.inputs) ? step.arguments.inputs : {});
  const named = Object.fromEntries(inputs.map(([name, value]) => [name, typeof value === "string" ? text : {}]));
  return {
    properties: {
      instruction: { ...text, maxLength: 2_000 },
      inputs: { type: "object", properties: named, required: Object.keys(named) },
      returns: { ...text, description: "“text”, or the argument of a tool, such as “create_tasks.tasks”." },
    },
    required: ["instruction", "inputs", "returns"],
  };
}

/** @type {(editor: Editor, step: EditedStep, index: number) => HTMLElement} */
function stepRow(editor, step, index) {
  const row = clone("editor-step");
  setText(row, "edit-number", index + 1);
  setText(row, "edit-line", step.description);
  setText(row, "edit-tool", step.tool === null ? KINDS[step.type] : withSpaces(step.tool));
  setUpButtons(editor, row, index);
  return row;
}

/** @type {(editor: Editor, step: EditedStep, index: number) => HTMLElement} */
function stepBody(editor, step, index) {
  const body = clone("editor-body");
  /** @type {HTMLInputElement} */
  const description = slot(body, "edit-description");
  description.value = step.description;
  description.addEventListener("input", () => {
    step.description = description.value;
    setText(stepList(editor).children[index], "edit-line", description.value);
  });
  const schema = step.type === "compose" ? composition(step) : tools?.get(step.tool ?? "")?.arguments;
  if (schema) {
    /** @param {JsonObject} values */
    const onChange = (values) => {
      step.arguments = values;
    };
    const describe = (/** @type {Placeholder} */ placeholder) => placeholderText(editor, placeholder);
    slot(body, "edit-fields").append(schemaForm(schema, step.arguments, onChange, describe));
  }
  fillDependencies(editor, slot(body, "edit-needs"), index);
  return body;
}

/** @type {(editor: Editor, row: HTMLElement, index: number) => void} */
function setUpButtons(editor, row, index) {
  const last = editor.steps.length - 1;
  /** @type {Record<string, boolean>} */
  const isDisabled = { up: index === 0, down: index === last, drop: last === 0 };
  /** @type {HTMLButtonElement[]} */
  const buttons = findAll(row, "[data-move]");
  for (const button of buttons) {
    button.dataset.at = String(index);
    if (button.dataset.move === "unfold") continue; // named by its step
    button.setAttribute("aria-label", `${button.textContent} step ${index + 1}`);
    button.disabled = isDisabled[button.dataset.move ?? ""];
  }
}

/** @typedef {import("./schema_form.js").Placeholder} Placeholder */

/** @type {(editor: Editor, placeholder: Placeholder) => string} */
function placeholderText({ steps }, { $from: source, path }) {
  const number = steps.findIndex(({ id }) => id === source) + 1;
  return `${withSpaces(path)} of ${number ? `step ${number}` : "a removed step"}`;
}

/** @type {(editor: Editor, box: HTMLElement, index: number) => void} */
function fillDependencies({ steps }, box, index) {
  const step = steps[index];
  box.hidden = index === 0;
  for (const [number, { id }] of steps.slice(0, index).entries()) {
    const label = document.createElement("label");
    const check = Object.assign(document.createElement("input"), { type: "checkbox" });
    check.checked = step.depends_on.includes(id);
    check.addEventListener("change", () => {
      const others = step.depends_on.filter((other) => other !== id);
      step.depends_on = check.checked ? [...others, id] : others;
    });
    label.append(check, `step ${number + 1}`);
    box.append(label);
  }
}

// -- changing the list ------------------------------------------------------------------------------

/** @type {(editor: Editor, button: HTMLElement | null) => void} */
function onClick(editor, button) {
  if (!button) return;
  const index = Number(button.dataset.at);
  const action = button.dataset.move;
  if (action === "leave") closeEditor();
  else if (!isReadable(editor)) return;
  else if (action === "unfold") unfold(editor, editor.steps[index] === editor.open ? null : editor.steps[index]);
  else if (action === "add") addStep(editor);
  else if (action === "drop") removeStep(editor, index);
  else moveStep(editor, index, index + (action === "up" ? -1 : 1));
}

/** What is no value is in its field only, and would be lost with it. @param {Editor} editor */
function isReadable({ form }) {
  /** @type {HTMLInputElement[]} */
  const fields = findAll(form, ":invalid:is(input, textarea)");
  const wrong = fields.find(({ validity }) => validity.customError);
  wrong?.reportValidity();
  return !wrong;
}

/** @param {Editor} editor */
function addStep(editor) {
  const { value: tool } = /** @type {HTMLSelectElement} */ (slot(editor.form, "editor-tool"));
  const ids = new Set(editor.steps.map(({ id }) => id));
  let number = editor.steps.length + 1;
  while (ids.has(`s${number}`)) number += 1;
  const description = tool[0].toUpperCase() + withSpaces(tool.slice(1));
  editor.open = { id: `s${number}`, type: "tool", tool, description, arguments: {}, depends_on: [] };
  editor.steps.push(editor.open);
  render(editor);
  stepList(editor).lastElementChild?.querySelector("input")?.focus();
}

/** @type {(editor: Editor, index: number) => void} */
function removeStep(editor, index) {
  const { steps } = editor;
  const [{ id }] = steps.splice(index, 1);
  for (const step of steps) step.depends_on = step.depends_on.filter((other) => other !== id);
  render(editor);
  focusOn(editor, Math.min(index, steps.length - 1), "drop");
}

/** @type {(editor: Editor, from: number, to: number) => void} */
function moveStep(editor, from, to) {
  const [step] = editor.steps.splice(from, 1);
  editor.steps.splice(to, 0, step);
  removeLaterDependencies(editor);
  render(editor);
  focusOn(editor, to, to < from ? "up" : "down");
}

/**
 * A step cannot depend on a later one. A dependency stays all the same where the step takes a part of
 * the result, so that the server names the problem.
 * @param {Editor} editor
 */
function removeLaterDependencies({ steps }) {
  steps.forEach((step, index) => {
    const earlier = new Set(steps.slice(0, index).map(({ id }) => id));
    const sources = sourcesOf(step.arguments);
    step.depends_on = step.depends_on.filter((id) => earlier.has(id) || sources.includes(id));
  });
}

/**
 * Returns the ids of the steps of whose results a value takes parts.
 * @param {unknown} value
 * @returns {string[]}
 */
function sourcesOf(value) {
  if (Array.isArray(value)) return value.flatMap(sourcesOf);
  if (!isObject(value)) return [];
  return Object.hasOwn(value, "$from") ? [value.$from] : Object.values(value).flatMap(sourcesOf);
}

/** @type {(editor: Editor, index: number, action: string) => void} */
function focusOn(editor, index, action) {
  const row = stepList(editor).children[index];
  /** @type {HTMLButtonElement | null} */
  const button = row.querySelector(`[data-move="${action}"]`);
  (!button || button.disabled ? slot(row, "edit-head") : button).focus();
}
