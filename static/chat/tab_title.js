// Tells somebody who looks elsewhere: the title and the icon of the tab, and, for those who switched
// it on, a notification when a plan waits or a long run is over.

import { debug } from "./support/debug.js";
import { line, page } from "./support/labels.js";

const LONG_MS = 20_000; // shorter runs are over before one has gone away
const STORE = "samurai.notify";
const heading = document.getElementById("title");
const icon = document.querySelector('link[rel="icon"]');
const button = document.getElementById("notify");
const PREFIX = { working: "… ", waiting: "? ", done: "✓ ", failed: "✗ " };
let unseen = ""; // how the latest run ended that ended while nobody looked

function stateOf(runs) {
  if (runs.some((run) => run.status === "waiting" && run.asks)) return "waiting";
  if (runs.length) return "working";
  return unseen;
}

// Shows what is going on with `active`, the unfinished runs.
export function showState(active) {
  const state = stateOf(active);
  const title = `${PREFIX[state] ?? ""}${heading.textContent} · ${page.project}`;
  if (document.title !== title) document.title = title;
  const href = icon.dataset[state || "idle"];
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

// Hears of each event of a run.
export function hear(frame, run) {
  if (!document.hidden) return;
  const over = ["complete", "error"].includes(frame.type);
  if (over) unseen = frame.type === "complete" ? "done" : "failed";
  if (over && Date.parse(frame.timestamp) - Date.parse(run.started_at) > LONG_MS) notify(run);
  if (frame.type === "run" && run.status === "waiting") notify(run);
}

function notify(run) {
  if (!isOn()) return;
  // One for each run: the next one about it takes its place.
  try {
    const note = new Notification(heading.textContent, { body: line(run), tag: run.run });
    note.addEventListener("click", () => {
      focus();
      note.close();
    });
  } catch (error) {
    debug("no notification", error); // phones allow them to service workers only
  }
}

// -- the switch -------------------------------------------------------------------------------------

function isOn() {
  try {
    return Notification.permission === "granted" && localStorage.getItem(STORE) === "1";
  } catch {
    return false;
  }
}

function showSwitch() {
  button.setAttribute("aria-pressed", String(isOn()));
}

async function turn(complain) {
  const on = !isOn();
  if (on && (await Notification.requestPermission()) !== "granted") {
    complain("The browser blocks notifications of this site; its settings can allow them.");
    return;
  }
  localStorage.setItem(STORE, on ? "1" : "0");
  showSwitch();
}

export function setUp({ active, complain }) {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unseen = "";
    showState(active());
  });
  showState(active());
  // Not there without TLS, except on this machine.
  if (!button || !("Notification" in window) || !isSecureContext) return;
  button.hidden = false;
  button.addEventListener("click", () => turn(complain));
  showSwitch();
}
