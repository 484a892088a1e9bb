// One task or memory opened in its place in the panel: its fields, which are saved when they are left,
// a task's specification, a memory's revisions. What is saved comes back as a `change` event.

import { announce } from "../support/alert.js";
import { copy } from "../support/clipboard.js";
import { showTime } from "../support/clocks.js";
import {
  byId, clone, closest, find, findAll, findSlot, setAttribute, setList, setText, setVisible, slot,
} from "../support/dom.js";
import { UNSAVED } from "../support/labels.js";
import { page } from "../support/page.js";
import { apiPath, errorText, request } from "../support/rest.js";
import { loadStyle } from "../support/style.js";
import * as board from "./board.js";
import { asText, asValue } from "./field_values.js";

await loadStyle(new URL("./detail.css", import.meta.url));
loadMembers();

/** Fills the list of possible assignees. Without it, a user name can still be typed. */
async function loadMembers() {
  const response = await request("GET", apiPath("projects", page.project_id, "members"));
  const others = response?.ok ? response.body.results.map((/** @type {{user: string}} */ { user }) => user) : [];
  const names = [...new Set([page.user, ...others])];
  byId("members").replaceChildren(...names.map((name) => new Option(name, name)));
}

/**
 * @typedef {object} Detail
 * @property {string} id
 * @property {ObjectKind} object
 * @property {HTMLElement} row
 * @property {HTMLElement} box
 * @property {string | null} version
 * @property {Promise<void>} loaded
 * @property {Criterion[]} criteria
 * @property {string} description  Of a task, as it was loaded.
 */
/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */
/** @typedef {Pick<Memory, "title" | "content" | "kind" | "category">} MemoryFields */
/** @typedef {MemoryFields & {number: number, action: string, by: string | null, created_at: string}} Revision */

const root = byId("panels");
/** The only one that is open. @type {Detail | null} */
let current = null;
// Fields are saved one after the other: each needs the version that the last one left.
let saving = Promise.resolve();
/** What a person wrote and did not save, by object and field. @type {Map<string, {value: string, was: string}>} */
const unsaved = new Map();

/** @type {(detail: Detail, action?: string) => string} */
const pathOf = (detail, action) =>
  apiPath(detail.object === "task" ? "tasks" : "memories", detail.id, action);

/** With the session, whose log gets the change. @param {Detail} detail */
const savingPath = (detail) => `${pathOf(detail)}?session=${page.session}`;

root.addEventListener("click", (event) => {
  /** @type {HTMLButtonElement | null} */
  const button = closest(event, "[data-action]");
  if (button && current) actions[button.dataset.action ?? ""](current, button);
});

root.addEventListener("keydown", (event) => {
  const isInside = event.target instanceof Node && current?.row.contains(event.target);
  if (event.key !== "Escape" || !current || !isInside) return;
  event.preventDefault(); // closes the detail, and not the drawer around it
  const opener = slot(current.row, "opener");
  close();
  opener.focus();
});

/** Opens the row of the button, or closes it when it is open. @param {HTMLElement} button */
export function toggleDetail(button) {
  const row = /** @type {HTMLElement} */ (button.closest("li"));
  const isOther = current?.row !== row;
  close();
  if (isOther) open(row, button);
}

/** @type {(row: HTMLElement, button: HTMLElement) => void} */
function open(row, button) {
  const object = row.classList.contains("task") ? "task" : "memory";
  const box = clone(`${object}-detail`);
  button.setAttribute("aria-expanded", "true");
  row.append(box);
  /** @type {Detail} */
  const detail = {
    id: row.dataset.key ?? "", object, row, box, version: null, loaded: saving, criteria: [], description: "",
  };
  current = detail;
  const form = find(box, "form");
  form?.addEventListener("change", (event) => save(detail, /** @type {Field} */ (event.target)));
  form?.addEventListener("submit", (event) => event.preventDefault());
  findSlot(box, "criteria")?.addEventListener("change", (event) => tick(detail, event));
  findSlot(box, "more")?.addEventListener("toggle", () => loadMore(detail));
  for (const field of fieldsOf(detail)) restoreUnsaved(detail, field);
  const known = (object === "task" ? board.tasks : board.memories).get(detail.id);
  if (!known?.cut) fill(detail, known); // a part of a text is not to be edited
  detail.loaded = load(detail);
}

function close() {
  if (!current) return;
  slot(current.row, "opener").setAttribute("aria-expanded", "false");
  for (const field of fieldsOf(current)) {
    keepUnsaved(current, field);
    save(current, field);
  }
  current.box.remove();
  current = null;
}

/** Loads the open object again if it has this id; without an id, in any case. @param {string} [id] */
export function refreshDetail(id) {
  if (!current || (id && id !== current.id)) return;
  if (!current.row.isConnected) current = null;
  else load(current);
}

/** @param {Detail} detail */
async function load(detail) {
  const response = await request("GET", pathOf(detail));
  if (!response?.ok) return;
  detail.version = response.version;
  fill(detail, response.body);
  if (detail === current) loadMore(detail);
}

