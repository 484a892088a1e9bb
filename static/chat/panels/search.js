// What of the panels is shown: the filter of tasks, here, and the search of memories, by the server.

import { slot, text } from "../support/dom.js";
import { call, under } from "../support/rest.js";
import { page } from "../support/labels.js";

const PAUSE_MS = 200; // a search begins when nothing was typed for so long
const filter = formOf("task-filter");
const search = formOf("memory-search");
let hits = null; // ids of found memories, the best first; none: nothing is looked for
let pattern = null; // what is marked in them

function formOf(id) {
  return document.querySelector(`#${id} form`);
}

const said = (form, name) => form.elements[name].value.trim().toLowerCase();

export function setUp(changed) {
  filter.addEventListener("input", () => {
    filter.parentElement.toggleAttribute("data-active", [...new FormData(filter).values()].some(Boolean));
    changed();
  });
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => look(changed), PAUSE_MS);
  });
  for (const form of [filter, search]) form.addEventListener("submit", (event) => event.preventDefault());
  for (const form of [filter, search]) form.parentElement.addEventListener("toggle", () => turned(form));
}

// Opened, one types at once; closed, all is shown again.
function turned(form) {
  if (form.parentElement.open) {
    form.elements.text.focus();
    return;
  }
  form.reset();
  form.dispatchEvent(new Event("input"));
}

export function isWanted(task) {
  const [words, status, priority] = ["text", "status", "priority"].map((name) => said(filter, name));
  const whole = `${task.title}\n${task.description}`.toLowerCase();
  return (
    (!status || task.status === status) &&
    (!priority || task.priority === priority) &&
    words.split(/\s+/).every((word) => whole.includes(word))
  );
}

async function look(changed) {
  const words = said(search, "text");
  search.parentElement.toggleAttribute("data-active", Boolean(words));
  if (!words) {
    hits = pattern = null;
    changed();
    return;
  }
  const path = `${under("projects", page.project_id, "memories")}?q=${encodeURIComponent(words)}`;
  const answer = await call("GET", path);
  if (words !== said(search, "text")) return; // something else is looked for by now
  hits = answer?.ok ? answer.body.results.map((one) => one.id) : null;
  pattern = patternOf(words);
  changed();
}

// The search finds other forms of a word, so a mark begins where one begins and ends where it ends.
function patternOf(words) {
  const stems = words.match(/[\p{L}\p{N}]+/gu)?.map((word) => word.replace(/(?<=....)(ing|ed|es|s)$/, ""));
  return stems ? new RegExp(`(?<![\\p{L}\\p{N}])(?:${stems.join("|")})[\\p{L}\\p{N}]*`, "giu") : null;
}

// The memories to show, of all that there are. Without the server, those that hold the words.
export function found(all) {
  const words = said(search, "text");
  if (!words || pattern === null) return all;
  if (hits === null) return all.filter((one) => `${one.title} ${one.content}`.toLowerCase().includes(words));
  const known = new Map(all.map((one) => [one.id, one]));
  return hits.filter((id) => known.has(id)).map((id) => known.get(id));
}

// Sets a slot's text, with marks where it holds what is looked for.
export function mark(root, name, value) {
  const node = slot(root, name);
  if (node.querySelector("mark")) node.textContent = "";
  text(root, name, value);
  if (!pattern) return;
  let at = 0;
  const parts = [];
  for (const match of value.matchAll(pattern)) {
    const marked = document.createElement("mark");
    marked.textContent = match[0];
    parts.push(value.slice(at, match.index), marked);
    at = match.index + match[0].length;
  }
  if (parts.length) node.replaceChildren(...parts, value.slice(at));
}
