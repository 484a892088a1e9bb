// Addresses of a message, a run or an event: `#message-…`, `#run-…`, `#event-…`. What is not loaded yet
// is fetched; an event without a row of its own leads to the row before it.

import { gaps, fill } from "./load_older.js";
import { stay } from "./scroll.js";
import { unstow } from "./lazy_details.js";
import { page } from "../support/labels.js";

const PLACE = /^(message|run|event)-([\w-]+)$/;

export function setUpLinks(complain) {
  const follow = async () => {
    const name = location.hash.slice(1);
    if (!PLACE.test(name)) return;
    stay();
    const node = document.getElementById(name) ?? (await fetchPlace(name));
    if (node) reveal(node);
    else complain("What this link leads to is not in this session.");
  };
  addEventListener("hashchange", follow);
  follow();
}

async function fetchPlace(name) {
  const place = await whereIs(name);
  if (!place) return null;
  const seq = place.seq;
  const gap = gaps().find(({ dataset }) => seq >= dataset.start && seq < dataset.end);
  if (gap) await fill(gap, seq);
  return document.getElementById(name) ?? rowBefore(name, place.run);
}

async function whereIs(name) {
  try {
    const answer = await fetch(`${page.where}${name}/`, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function rowBefore(name, run) {
  const box = document.getElementById(`run-${run}`);
  if (box) unstow(box.querySelector("details"));
  const row = document.getElementById(name);
  if (row) return row;
  const seq = Number(PLACE.exec(name)[2]);
  const seqOf = ({ id }) => Number(id.slice("event-".length));
  const rows = [...(box?.querySelectorAll('[id^="event-"]') ?? [])].filter((one) => seqOf(one) <= seq);
  return rows.sort((a, b) => seqOf(a) - seqOf(b)).at(-1) ?? box;
}

function reveal(node) {
  for (const old of document.querySelectorAll("[data-linked]")) delete old.dataset.linked;
  for (let box = node.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  if ("run" in node.dataset) node.querySelector("details").open = true;
  node.dataset.linked = "";
  node.scrollIntoView({ block: "center" });
  node.focus({ preventScroll: true });
}
