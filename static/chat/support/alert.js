// The alert above the composer, and what screen readers speak.

import { byId } from "./dom.js";

const alertBox = byId("alert");
const status = byId("status");

/** Shows an error, or hides the last one when `text` is empty. @param {string} text */
export function showAlert(text) {
  alertBox.textContent = text;
  alertBox.hidden = !text;
}

/** Has a screen reader speak `text`. @param {string} text */
export function announce(text) {
  status.textContent = text;
}
