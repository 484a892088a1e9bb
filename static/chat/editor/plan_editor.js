// Editing a plan that waits: order, arguments, what comes after what; steps dropped and added. The
// server checks it like a model's plan; what is wrong is shown at its step. Sends and reads no frames.

import { clone, slot, text } from "../support/dom.js";
import { isObject, objectForm } from "./schema_form.js";
import { call } from "../support/rest.js";

let tools = null; // each by name, as the API lists them, fetched for the first plan
let open = null; // {run, revision, box, form, steps, sent}

export async function openEditor(run, box, { save, complain }) {
  await loadStyle();
  if (!(await fetchTools())) {
    complain("The server could not be reached; the plan cannot be edited right now.");
    return;
  }
  const steps = run.steps.map(({ id, type, tool, description, arguments: given, depends_on: needs }) =>
    structuredClone({ id, type, tool: tool || null, description, arguments: given, depends_on: needs }));
  const form = clone("editor");
  open = { run: run.run, revision: run.plan_revision, box, form, steps, sent: null };
  slot(box, "run-editor").replaceChildren(form);
  fillTools(form);
  draw();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(save);
  });
  form.addEventListener("click", (event) => click(event.target.closest("[data-move]")));
  dragging(slot(form, "editor-steps"));
  slot(form, "editor-steps").querySelector("input")?.focus();
}

let style = null;

function loadStyle() {
  style ??= new Promise((resolve) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href: new URL("./editor.css", import.meta.url) });
    link.addEventListener("load", resolve);
    link.addEventListener("error", resolve); // plain, and yet of use
    document.head.append(link);
  });
  return style;
}

async function fetchTools() {
  if (tools) return true;
  const answer = await call("GET", "/api/tools/");
  if (!answer?.ok) return false;
  tools = new Map((answer.body.results ?? answer.body).map((one) => [one.name, one]));
  return true;
}

export function closeEditor() {
  open?.form.remove();
  open?.box.focus();
  open = null;
}

function fillTools(form) {
  const select = slot(form, "editor-tool");
  for (const { name } of tools.values()) select.add(new Option(name.replaceAll("_", " "), name));
}

function submit(save) {
  complain("");
  for (const node of open.form.querySelectorAll('[data-slot="edit-problem"]')) node.hidden = true;
  open.sent = structuredClone(open.steps);
  slot(open.form, "editor-save").disabled = save({
    type: "edit_plan", run: open.run, plan_revision: open.revision, steps: open.sent,
  });
}

const complain = (words) => text(open.form, "editor-error", words);

// -- what the server says ---------------------------------------------------------------------------

const does = (steps) =>
  JSON.stringify(steps.map((one) => [one.id, one.description, one.arguments, one.depends_on]));

// The run has another plan, or waits no more. Its editor closes, unless somebody else changed the plan.
// Returns whether what was edited here is lost by that.
export function hearOfPlan(run) {
  if (open?.run !== run.run) return false;
  const mine = open.sent && does(open.sent) === does(run.steps);
  const over = !run.asks;
  if (over || (mine && run.plan_revision > open.revision)) closeEditor();
  else if (run.plan_revision > open.revision) tellOfOther(run);
  return over;
}

function tellOfOther(run) {
  open.revision = run.plan_revision;
  slot(open.form, "editor-save").disabled = false;
  complain("Somebody else has changed the plan meanwhile. What you save now takes the place of theirs.");
}

// Returns whether the refusal was about the plan that is being edited.
export function hearRefusal({ code, error }) {
  if (!open?.sent || !["invalid_plan", "stale_plan", "not_active"].includes(code)) return false;
  open.sent = null;
  slot(open.form, "editor-save").disabled = false;
  if (code === "invalid_plan") showProblems(error);
  else if (code === "not_active") return false;
  return true;
}

// "step s1: title: Field required; step s2: …", each to its step.
function showProblems(error) {
  const rest = error.split(/; (?=step |plan:)/).filter((one) => {
    const [, id, words] = /^step ([^:]+): ([^]*)$/.exec(one) ?? [];
    const at = open.steps.findIndex((step) => step.id === id);
    if (at < 0) return true;
    const row = slot(open.form, "editor-steps").children[at];
    const box = slot(row, "edit-problem");
    text(row, "edit-problem", box.hidden ? named(words) : `${box.textContent}; ${named(words)}`);
    return false;
  });
  complain(rest.length ? rest.map(named).join("; ") : "The plan cannot be carried out like this.");
  open.form.querySelector('[data-slot="edit-problem"]:not([hidden])')?.scrollIntoView({ block: "nearest" });
}

// Steps go by their number here, not by the id that the server knows them by.
const named = (words) =>
  open.steps.reduce(
    (all, { id }, at) => all.replace(new RegExp(`\\b${id.replace(/\W/g, "\\$&")}\\b`, "g"), `step ${at + 1}`),
    words,
  );

// -- drawing ----------------------------------------------------------------------------------------

