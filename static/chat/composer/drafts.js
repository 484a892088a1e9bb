// Keeps what is typed and not sent yet, so that it survives a reload, a crash, or a visit to another
// session.

import { TabStore } from "./tab_store.js";

/** @type {TabStore<string>} */
const store = new TabStore("draft");

/** @param {string} text */
export function saveDraft(text) {
  store.save(text || null);
}

export const loadDraft = () => store.value ?? "";

/** Returns the latest draft of a closed tab, or null. @param {() => boolean} isWanted */
export const takeOverDraft = (isWanted) => store.takeOver(isWanted);
