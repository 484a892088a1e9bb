// Copying to the clipboard: code, and links to a place of the page.

import { copy } from "../support/clipboard.js";
import { clone } from "../support/dom.js";

const status = document.getElementById("status");

export function addCopyButtons(root) {
  for (const code of root.querySelectorAll("pre")) {
    if (code.parentElement.classList.contains("code")) continue;
    const box = clone("code");
    code.before(box);
    box.prepend(code);
  }
}

async function give(button, words) {
  tell(button, (await copy(words)) ? "Copied" : "Not copied");
}

function tell(button, word) {
  const label = button.textContent;
  status.textContent = button.textContent = word;
  setTimeout(() => (button.textContent = label), 1500);
}

export function setUpCopying(log) {
  addCopyButtons(log);
  log.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-code]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if ("copy" in button.dataset) give(button, button.href);
    else give(button, button.closest(".code").querySelector("pre").textContent.trimEnd());
  });
}