/**
 * @param {Detail} detail
 * @returns {Field[]}
 */
const fieldsOf = ({ box }) => findAll(box, "[name]");

/** @param {Field} field */
const isEdited = ({ value, dataset }) => dataset.was !== undefined && value !== dataset.was;

/** @type {(detail: Detail, field: Field) => string} */
const fieldKey = ({ id }, { name }) => `${id} ${name}`;

/** Keeps what is written in a field that is closed: it may be refused, or not be saved at all. @type {(detail: Detail, field: Field) => void} */
function keepUnsaved(detail, field) {
  const { value, dataset: { was = "" } } = field;
  if (isEdited(field)) unsaved.set(fieldKey(detail, field), { value, was });
}

/** @type {(detail: Detail, field: Field) => void} */
function restoreUnsaved(detail, field) {
  const kept = unsaved.get(fieldKey(detail, field));
  unsaved.delete(fieldKey(detail, field));
  if (!kept) return;
  field.value = kept.value;
  field.dataset.was = kept.was;
}

/** Shows the values, but never over what a person is writing. @type {(detail: Detail, object: any) => void} */
function fill(detail, object) {
  if (!object) return;
  for (const field of fieldsOf(detail)) fillField(field, asText(field.name, object[field.name]));
  setText(detail.box, "detail-text", object.description ?? object.content ?? "");
  detail.description = object.description ?? "";
  if (detail.object === "task") fillCriteria(detail, object.criteria ?? []);
}

/**
 * `dataset.was` is the text that a person began to write with. It stays while they write, or what somebody
 * else saves meanwhile would be overwritten; `dataset.theirs` is that text until the person is told of it.
 * @type {(field: Field, now: string) => void}
 */
function fillField(field, now) {
  const { dataset } = field;
  if (isEdited(field) && field.value !== now) {
    if (now === dataset.was) delete dataset.theirs;
    else dataset.theirs = now;
    return;
  }
  delete dataset.theirs;
  dataset.was = now;
  if (field.value !== now) field.value = now; // setting it would move the cursor
}

/** @type {(detail: Detail, criteria: Criterion[]) => void} */
function fillCriteria(detail, criteria) {
  detail.criteria = criteria;
  setList(detail.box, "criteria", criteria, {
    template: "criterion", key: ({ id }) => id, fill: (node, { id, text, done }) => {
      const input = /** @type {HTMLInputElement} */ (find(node, "input"));
      input.value = id;
      input.checked = done;
      setText(node, "criterion", text);
    },
  });
}

// -- saving -----------------------------------------------------------------------------------------

/** @type {(detail: Detail, field: Field) => void} */
function save(detail, field) {
  saving = saving.then(() => saveField(detail, field));
}

/** @type {(detail: Detail, field: Field, isRetry?: boolean) => Promise<void>} */
async function saveField(detail, field, isRetry = false) {
  await detail.loaded; // without its version the change of somebody else would be overwritten
  const { name, value, dataset } = field;
  if (!isEdited(field)) showReason(field, "");
  if (!isEdited(field) || value === dataset.refused) return;
  if (dataset.theirs !== undefined) await load(detail); // it may have been taken back
  if (dataset.theirs !== undefined) return showConflict(detail, field);
  const options = { body: { [name]: asValue(name, value) }, match: detail.version };
  const response = await request("PATCH", savingPath(detail), options);
  if (response?.status === 412 && !isRetry) {
    await load(detail); // if somebody changed another field, this is no conflict
    await saveField(detail, field, true);
  } else if (response?.ok) {
    detail.version = response.version;
    dataset.was = value;
    delete dataset.refused;
    unsaved.delete(fieldKey(detail, field));
    showReason(field, "");
    showNote(detail, "Saved.");
  } else {
    showRefusal(detail, field, errorText(response, UNSAVED));
  }
}

/** Says beside the field why its value is not saved. @type {(detail: Detail, field: Field, reason: string) => void} */
function showRefusal(detail, field, reason) {
  showReason(field, reason);
  setText(detail.box, "detail-note", "");
  announce(reason);
}

/** @type {(field: Field, reason: string) => void} */
function showReason(field, reason) {
  const id = `reason-${field.name}`;
  const known = document.getElementById(id);
  if (!reason) {
    known?.remove();
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    return;
  }
  const node = known ?? Object.assign(document.createElement("small"), { id, className: "reason", dir: "auto" });
  node.textContent = reason;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", id);
  const pair = field.closest(".pair"); // the reason has the whole line below it
  if (pair) pair.append(node);
  else field.closest("label")?.after(node);
}

/** What is written after this is saved: the person knows what it replaces. @type {(detail: Detail, field: Field) => void} */
function showConflict(detail, field) {
  const { dataset } = field;
  dataset.was = dataset.theirs;
  dataset.refused = field.value;
  delete dataset.theirs;
  showRefusal(detail, field, `Changed to “${dataset.was}” by someone else. Your text is kept; edit it to save.`);
}

