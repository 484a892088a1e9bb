// Why the server gives no more of what is replayed.

/** @param {number} status  Of its response. */
export function lossText(status) {
  if (status === 404) return "The session was deleted, or you no longer have access to it.";
  if (status === 401 || status === 403) return "You are signed out. Sign in and reload the page.";
  return "The server refused to load the rest. Reload the page.";
}
