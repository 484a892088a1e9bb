// One task or memory opened in its place in the panel: its fields, saved as they are left, a task's
// specification, a memory's revisions. What is saved comes back as a `change` event, like any other.

import * as board from "./board.js";
import { copy } from "./clipboard.js";
import { attribute, clone, list, show, slot, text } from "./dom.js";
import { call, reason, under } from "./rest.js";
import { time } from "./times.js";
import { page, unsaved } from "./wording.js";

const root = document.getElementById("panels");
const status = document.getElementById("status");
let opened = null; // {id, object, row, box, version}: what is open; one at a time

const own = (verb = "") => under(opened.object === "task" ? "tasks" : "memories", opened.id, verb);
const inSession = () => `${own()}?session=${page.session}`; // the change is told in this session's log

export function setUp() {
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-open]");
    if (button) turn(button);
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
}

function turn(button) {
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
  box.querySelector("form")?.addEventListener("change", (event) => save(event.target));
  box.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
  slot(box, "revisions-box")?.addEventListener("toggle", readRevisions);
  fill(board[object === "task" ? "tasks" : "memories"].get(opened.id));
  read();
}

function close() {
  if (!opened) return;
  slot(opened.row, "opener").setAttribute("aria-expanded", "false");
  opened.box.remove();
  opened = null;
}

// An event changed the object with this id, or anything may have changed.
export function refresh(id) {
  if (!opened || (id && id !== opened.id)) return;
  if (!opened.row.isConnected) opened = null;
  else read();
}

async function read() {
  const one = opened;
  const answer = await call("GET", own());
  if (one !== opened || !answer?.ok) return;
  one.version = answer.version;
  fill(answer.body);
  if (slot(one.box, "revisions-box")?.open) readRevisions();
}

// Shows what is there, but never over what somebody is writing.
function fill(object) {
  if (!object) return;
  for (const field of opened.box.querySelectorAll("[name]")) {
    const value = object[field.name] ?? "";
    const written = "was" in field.dataset && field.value !== field.dataset.was;
    field.dataset.was = value;
    if (!written) field.value = value;
  }
  text(opened.box, "detail-text", object.description ?? object.content ?? "");
  if (opened.object === "task") text(opened.box, "specification", object.specification ?? "");
}

// -- saving -----------------------------------------------------------------------------------------

async function save(field, again = false) {
  const one = opened;
  const { name, value, dataset } = field;
  if (value === dataset.was) return;
  const answer = await call("PATCH", inSession(), { body: { [name]: value }, match: one.version });
  if (one !== opened) return;
  if (answer?.status === 412 && !again) {
    const before = dataset.was;
    await read();
    // Somebody changed something else of it: no reason to trouble anybody.
    if (one === opened && dataset.was === before) await save(field, true);
    else tell(`Meanwhile it became “${dataset.was}”. Yours is kept here; change it again to save it.`);
    return;
  }
  if (!answer?.ok) {
    tell(reason(answer, unsaved));
    return;
  }
  one.version = answer.version;
  dataset.was = value;
  tell("Saved.");
}

function tell(words) {
  text(opened.box, "detail-note", words);
  status.textContent = words;
}

async function send(method, body) {
  const one = opened;
  const answer = await call(method, inSession(), { body, match: one.version });
  if (one !== opened || answer?.ok) return;
  tell(reason(answer, unsaved));
  if (answer?.status === 412) read();
}

const deeds = {
  delete() {
    const next = opened.row.nextElementSibling ?? opened.row.previousElementSibling;
    const heir = (next && slot(next, "opener")) ?? root.querySelector("[data-open]");
    send("DELETE").then(() => heir?.focus());
  },

  async copy(button) {
    const copied = await copy(slot(opened.box, "specification").textContent);
    tell(copied ? "Copied." : "The browser did not let it be copied.");
    button.focus();
  },

  use(button) {
    const { title, content, kind, category } = JSON.parse(button.value);
    send("PATCH", { title, content, kind, category });
  },
};

// -- what a memory said before ----------------------------------------------------------------------

async function readRevisions() {
  const one = opened;
  if (!slot(one.box, "revisions-box").open) return;
  const answer = await call("GET", own("revisions"));
  if (one !== opened) return;
  if (!answer?.ok) {
    tell(reason(answer, "its history was not read"));
    return;
  }
  const revisions = answer.body.results ?? answer.body;
  list(one.box, "revisions", [...revisions].sort((a, b) => b.number - a.number), {
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
