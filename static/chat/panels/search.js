// What the panels show: the filter of tasks works in the page, which loads all of them for it, the search
// in memories on the server. Loaded with the first use.

import { find, setText, slot } from "../support/dom.js";
import { isReady } from "../support/labels.js";
import { page } from "../support/page.js";
import { apiPath, request } from "../support/rest.js";
import { fresh, hidden, tasks } from "./board.js";

const NUMBER = /^#\d+$/; // means exactly this task, also where a title contains it
const TYPING_PAUSE_MS = 200; // a search begins when nothing was typed for so long
const filterForm = /** @type {HTMLFormElement} */ (document.querySelector("#task-filter form"));
const searchForm = /** @type {HTMLFormElement} */ (document.querySelector("#memory-search form"));
/** The matching memories, the best first; null without a search. @type {Memory[] | null} */
let hits = null;
/** What is marked in them. @type {RegExp | null} */
let pattern = null;
/** Called when what is searched has changed. @type {() => void} */
let onSearch = () => {};

/** @param {HTMLFormElement} form */
const detailsOf = (form) => /** @type {HTMLDetailsElement} */ (form.parentElement);

/** @type {(form: HTMLFormElement, name: string) => string} */
const valueOf = (form, name) =>
  /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value.trim().toLowerCase();

/**
 * An opened form gets the focus, unless a field in it has it already; what was typed or chosen before this
 * module came counts, too. Closing a form shows everything again.
 * @type {(details: HTMLDetailsElement, onChange: () => void) => void}
 */
export function onToggle(details, onChange) {
  onSearch = onChange;
  const form = /** @type {HTMLFormElement} */ (find(details, "form"));
  if (!details.open) form.reset();
  else if (!form.contains(document.activeElement)) find(form, '[name="text"]')?.focus();
  form.dispatchEvent(new Event("input"));
}

export const isFiltered = () => [...new FormData(filterForm).values()].some(Boolean);

/** @param {Task} task */
export function matchesFilter(task) {
  const [words, status, priority] = ["text", "status", "priority"].map((name) => valueOf(filterForm, name));
  const { title, description, assignee, labels, criteria } = task;
  const texts = [title, description, assignee, ...(labels ?? []), ...(criteria ?? []).map(({ text }) => text)];
  const text = texts.join("\n").toLowerCase();
  return (
    (!status || (status === "ready" ? isReady(task, tasks) : task.status === status)) &&
    (!priority || task.priority === priority) &&
    words.split(/\s+/).every((word) => (NUMBER.test(word) ? word === `#${task.number}` : text.includes(word)))
  );
}

async function search() {
  const words = valueOf(searchForm, "text");
  detailsOf(searchForm).toggleAttribute("data-active", Boolean(words));
  if (!words) {
    hits = pattern = null;
    onSearch();
    return;
  }
  const path = `${apiPath("projects", page.project_id, "memories")}?q=${encodeURIComponent(words)}`;
  const response = await request("GET", path);
  if (words !== valueOf(searchForm, "text")) return; // the search has changed meanwhile
  hits = response?.ok ? response.body.results : null;
  pattern = patternOf(words);
  onSearch();
}

/**
 * The server also finds other forms of a word, so a mark covers the whole word that begins with the stem.
 * @param {string} words
 */
function patternOf(words) {
  const stems = words.match(/[\p{L}\p{N}]+/gu)?.map((word) => word.replace(/(?<=....)(ing|ed|es|s)$/, ""));
  return stems ? new RegExp(`(?<![\\p{L}\\p{N}])(?:${stems.join("|")})[\\p{L}\\p{N}]*`, "giu") : null;
}

/** Whether `searchResults` are the matches of a search. */
export const isSearching = () => Boolean(valueOf(searchForm, "text")) && pattern !== null;

/**
 * The memories to show. Without the server, those that contain the words.
 * @param {Memory[]} memories
 */
export function searchResults(memories) {
  if (!isSearching()) return memories;
  if (hits === null) {
    const words = valueOf(searchForm, "text");
    return memories.filter(({ title, content }) => `${title} ${content}`.toLowerCase().includes(words));
  }
  const known = new Map(memories.map((memory) => [memory.id, memory]));
  return hits.flatMap((hit) => known.get(hit.id) ?? (isHidden(hit) ? hit : []));
}

/** Whether a found memory is one that the page doesn't know, and not one that was deleted. @param {Memory} hit */
const isHidden = ({ id }) => hidden.memories > 0 && !fresh.has(id);

/** Sets a slot's text, with marks on the matches. @type {(root: Element, name: string, text: string) => void} */
export function setMarkedText(root, name, text) {
  const node = slot(root, name);
  if (find(node, "mark")) node.textContent = "";
  setText(root, name, text);
  if (!pattern) return;
  let end = 0;
  const parts = [];
  for (const match of text.matchAll(pattern)) {
    const mark = document.createElement("mark");
    mark.textContent = match[0];
    parts.push(text.slice(end, match.index), mark);
    end = match.index + match[0].length;
  }
  if (parts.length) node.replaceChildren(...parts, text.slice(end));
}

filterForm.addEventListener("input", () => {
  detailsOf(filterForm).toggleAttribute("data-active", isFiltered());
  onSearch();
});
let timer = 0;
searchForm.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, TYPING_PAUSE_MS);
});
for (const form of [filterForm, searchForm]) {
  form.addEventListener("submit", (event) => event.preventDefault());
}