/** @type {(detail: Detail, event: Event) => void} */
function tick(detail, event) {
  const { value, checked } = /** @type {HTMLInputElement} */ (event.target);
  saving = saving.then(() => saveTick(detail, value, checked));
}

/** @type {(detail: Detail, id: string, done: boolean) => Promise<void>} */
async function saveTick(detail, id, done) {
  await detail.loaded;
  const criteria = detail.criteria.map((item) => (item.id === id ? { ...item, done } : item));
  const response = await request("PATCH", savingPath(detail), { body: { criteria }, match: detail.version });
  if (response?.ok) {
    detail.version = response.version;
    fillCriteria(detail, response.body.criteria);
    showNote(detail, "Saved.");
  } else {
    showNote(detail, errorText(response, UNSAVED));
    await load(detail);
  }
}

/** @type {(detail: Detail, text: string) => void} */
function showNote(detail, text) {
  setText(detail.box, "detail-note", text);
  announce(text);
}

/** @type {(detail: Detail, method: string, body?: MemoryFields) => Promise<void>} */
async function send(detail, method, body) {
  const response = await request(method, savingPath(detail), { body, match: detail.version });
  if (response?.ok) return;
  showNote(detail, errorText(response, UNSAVED));
  if (response?.status === 412) load(detail);
}

/** @type {Record<string, (detail: Detail, button: HTMLButtonElement) => Promise<void>>} */
const actions = {
  async delete(detail) {
    const neighbour = detail.row.nextElementSibling ?? detail.row.previousElementSibling;
    const opener = (neighbour && findSlot(neighbour, "opener")) ?? find(root, "[data-open]");
    await send(detail, "DELETE");
    opener?.focus();
  },

  async copy(detail, button) {
    const text = await loadSpecification(detail);
    if (text === undefined) return;
    showNote(detail, (await copy(text)) ? "Copied." : "Copy failed: the browser blocked it.");
    button.focus();
  },

  async markdown(detail, button) {
    await saving;
    await load(detail);
    const text = taskAsMarkdown(board.tasks.get(detail.id), detail.description);
    showNote(detail, (await copy(text)) ? "Copied." : "Copy failed: the browser blocked it.");
    button.focus();
  },

  async use(detail, button) {
    const { title, content, kind, category } = JSON.parse(button.value);
    await send(detail, "PATCH", { title, content, kind, category });
  },
};

/** The task with those within it. @type {(task: Task | undefined, description: string) => string} */
function taskAsMarkdown(task, description) {
  if (!task) return "";
  const parts = board.tree(task.id).map(({ task: { title, status }, level }) =>
    `${"  ".repeat(level - 1)}- [${status === "completed" ? "x" : " "}] ${title}`);
  return [`# ${task.title}`, description, parts.join("\n")].filter(Boolean).join("\n\n");
}

// -- a task's specification, a memory's revisions ---------------------------------------------------

/** @param {Detail} detail */
function loadMore(detail) {
  /** @type {HTMLDetailsElement} */
  const more = slot(detail.box, "more");
  if (!more.open) return;
  if (detail.object === "task") loadSpecification(detail);
  else loadRevisions(detail);
}

/**
 * @param {Detail} detail
 * @returns {Promise<string | undefined>}
 */
async function loadSpecification(detail) {
  const body = await loadPart(detail, "specification", "the specification was not loaded");
  if (body) slot(detail.box, "specification").textContent = body.specification;
  return body?.specification;
}

/**
 * Returns the body of the response, unless something else was opened meanwhile.
 * @type {(detail: Detail, action: string, consequence: string) => Promise<any>}
 */
async function loadPart(detail, action, consequence) {
  const response = await request("GET", pathOf(detail, action));
  if (detail !== current) return undefined;
  if (!response?.ok) showNote(detail, errorText(response, consequence));
  return response?.ok ? response.body : undefined;
}

/** @param {Detail} detail */
async function loadRevisions(detail) {
  const body = await loadPart(detail, "revisions", "the history was not loaded");
  if (!body) return;
  const memory = board.memories.get(detail.id);
  /** @type {Revision[]} */
  const revisions = body.results;
  setList(detail.box, "revisions", revisions, {
    template: "revision", key: ({ number }) => number,
    fill: (node, revision) => fillRevision(node, revision, memory),
  });
}

/** @type {(node: HTMLElement, revision: Revision, memory: Memory | undefined) => void} */
function fillRevision(node, revision, memory) {
  const { title, content, kind, category } = revision;
  const isCurrent = memory?.title === title && memory.content === content && memory.kind === kind;
  setText(node, "revision-action", revision.action);
  setText(node, "revision-by", revision.by ?? "");
  showTime(node, "revision-at", revision.created_at);
  setText(node, "revision-content", content === title ? title : `${title}: ${content}`);
  setVisible(node, "revision-use", !isCurrent);
  setAttribute(findSlot(node, "revision-use"), "value", JSON.stringify({ title, content, kind, category }));
}
