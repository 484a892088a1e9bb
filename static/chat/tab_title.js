// For a reader who looks elsewhere: the title and the icon of the tab and, where they are switched on,
// notifications when a plan waits or a long run is over.

import { showAlert } from "./support/alert.js";
import { debug } from "./support/debug.js";
import { byId } from "./support/dom.js";
import { ownKey, page } from "./support/page.js";
import { statusLine } from "./transcript/run_labels.js";

/** @typedef {"working" | "waiting" | "done" | "failed" | ""} TabState */

const LONG_RUN_MS = 20_000; // shorter runs are over before the reader has gone away
const STORE = ownKey("notify");
const heading = byId("title");
const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
const button = byId("notify");
/** @type {Record<TabState, string>} */
const PREFIXES = { working: "… ", waiting: "? ", done: "✓ ", failed: "✗ ", "": "" };
/** How the latest run ended that ended while nobody looked. @type {TabState} */
let unseen = "";

/**
 * @param {Run[]} runs
 * @returns {TabState}
 */
function stateOf(runs) {
  if (runs.some((run) => run.status === "waiting" && run.asks)) return "waiting";
  return runs.length ? "working" : unseen;
}

/** @param {Run[]} activeRuns */
export function updateTab(activeRuns) {
  const state = stateOf(activeRuns);
  const title = `${PREFIXES[state]}${heading.textContent} · ${page.project}`;
  if (document.title !== title) document.title = title;
  const href = icon.dataset[state || "idle"] ?? "";
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

/** @type {(frame: EventFrame, run: Run) => void} */
export function handleRunEvent(frame, run) {
  if (!document.hidden) return;
  const isOver = ["complete", "error"].includes(frame.type);
  if (isOver) unseen = frame.type === "complete" ? "done" : "failed";
  if (isOver && Date.parse(frame.timestamp) - Date.parse(run.started_at) > LONG_RUN_MS) notify(run);
  if (frame.type === "run" && run.status === "waiting") notify(run);
}

/** @param {Run} run */
function notify(run) {
  if (!isOn()) return;
  try {
    // The tag makes the next notification about the run replace this one.
    const options = { body: statusLine(run), tag: run.run };
    const notification = new Notification(heading.textContent ?? "", options);
    notification.addEventListener("click", () => {
      focus();
      notification.close();
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

function updateSwitch() {
  button.setAttribute("aria-pressed", String(isOn()));
}

async function toggle() {
  const on = !isOn();
  if (on && (await Notification.requestPermission()) !== "granted") {
    showAlert("The browser blocks notifications from this site. Allow them in its settings.");
    return;
  }
  localStorage.setItem(STORE, on ? "1" : "0");
  updateSwitch();
}

/** @param {() => Run[]} activeRuns */
export function setUpTab(activeRuns) {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unseen = "";
    updateTab(activeRuns());
  });
  updateTab(activeRuns());
  // Browsers offer notifications over TLS, and on this machine.
  if (!button || !("Notification" in window) || !isSecureContext) return;
  button.hidden = false;
  button.addEventListener("click", toggle);
  updateSwitch();
}
