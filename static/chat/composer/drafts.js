// What is typed and not sent yet, kept by the browser for each session: a reload, a crash or a walk to
// another session loses none of it.

import { page } from "../support/labels.js";

const STORE = `samurai.draft.${page.session}`;

export function keepDraft(text) {
  try {
    if (text) localStorage.setItem(STORE, text);
    else localStorage.removeItem(STORE);
  } catch {
    // Storage is full or forbidden: the draft lives as long as the page.
  }
}

export function draft() {
  try {
    return localStorage.getItem(STORE) ?? "";
  } catch {
    return "";
  }
}
