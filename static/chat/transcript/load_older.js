// Earlier parts of a long session, fetched as HTML when one comes near them; what is still missing is a
// gap. What one looks at stays where it is while they come.

import { addCopyButtons } from "./copy_buttons.js";
import { localiseAll } from "../support/local_times.js";
import { openAllAsLeft } from "./open_state.js";
import { stow } from "./lazy_details.js";
import { learnChanges } from "./undo_state.js";
import { page } from "../support/labels.js";

const log = document.getElementById("log");
const entries = document.getElementById("entries");
const NEAR = "1200px"; // of the view: far enough that one rarely sees a gap
const coming = new Map(); // by gap
const observer = new IntersectionObserver(
  (seen) => seen.filter((one) => one.isIntersecting).forEach(({ target }) => fill(target)),
  { root: log, rootMargin: `${NEAR} 0px` },
);

export const gaps = () => [...entries.querySelectorAll(":scope > .gap")];

// Fetches a part of the gap: the one around the event `at`, or the one next to where one is. Returns
// whether it came.
export function fill(gap, at = null) {
  if (!coming.has(gap)) coming.set(gap, fetchPart(gap, at).finally(() => coming.delete(gap)));
  return coming.get(gap);
}

async function fetchPart(gap, at) {
  const { start, end } = gap.dataset;
  const asked = new URLSearchParams({ start, end });
  if (at !== null) asked.set("at", at);
  else if (isBelow(gap)) asked.set("early", "");
  try {
    const answer = await fetch(`${page.entries}?${asked}`, { headers: { "X-Part": "1" } });
    if (!answer.ok) return false;
    put(gap, await answer.text());
    return true;
  } catch {
    return false; // its link is still there to press
  }
}

const middle = ({ top, bottom }) => (top + bottom) / 2;

const isBelow = (gap) =>
  middle(gap.getBoundingClientRect()) > middle(log.getBoundingClientRect()) &&
  gap.previousElementSibling !== null;

function put(gap, html) {
  const parts = document.createElement("template");
  parts.innerHTML = html;
  localiseAll(parts.content);
  addCopyButtons(parts.content);
  openAllAsLeft(parts.content);
  learnChanges(parts.content);
  stow(parts.content);
  loosen(parts.content);
  const { top } = log.getBoundingClientRect();
  const held = [...entries.children].find(
    (one) => one !== gap && one.getBoundingClientRect().bottom > top,
  );
  const before = held?.getBoundingClientRect().top;
  log.dataset.inserting = ""; // the browser does not move the view as well
  gap.replaceWith(parts.content);
  if (held) log.scrollTop += held.getBoundingClientRect().top - before;
  requestAnimationFrame(() => delete log.dataset.inserting);
  watchGaps();
}

// A button that names its form is looked up among all others that do, for each that comes: with
// thousands of them, seconds. It is bound to its form when it is pressed.
function loosen(root) {
  for (const button of root.querySelectorAll("button[form]")) {
    button.dataset.form = button.getAttribute("form");
    button.removeAttribute("form");
  }
}

function press(button) {
  button.setAttribute("form", button.dataset.form);
  delete button.dataset.form;
  button.form.requestSubmit(button);
}

function watchGaps() {
  observer.disconnect();
  for (const gap of gaps()) observer.observe(gap);
}

export function setUpOlder() {
  watchGaps();
  entries.addEventListener("click", (event) => {
    const button = event.target.closest("[data-form]");
    if (button) press(button);
    const gap = event.target.closest(".gap");
    if (!gap || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    fill(gap);
  });
}