function draw() {
  slot(open.form, "editor-steps").replaceChildren(...open.steps.map(drawStep));
}

function drawStep(step, at) {
  const row = clone("editor-step");
  const number = at + 1;
  text(row, "edit-number", `Step ${number}`);
  text(row, "edit-tool", step.tool?.replaceAll("_", " ") ?? (step.type === "ask" ? "ask back" : "answer"));
  const last = open.steps.length - 1;
  for (const button of row.querySelectorAll("[data-move]")) {
    button.dataset.at = at;
    button.setAttribute("aria-label", `${button.textContent} step ${number}`);
    button.disabled = { up: at === 0, down: at === last, drop: last === 0 }[button.dataset.move];
  }
  const description = slot(row, "edit-description");
  description.value = step.description;
  description.addEventListener("input", () => (step.description = description.value));
  const tool = tools.get(step.tool);
  if (tool) {
    const changed = (values) => (step.arguments = values);
    slot(row, "edit-fields").append(objectForm(tool.arguments, step.arguments, { says, changed }));
  }
  drawNeeds(slot(row, "edit-needs"), step, at);
  return row;
}

const numberOf = (id) => open.steps.findIndex((one) => one.id === id) + 1;

function says({ $from: from, path }) {
  const number = numberOf(from);
  return `${path.replaceAll("_", " ")} of ${number ? `step ${number}` : "a step that is gone"}`;
}

function drawNeeds(box, step, at) {
  box.hidden = at === 0;
  for (const [before, other] of open.steps.slice(0, at).entries()) {
    const label = document.createElement("label");
    const check = Object.assign(document.createElement("input"), { type: "checkbox" });
    check.checked = step.depends_on.includes(other.id);
    check.addEventListener("change", () => {
      const others = step.depends_on.filter((id) => id !== other.id);
      step.depends_on = check.checked ? [...others, other.id] : others;
    });
    label.append(check, `step ${before + 1}`);
    box.append(label);
  }
}

// -- changing the list ------------------------------------------------------------------------------

function click(button) {
  if (!button) return;
  const at = Number(button.dataset.at);
  const { move: kind } = button.dataset;
  if (kind === "leave") return closeEditor();
  if (kind === "add") add(slot(open.form, "editor-tool").value);
  else if (kind === "drop") drop(at);
  else move(at, at + (kind === "up" ? -1 : 1));
}

const sentence = (tool) => tool[0].toUpperCase() + tool.slice(1).replaceAll("_", " ");

function add(tool) {
  const ids = new Set(open.steps.map((one) => one.id));
  let number = open.steps.length + 1;
  while (ids.has(`s${number}`)) number += 1;
  open.steps.push({
    id: `s${number}`, type: "tool", tool, description: sentence(tool), arguments: {}, depends_on: [],
  });
  draw();
  slot(open.form, "editor-steps").lastElementChild.querySelector("input").focus();
}

function drop(at) {
  const [{ id }] = open.steps.splice(at, 1);
  for (const one of open.steps) one.depends_on = one.depends_on.filter((need) => need !== id);
  draw();
  focusOn(Math.min(at, open.steps.length - 1), "drop");
}

function move(from, to) {
  const [step] = open.steps.splice(from, 1);
  open.steps.splice(to, 0, step);
  keepOrder();
  draw();
  focusOn(to, to < from ? "up" : "down");
}

// What stands before another step cannot wait for it, unless it takes a part of its result.
function keepOrder() {
  open.steps.forEach((step, at) => {
    const earlier = new Set(open.steps.slice(0, at).map((one) => one.id));
    const taken = sources(step.arguments);
    step.depends_on = step.depends_on.filter((id) => earlier.has(id) || taken.includes(id));
  });
}

function sources(value) {
  if (Array.isArray(value)) return value.flatMap(sources);
  if (!isObject(value)) return [];
  return Object.hasOwn(value, "$from") ? [value.$from] : Object.values(value).flatMap(sources);
}

function focusOn(at, kind) {
  const row = slot(open.form, "editor-steps").children[at];
  const wanted = row.querySelector(`[data-move="${kind}"]`);
  (wanted.disabled ? slot(row, "edit-description") : wanted).focus();
}

function dragging(list) {
  let from = -1;
  const at = (event) => [...list.children].indexOf(event.target.closest("li.editor-step"));
  list.addEventListener("dragstart", (event) => {
    from = at(event);
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setDragImage(list.children[from], 0, 0);
  });
  list.addEventListener("dragover", (event) => {
    if (from < 0) return;
    event.preventDefault();
    for (const [index, row] of [...list.children].entries()) row.toggleAttribute("data-over", index === at(event));
  });
  list.addEventListener("drop", (event) => {
    event.preventDefault();
    const to = at(event);
    if (from >= 0 && to >= 0 && to !== from) move(from, to);
    from = -1;
  });
  list.addEventListener("dragend", () => {
    from = -1;
    for (const row of list.children) row.removeAttribute("data-over");
  });
}
