// Lets the forms of a page that was open for long be sent. Signing in again replaces the CSRF token, so
// the token is read from the cookie when a form is sent, and the form names the user of the page.

import { ownAddress, sitePath } from "./page.js";

// A site below the path /samurai/ has the cookie csrftoken_samurai.
const path = sitePath.split("/").filter(Boolean);
const cookie = new RegExp(`(?:^|; )${["csrftoken", ...path].join("_")}=([^;]*)`);

export const csrfToken = () => cookie.exec(document.cookie)?.[1] ?? "";

// Before other listeners, which read the form.
addEventListener("submit", refresh, { capture: true });

/** @param {Event} event */
function refresh({ target }) {
  const form = /** @type {HTMLFormElement} */ (target);
  const field = form.querySelector('[name="csrfmiddlewaretoken"]');
  if (!(field instanceof HTMLInputElement)) return;
  field.value = csrfToken() || field.value;
  form.action = ownAddress(form.action);
}
