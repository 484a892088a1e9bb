// The search dialog: results while typing, in groups, each a link. Texts are set as text, never as HTML.

import { find, findAll } from "./dom.js";
import { marked } from "./names.js";
import { api, errorText, request } from "./rest.js";
import { loadStyle } from "./style.js";

/** @typedef {{kind: string, id: string, title: string, excerpt: string, project: string, url: string}} Found */

const PAUSE = 120; // milliseconds after a key
const MAX_QUERY = 200; // characters, as chat.search.MAX_QUERY
/** @type {Record<string, string>} */
const GROUPS = {
  project: "Projects", session: "Sessions", task: "Tasks", memory: "Memories", message: "Messages",
};

/** @type {<K extends keyof HTMLElementTagNameMap>(name: K, attributes?: Record<string, string>, ...children: (Node | string)[]) => HTMLElementTagNameMap[K]} */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const input = element("input", {
  type: "search", role: "combobox", "aria-label": "Search", "aria-autocomplete": "list", autocomplete: "off",
  "aria-controls": "search-results", "aria-expanded": "false", maxlength: String(MAX_QUERY),
  placeholder: "Search projects, sessions, tasks, memories, messages", dir: "auto", spellcheck: "false",
});
const list = element("div", { id: "search-results", role: "listbox", "aria-label": "Results" });
const note = element("p", { role: "status" });
const close = element("button", { type: "button", class: "quiet" }, "Close");
const head = element("div", { class: "search-head" }, input, close);
const dialog = element("dialog", { class: "search", "aria-label": "Search" }, head, note, list);

let latest = 0;
let timer = 0;
let isCurrent = true; // what is shown was found for the text as it is

/** @param {() => string} typed what was typed meanwhile */
export async function openSearch(typed) {
  if (!dialog.isConnected) {
    document.body.append(dialog);
    await loadStyle(new URL("../search.css", import.meta.url));
  }
  if (!dialog.open) dialog.showModal();
  input.focus();
  input.select();
  if (typed()) {
    input.value = typed();
    input.dispatchEvent(new Event("input"));
  }
}

async function search() {
  const mine = ++latest;
  const text = input.value.trim();
  if (!text) return show([], "");
  const response = await request("GET", `${api}search/?q=${encodeURIComponent(text)}`);
  if (mine !== latest) return; // a later search has begun
  if (!response?.ok) return show([], errorText(response, "nothing was searched"));
  const { results } = response.body;
  show(results, results.length ? "" : "No matches.");
}

/** @type {(results: Found[], text: string) => void} */
function show(results, text) {
  isCurrent = true;
  note.textContent = text;
  const groups = Object.entries(GROUPS).map(([kind, label]) => {
    const links = results.filter((one) => one.kind === kind).map(option);
    const title = element("h2", { id: `search-${kind}`, role: "presentation" }, label);
    return links.length ? [element("div", { role: "group", "aria-labelledby": title.id }, title, ...links)] : [];
  });
  list.replaceChildren(...groups.flat());
  input.setAttribute("aria-expanded", String(results.length > 0));
  list.scrollTop = 0;
  choose(find(list, "a"));
}

/** @param {Found} found */
function option({ kind, id, title, excerpt, project, url }) {
  const link = element("a", { id: `found-${kind}-${id}`, role: "option", href: url, tabindex: "-1" });
  link.append(element("b", { dir: "auto" }, marked(title)));
  if (kind !== "project") link.append(element("small", { dir: "auto" }, marked(project)));
  if (excerpt) link.append(element("span", { dir: "auto" }, marked(excerpt)));
  return link;
}

/** @param {HTMLElement | null} link */
function choose(link) {
  for (const one of findAll(list, "a")) one.setAttribute("aria-selected", String(one === link));
  if (link) input.setAttribute("aria-activedescendant", link.id);
  else input.removeAttribute("aria-activedescendant");
  link?.scrollIntoView({ block: "nearest" });
}

/** @param {number} by */
function move(by) {
  const links = findAll(list, "a");
  const now = links.findIndex((one) => one.getAttribute("aria-selected") === "true");
  choose(links[(now + by + links.length) % links.length] ?? null);
}

const open = () => isCurrent && find(list, '[aria-selected="true"]')?.click();

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.isComposing) return;
  if (event.key === "ArrowDown") move(1);
  else if (event.key === "ArrowUp") move(-1);
  else if (event.key === "Enter") open();
  else if (event.key === "Escape") dialog.close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

input.addEventListener("input", () => {
  latest++; // what is on its way is for an earlier text
  isCurrent = false;
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE);
});
input.addEventListener("keydown", onKey);
close.addEventListener("click", () => dialog.close());
list.addEventListener("click", () => dialog.close()); // the link may lead to this page
