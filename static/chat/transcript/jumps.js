// The session menu leads to the beginning of the session or to a date. Loaded when the menu is opened.

import { byId } from "../support/dom.js";
import { jump } from "./links.js";

/** @type {HTMLFormElement} */
const form = byId("jump");

/** @param {Date} date */
function leave(date) {
  byId("session-menu").hidePopover();
  jump(date);
}

form.hidden = false;
byId("jump-first").addEventListener("click", () => leave(new Date(0)));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  leave(new Date(`${new FormData(form).get("date")}T00:00`));
});
