// Buttons that copy code, an answer as Markdown, and links to a place of the page.

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

/** @param {HTMLElement} log */
export function setUpCopyButtons(log) {
  addCopyButtons(log);
  log.addEventListener("click", async (event) => {
    /** @type {HTMLAnchorElement | null} */
    const button = closest(event, "[data-copy], [data-copy-code], [data-copy-answer]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    (await import("./copying.js")).copyFor(button);
  });
}
