// One task or memory opened in its place in the panel: its fields, saved as they are left, a task's
// specification, a memory's revisions. What is saved comes back as a `change` event, like any other.

import * as board from "./board.js";
import { copy } from "../support/clipboard.js";
import { attribute, clone, list, show, slot, text } from "../support/dom.js";
import { call, reason, under } from "../support/rest.js";
import { time } from "../support/clocks.js";
import { page, unsaved } from "../support/labels.js";

const root = document.getElementById("panels");
const status = document.getElementById("status");
let opened = null; // {id, object, row, box, version}: what is open; one at a time
let saving = Promise.resolve(); // one field after the other: each needs the version that the last one left

const of = (one, verb) => under(one.object === "task" ? "tasks" : "memories", one.id, verb);
const inSession = (one) => `${of(one)}?session=${page.session}`; // the change is told in its log

root.addEventListener("click", (event) => {
  const deed = event.target.closest("[data-deed]");
  if (deed) deeds[deed.dataset.deed](deed);
});

root.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !opened?.row.contains(event.target)) return;
  event.preventDefault(); // it closes this, and not the drawer around it
  const opener = slot(opened.row, "opener");
  close();
  opener.focus();
});

// Opens what the button belongs to, or closes it when it is open.
export function turn(button) {
  const row = button.closest("li");
  const other = opened?.row !== row;
  close();
  if (other) open(row, button);
}

function open(row, button) {
  const object = row.classList.contains("task") ? "task" : "memory";
  const box = clone(`${object}-detail`);
  button.setAttribute("aria-expanded", "true");
  row.append(box);
  opened = { id: row.dataset.key, object, row, box, version: null };
  const one = opened;
  box.querySelector("form")?.addEventListener("change", (event) => save(one, event.target));
  box.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
  slot(box, "more")?.addEventListener("toggle", readMore);
  fill(opened, board[object === "task" ? "tasks" : "memories"].get(opened.id));
  read(opened);
}

function close() {
  if (!opened) return;
  slot(opened.row, "opener").setAttribute("aria-expanded", "false");
  for (const field of opened.box.querySelectorAll("[name]")) save(opened, field);
  opened.box.remove();
  opened = null;
}

// An event changed the object with this id, or anything may have changed.
export function refresh(id) {
  if (!opened || (id && id !== opened.id)) return;
  if (!opened.row.isConnected) opened = null;
  else read(opened);
}

async function read(one) {
  const answer = await call("GET", of(one));
  if (!answer?.ok) return;
  one.version = answer.version;
  fill(one, answer.body);
  if (one === opened) readMore();
}

const isWritten = ({ value, dataset }) => "was" in dataset && value !== dataset.was;

// Shows what is there, but never over what somebody is writing.
function fill({ box }, object) {
  if (!object) return;
  for (const field of box.querySelectorAll("[name]")) {
    const kept = isWritten(field);
    field.dataset.was = object[field.name] ?? "";
    if (!kept) field.value = field.dataset.was;
  }
  text(box, "detail-text", object.description ?? object.content ?? "");
}

// -- saving -----------------------------------------------------------------------------------------

function save(one, field) {
  saving = saving.then(() => store(one, field));
}

async function store(one, field, again = false) {
  if (!isWritten(field)) return;
  const { name, value, dataset } = field;
  const answer = await call("PATCH", inSession(one), { body: { [name]: value }, match: one.version });
  if (answer?.status === 412 && !again) {
    const before = dataset.was;
    await read(one);
    // Somebody changed something else of it: no reason to trouble anybody.
    if (dataset.was === before) await store(one, field, true);
    else tell(one, `Meanwhile it became “${dataset.was}”. Yours is kept here; change it again to save it.`);
  } else if (answer?.ok) {
    one.version = answer.version;
    dataset.was = value;
    tell(one, "Saved.");
  } else {
    tell(one, reason(answer, unsaved));
  }
}

function tell(one, words) {
  text(one.box, "detail-note", words);
  status.textContent = words;
}

async function send(method, body) {
  const one = opened;
  const answer = await call(method, inSession(one), { body, match: one.version });
  if (answer?.ok) return;
  tell(one, reason(answer, unsaved));
  if (answer?.status === 412) read(one);
}

const deeds = {
  delete() {
    const next = opened.row.nextElementSibling ?? opened.row.previousElementSibling;
    const heir = (next && slot(next, "opener")) ?? root.querySelector("[data-open]");
    send("DELETE").then(() => heir?.focus());
  },

  async copy(button) {
    const words = await readSpecification();
    if (words === undefined) return;
    tell(opened, (await copy(words)) ? "Copied." : "The browser did not let it be copied.");
    button.focus();
  },

  use(button) {
    const { title, content, kind, category } = JSON.parse(button.value);
    send("PATCH", { title, content, kind, category });
  },
};

// -- a task's specification, what a memory said before ----------------------------------------------

function readMore() {
  if (!slot(opened.box, "more").open) return;
  if (opened.object === "task") readSpecification();
  else readRevisions();
}

async function readSpecification() {
  const body = await get("specification", "the specification was not read");
  if (body) slot(opened.box, "specification").textContent = body.specification;
  return body?.specification;
}

// Returns the body of what there is under the opened one's address, while it is the opened one.
async function get(verb, failed) {
  const one = opened;
  const answer = await call("GET", of(one, verb));
  if (one !== opened) return undefined;
  if (!answer?.ok) tell(one, reason(answer, failed));
  return answer?.ok ? answer.body : undefined;
}

async function readRevisions() {
  const body = await get("revisions", "its history was not read");
  if (!body) return;
  list(opened.box, "revisions", body.results, {
    template: "revision", key: (revision) => revision.number, fill: fillRevision,
  });
}

function fillRevision(node, revision) {
  const now = board.memories.get(opened.id);
  const { title, content, kind, category } = revision;
  const same = now && now.title === title && now.content === content && now.kind === kind;
  text(node, "revision-action", revision.action);
  text(node, "revision-by", revision.by ?? "");
  time(node, "revision-at", revision.created_at);
  text(node, "revision-content", content === title ? title : `${title}: ${content}`);
  show(node, "revision-use", !same);
  attribute(slot(node, "revision-use"), "value", JSON.stringify({ title, content, kind, category }));
}
