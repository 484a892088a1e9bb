// Opens a shared link: posts its secret, which browsers send to nobody with an address. The server answers
// with a cookie and leads back here; the address stays the link.

import { byId } from "./support/dom.js";

const form = /** @type {HTMLFormElement} */ (byId("open"));
const secret = location.hash.slice(1);

/** @param {string} text */
function say(text) {
  byId("says").textContent = text;
}

if (!secret) say("This link is incomplete. Ask for all of it, with what is behind the #.");
else if (!navigator.cookieEnabled) say("A shared link needs cookies. Allow them for this site.");
else {
  say("Opening…");
  /** @type {HTMLInputElement} */ (form.elements.namedItem("secret")).value = secret;
  form.action = location.href; // a redirect keeps what is behind the #
  form.submit();
}
