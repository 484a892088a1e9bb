// The number of runs that wait for the user, in the head of every page. Where no connection tells of it
// and of the sidebar, both are asked for.

import { debug } from "./debug.js";
import { findAll } from "./dom.js";
import { ownAddress } from "./page.js";

/** Milliseconds between reads on a page without a connection. */
const PAUSE = 1_000;

/** @param {number} count */
export function showWaiting(count) {
  for (const link of findAll(document, ".waits")) {
    link.dataset.waiting = String(count);
    link.hidden = count === 0;
    for (const number of findAll(link, '[data-slot="waiting-count"]')) {
      number.textContent = String(count);
    }
  }
}

/** The version of the sidebar that the page shows; 0 without one. */
const sidebarVersion = () => document.getElementById("side")?.dataset.version || "0";

let tries = 0;

/** Returns the address of what follows an event and the sidebar, for a connection. @type {(path: string, after: number) => string} */
export const feedUrl = (path, after) =>
  ownAddress(`${path}?after=${after}&sidebar=${sidebarVersion()}&again=${tries++}`);

/** Shows what has changed in the sidebar. @param {SidebarFrame} frame */
export async function showSidebar(frame) {
  try {
    (await import("./sidebar.js")).showSidebar(frame);
  } catch (error) {
    // The next frame is a whole one.
    document.getElementById("side")?.removeAttribute("data-version");
    debug("cannot show the sidebar", error);
  }
}

/**
 * Reads the count and the sidebar again and again while the page is in view, and `isWanted` tells so.
 * @param {{onChange?: (count: number) => void, isWanted?: () => boolean}} [options]
 */
export function followWaiting({ onChange = () => {}, isWanted = () => true } = {}) {
  const link = /** @type {HTMLElement | null} */ (document.querySelector("[data-count-at]"));
  if (!link) return;
  let known = Number(link.dataset.waiting);
  setInterval(async () => {
    if (document.hidden || !isWanted()) return;
    const found = await read(link.dataset.countAt ?? "");
    if (!found) return;
    if (found.sidebar) showSidebar(found.sidebar);
    if (found.count === known) return;
    known = found.count;
    showWaiting(known);
    onChange(known);
  }, PAUSE);
}

/**
 * @param {string} address
 * @returns {Promise<{count: number, sidebar: SidebarFrame | null} | null>}
 */
async function read(address) {
  try {
    const url = new URL(address, location.href);
    url.searchParams.set("version", sidebarVersion());
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    if (!response.ok || response.redirected) return null;
    const { user, ...found } = await response.json();
    return String(user) === document.body.dataset.user ? found : null; // somebody else may have signed in
  } catch {
    return null; // the server is away: the next read tells
  }
}
