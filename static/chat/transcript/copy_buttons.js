// Buttons that copy code, and links to a place of the page.

import { announce } from "../support/alert.js";
import { copy } from "../support/clipboard.js";
import { clone, closest, findAll } from "../support/dom.js";

/** @param {ParentNode} root */
export function addCopyButtons(root) {
  for (const code of findAll(root, "pre")) {
    if (code.parentElement?.classList.contains("code")) continue;
    const box = clone("code");
    code.before(box);
    box.prepend(code);
  }
}

/** @type {(button: HTMLElement, text: string) => Promise<void>} */
async function copyFrom(button, text) {
  const label = button.textContent;
  const result = (await copy(text)) ? "Copied" : "Copy failed";
  button.textContent = result;
  announce(result);
  setTimeout(() => (button.textContent = label), 1500);
}

/** @param {HTMLElement} log */
export function setUpCopyButtons(log) {
  addCopyButtons(log);
  log.addEventListener("click", (event) => {
    /** @type {HTMLAnchorElement | null} */
    const button = closest(event, "[data-copy], [data-copy-code]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const code = button.closest(".code")?.querySelector("pre")?.textContent ?? "";
    copyFrom(button, "copy" in button.dataset ? button.href : code.trimEnd());
  });
}
