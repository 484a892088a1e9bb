// Moments of the past by the reader's clock, each with its date.

import { findAll } from "../support/dom.js";

const format = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

/** @param {number} time  In milliseconds. */
export const momentText = (time) => format.format(new Date(time));

/** Shows the moments that the server wrote in UTC. */
export function showMoments() {
  /** @type {HTMLTimeElement[]} */
  const nodes = findAll(document, "time[data-moment]");
  for (const node of nodes) node.textContent = momentText(Date.parse(node.dateTime));
}
