// What the server gave the page's scripts to start from, and for whom it made the page. Another person
// may sign in with this browser while the page is open: nothing of the one is shown to, or sent as, the
// other.

/** @type {PageData} */
export const page = JSON.parse(document.getElementById("page")?.textContent ?? "{}");

// The site may be served below a path, and its files have a version: /samurai/static/0123456789ab/chat/support/page.js.
export const sitePath = new URL(import.meta.url).pathname.replace(/static\/(\w+\/)?chat\/support\/page\.js$/, "");

/** The id of the user; empty on a page for nobody. */
export const pageUser = document.body.dataset.user ?? "";

/** Returns the user's own key in the browser's storage. @param {string} name */
export const ownKey = (name) => `samurai.${name}.${pageUser}`;

/**
 * Returns an address that the server refuses if somebody else is signed in, for requests that can have
 * no headers.
 * @param {string} path
 */
export function ownAddress(path) {
  const address = new URL(path, location.href);
  if (pageUser) address.searchParams.set("page_user", pageUser);
  return address.href;
}
