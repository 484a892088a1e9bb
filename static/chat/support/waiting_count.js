// The number of runs that wait for the user, in the head of every page.

import { findAll } from "./dom.js";

/** Milliseconds between reads on a page that follows no session. */
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

/**
 * Reads the count again and again while the page is in view, for pages without a connection.
 * @param {(count: number) => void} [onChange]
 */
export function followWaiting(onChange = () => {}) {
  const link = /** @type {HTMLElement | null} */ (document.querySelector("[data-count-at]"));
  if (!link) return;
  let known = Number(link.dataset.waiting);
  setInterval(async () => {
    if (document.hidden) return;
    const count = await read(link.dataset.countAt ?? "");
    if (count === null || count === known) return;
    known = count;
    showWaiting(count);
    onChange(count);
  }, PAUSE);
}

/**
 * @param {string} address
 * @returns {Promise<number | null>}
 */
async function read(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok || response.redirected) return null;
    const { count, user } = await response.json();
    return String(user) === document.body.dataset.user ? count : null; // somebody else may have signed in
  } catch {
    return null; // the server is away: the next read tells
  }
}
