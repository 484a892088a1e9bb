// The time that the page goes by: the server's, or the moment of a replay.

import { page } from "./page.js";

// How far the server's clock is ahead of this one, in milliseconds.
let ahead = Date.parse(page.now) - Date.now();
let read = () => Date.now() + ahead;

/** The time in milliseconds. */
export const serverNow = () => read();

/** Sets the clock by an event that was just received. @param {string} timestamp */
export function syncClock(timestamp) {
  ahead = Date.parse(timestamp) - Date.now();
}

/** Has the page go by another clock. @param {() => number} clock */
export function setClock(clock) {
  read = clock;
}
