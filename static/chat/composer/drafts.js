// Keeps what is typed and not sent yet in the browser, for each session, so that it survives a reload,
// a crash, or a visit to another session.

import { page } from "../support/page.js";

const STORE = `samurai.draft.${page.session}`;

/** @param {string} text */
export function saveDraft(text) {
  try {
    if (text) localStorage.setItem(STORE, text);
    else localStorage.removeItem(STORE);
  } catch {
    // Storage is full or forbidden: the draft is kept as long as the page lives.
  }
}

export function loadDraft() {
  try {
    return localStorage.getItem(STORE) ?? "";
  } catch {
    return "";
  }
}
