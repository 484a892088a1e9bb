// Keeps in the browser what was typed, for each user, session and tab. What a closed tab has left is
// taken over by the next tab in which the same user opens the session. A page of no session is the same
// for all.

import { ownKey, page } from "../support/page.js";

const TAB = "samurai.tab";
const QUESTION = "?"; // which tabs are open
const REPLY_MS = 200;
/** @type {TabStore<any>[]} */
const stores = [];
/** The names of the other open tabs. @type {Set<string>} */
const others = new Set();
let isOpen = true;
let tab = attempt(() => sessionStorage.getItem(TAB)) ?? newName();

const channel = new BroadcastChannel(TAB);
channel.addEventListener("message", ({ data }) => {
  if (data !== QUESTION) others.add(data);
  else if (isOpen) channel.postMessage(tab);
});
addEventListener("pagehide", () => (isOpen = false));
addEventListener("pageshow", () => (isOpen = true));
channel.postMessage(QUESTION);
/** Resolves when the open tabs are known. */
const known = new Promise((resolve) => setTimeout(resolve, REPLY_MS)).then(() => {
  if (!others.has(tab)) return;
  tab = newName(); // this tab is a duplicate of another one, and keeps a copy of what that one has
  for (const store of stores) store.save(store.value);
});

function newName() {
  const name = Math.random().toString(36).slice(2);
  attempt(() => sessionStorage.setItem(TAB, name));
  return name;
}

/**
 * Storage may be full or forbidden: then a value is kept as long as the page lives.
 * @template Result
 * @param {() => Result} access
 */
function attempt(access) {
  try {
    return access();
  } catch {
    return null;
  }
}

/** @template Value */
export class TabStore {
  /** This tab's value. @type {Value | null} */
  value = null;
  #prefix;

  /** @param {string} name */
  constructor(name) {
    this.#prefix = `${ownKey(`${name}.${page.session ?? ""}`)}.`;
    this.value = this.#read(this.#prefix + tab)?.value ?? null;
    stores.push(this);
    // Another tab took the value over, because this one answered too late.
    addEventListener("storage", ({ key, newValue }) => {
      if (key === this.#prefix + tab && newValue === null && this.value !== null) this.save(this.value);
    });
  }

  /** @param {Value | null} value  Null removes it. */
  save(value) {
    this.value = value;
    attempt(() => {
      if (value === null) localStorage.removeItem(this.#prefix + tab);
      else localStorage.setItem(this.#prefix + tab, JSON.stringify({ value, at: Date.now() }));
    });
  }

  /**
   * Returns the value that a closed tab left last, and forgets that tab; null when there is none, or
   * when `isWanted` says no as soon as the open tabs are known.
   * @param {() => boolean} isWanted
   * @returns {Promise<Value | null>}
   */
  async takeOver(isWanted = () => true) {
    await known;
    if (!isWanted()) return null;
    const [latest] = this.#closedTabs().sort((a, b) => b.at - a.at);
    if (latest) attempt(() => localStorage.removeItem(latest.key));
    return latest?.value ?? null;
  }

  #closedTabs() {
    const keys = attempt(() => Object.keys(localStorage)) ?? [];
    const isClosed = (/** @type {string} */ name) => name !== tab && !others.has(name);
    return keys.flatMap((key) => {
      if (!key.startsWith(this.#prefix) || !isClosed(key.slice(this.#prefix.length))) return [];
      return { key, at: 0, value: null, ...this.#read(key) };
    });
  }

  /**
   * @param {string} key
   * @returns {{value: Value, at: number} | null}
   */
  #read(key) {
    return attempt(() => JSON.parse(localStorage.getItem(key) ?? "null"));
  }
}
