// The list of projects and sessions: follows the frames `sidebar`. Texts and marks change at once. The
// order changes only while neither the pointer nor the focus is in the list, so that nothing moves that
// somebody is about to click.

import { clone, find, findAll, setAttribute, setText, setVisible, slot } from "./dom.js";
import { localise } from "./local_times.js";

const MAX_GROUPS = 6; // projects that are not folded
const MAX_ENTRIES = 10; // entries of a project that are not folded
const IN_USE = ":hover, :has(:focus-visible), :popover-open";

const nav = find(document, "#side");
/** The projects, as far as the frames have told. @type {Map<string, SidebarProject>} */
const known = new Map();
/** @type {SidebarFrame | null} */
let newest = null;
let isBehind = false;
/** What is there, by the ids of projects, sessions and batches. @type {Map<string, HTMLElement>} */
let nodes = new Map();

/** @param {SidebarFrame} frame */
export function showSidebar(frame) {
  if (!nav) return;
  nav.dataset.version = frame.version;
  const changed = frame.projects.filter((one) => "entries" in one);
  for (const project of changed) known.set(project.id, project);
  newest = frame;
  isBehind = true;
  for (const entry of [...changed.flatMap(({ entries }) => entries), ...frame.waiting]) mark(entry);
  for (const { id, name } of changed) nameGroup(id, name);
  setText(nav, "waiting-count", frame.count);
  arrangeUnlessInUse();
}

function arrangeUnlessInUse() {
  if (isBehind && !nav?.matches(IN_USE)) arrange();
}

nav?.addEventListener("pointerleave", () => setTimeout(arrangeUnlessInUse));
nav?.addEventListener("focusout", () => setTimeout(arrangeUnlessInUse));
nav?.addEventListener("toggle", () => setTimeout(arrangeUnlessInUse));

/** Fills what is shown of an entry, wherever it is. @param {SidebarEntry} entry */
function mark(entry) {
  for (const node of nodesOf(entry.id)) fill(node, entry);
  entry.sessions.forEach(mark);
}

/** @type {(id: string) => HTMLElement[]} */
const nodesOf = (id) => (nav ? findAll(nav, `li[data-key="${id}"]`) : []);

/** @type {(node: HTMLElement, entry: SidebarEntry) => void} */
function fill(node, entry) {
  const head = /** @type {HTMLElement} */ (node.firstElementChild);
  const label = entry.kind === "batch" ? slot(head, "name").parentElement ?? head : head;
  setText(label, "name", entry.title);
  setText(label, "note", entry.note);
  setVisible(label, "waiting", entry.state === "waiting");
  setVisible(label, "working", entry.state === "working");
  const time = /** @type {HTMLTimeElement} */ (slot(label, "at"));
  setAttribute(time, "datetime", entry.at);
  time.hidden = Boolean(entry.state) || !entry.at;
  if (entry.at) localise(time);
  if (entry.kind === "batch") setVisible(node, "older", entry.more);
  else if (head instanceof HTMLAnchorElement && nav) link(head, nav.dataset.sessionsAt, entry.id, nav.dataset.session);
}

/** @type {(node: HTMLAnchorElement, place: string | undefined, id: string, current?: string) => void} */
function link(node, place, id, current) {
  setAttribute(node, "href", `${place}${id}/`);
  if (id === current) node.setAttribute("aria-current", "page");
  else node.removeAttribute("aria-current");
}

/** @type {(id: string, name: string) => void} */
function nameGroup(id, name) {
  const node = nav && find(nav, `section[data-key="${id}"] > h2 > a`);
  if (node) node.textContent = name;
}

/** Puts everything into its place. What was unfolded and what has the focus stay so. */
function arrange() {
  if (!nav || !newest) return;
  isBehind = false;
  const focused = document.activeElement;
  nodes = new Map(findAll(nav, "[data-key]").map((node) => [node.dataset.key ?? "", node]));
  // One that no frame has told is as the page has shown it from the beginning.
  const groups = newest.projects.map((project) => known.get(project.id) ?? project);
  const waiting = slot(nav, "waiting-first");
  waiting.hidden = newest.waiting.length === 0;
  place(slot(waiting, "entries"), newest.waiting, templateOf, fill);
  place(slot(nav, "groups"), groups.slice(0, MAX_GROUPS), () => "side-project", fillGroup);
  fold(slot(nav, "more-groups"), groups.slice(MAX_GROUPS), groups.length, () => "side-project", fillGroup);
  if (focused instanceof HTMLElement && focused !== document.activeElement && nav.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

/** @type {(node: HTMLElement, group: SidebarFrame["projects"][number]) => void} */
function fillGroup(node, group) {
  if (!("entries" in group)) return;
  const { id, name, entries } = group;
  const head = /** @type {HTMLAnchorElement} */ (find(node, "h2 > a"));
  head.textContent = name;
  const { session, project, projectsAt } = nav?.dataset ?? {};
  link(head, projectsAt, id, session ? "" : project);
  place(slot(node, "entries"), entries.slice(0, MAX_ENTRIES), templateOf, fillEntry);
  const rest = entries.slice(MAX_ENTRIES);
  fold(slot(node, "more"), rest, rest.length, templateOf, fillEntry);
}

/** @type {(node: HTMLElement, entry: SidebarEntry) => void} */
function fillEntry(node, entry) {
  fill(node, entry);
  if (entry.kind === "batch") place(slot(node, "sessions"), entry.sessions, templateOf, fill);
}

/** @param {SidebarEntry} entry */
const templateOf = (entry) => (entry.kind === "batch" ? "side-batch" : "side-session");

/**
 * @template {{id: string}} Item
 * @param {HTMLElement} details
 * @param {Item[]} items
 * @param {number} number
 * @param {(item: Item) => string} template
 * @param {(node: HTMLElement, item: Item) => void} fillItem
 */
function fold(details, items, number, template, fillItem) {
  details.hidden = items.length === 0;
  setText(/** @type {HTMLElement} */ (details.firstElementChild), "number", number);
  place(slot(details, "rest"), items, template, fillItem);
}

/**
 * Makes the children of `box` those of `items`. As `setList`, but an element also comes from another box.
 * @template {{id: string}} Item
 * @param {HTMLElement} box
 * @param {Item[]} items
 * @param {(item: Item) => string} template
 * @param {(node: HTMLElement, item: Item) => void} fillItem
 */
function place(box, items, template, fillItem) {
  const unused = new Set(findAll(box, ":scope > *"));
  items.forEach((item, index) => {
    const node = nodes.get(item.id) ?? clone(template(item));
    unused.delete(node);
    setAttribute(node, "data-key", item.id);
    fillItem(node, item);
    if (box.children[index] !== node) box.insertBefore(node, box.children[index] ?? null);
  });
  for (const node of unused) node.remove();
}
