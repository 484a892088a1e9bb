// What the panels show: the filter of tasks works in the page, the search in memories on the server.

import { find, setText, slot } from "../support/dom.js";
import { page } from "../support/page.js";
import { apiPath, request } from "../support/rest.js";

const TYPING_PAUSE_MS = 200; // a search begins when nothing was typed for so long
const filterForm = /** @type {HTMLFormElement} */ (document.querySelector("#task-filter form"));
const searchForm = /** @type {HTMLFormElement} */ (document.querySelector("#memory-search form"));
/** Ids of the matching memories, the best first; null without a search. @type {string[] | null} */
let hits = null;
/** What is marked in them. @type {RegExp | null} */
let pattern = null;

/** @param {HTMLFormElement} form */
const detailsOf = (form) => /** @type {HTMLDetailsElement} */ (form.parentElement);

/** @type {(form: HTMLFormElement, name: string) => string} */
const valueOf = (form, name) =>
  /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value.trim().toLowerCase();

/** @param {() => void} onChange */
export function setUpSearch(onChange) {
  filterForm.addEventListener("input", () => {
    const isActive = [...new FormData(filterForm).values()].some(Boolean);
    detailsOf(filterForm).toggleAttribute("data-active", isActive);
    onChange();
  });
  let timer = 0;
  searchForm.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => search(onChange), TYPING_PAUSE_MS);
  });
  for (const form of [filterForm, searchForm]) {
    form.addEventListener("submit", (event) => event.preventDefault());
    detailsOf(form).addEventListener("toggle", () => onToggle(form));
  }
}

/** An opened form gets the focus; closing it shows everything again. @param {HTMLFormElement} form */
function onToggle(form) {
  if (detailsOf(form).open) {
    find(form, '[name="text"]')?.focus();
    return;
  }
  form.reset();
  form.dispatchEvent(new Event("input"));
}

/** @param {Task} task */
export function matchesFilter(task) {
  const [words, status, priority] = ["text", "status", "priority"].map((name) => valueOf(filterForm, name));
  const text = `${task.title}\n${task.description}`.toLowerCase();
  return (
    (!status || task.status === status) &&
    (!priority || task.priority === priority) &&
    words.split(/\s+/).every((word) => text.includes(word))
  );
}

/** @param {() => void} onChange */
async function search(onChange) {
  const words = valueOf(searchForm, "text");
  detailsOf(searchForm).toggleAttribute("data-active", Boolean(words));
  if (!words) {
    hits = pattern = null;
    onChange();
    return;
  }
  const path = `${apiPath("projects", page.project_id, "memories")}?q=${encodeURIComponent(words)}`;
  const response = await request("GET", path);
  if (words !== valueOf(searchForm, "text")) return; // the search has changed meanwhile
  hits = response?.ok ? response.body.results.map((/** @type {Memory} */ { id }) => id) : null;
  pattern = patternOf(words);
  onChange();
}

/**
 * The server also finds other forms of a word, so a mark covers the whole word that begins with the stem.
 * @param {string} words
 */
function patternOf(words) {
  const stems = words.match(/[\p{L}\p{N}]+/gu)?.map((word) => word.replace(/(?<=....)(ing|ed|es|s)$/, ""));
  return stems ? new RegExp(`(?<![\\p{L}\\p{N}])(?:${stems.join("|")})[\\p{L}\\p{N}]*`, "giu") : null;
}

/**
 * The memories to show. Without the server, those that contain the words.
 * @param {Memory[]} memories
 */
export function searchResults(memories) {
  const words = valueOf(searchForm, "text");
  if (!words || pattern === null) return memories;
  if (hits === null) {
    return memories.filter(({ title, content }) => `${title} ${content}`.toLowerCase().includes(words));
  }
  const known = new Map(memories.map((memory) => [memory.id, memory]));
  return hits.flatMap((id) => known.get(id) ?? []);
}

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
