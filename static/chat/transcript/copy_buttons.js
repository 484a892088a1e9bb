// Buttons that copy code, an answer as Markdown, and links to a place of the page.

import { announce } from "../support/alert.js";
import { copy } from "../support/clipboard.js";
import { clone, closest, findAll } from "../support/dom.js";
import { apiPath, request } from "../support/rest.js";

/** @param {ParentNode} root */
export function addCopyButtons(root) {
  for (const code of findAll(root, "pre")) {
    if (code.parentElement?.classList.contains("code")) continue;
    const box = clone("code");
    code.before(box);
    box.prepend(code);
  }
}

/** @type {(button: HTMLElement, text: string | null) => Promise<void>} */
async function copyFrom(button, text) {
  const label = button.textContent;
  const copied = text !== null && (await copy(text));
  const result = copied ? "Copied" : "Copy failed";
  button.textContent = result;
  announce(result);
  setTimeout(() => (button.textContent = label), 1500);
}

/** The page has it as HTML only. @param {HTMLElement} button */
async function loadAnswer(button) {
  /** @type {HTMLElement | null} */
  const run = button.closest("[data-run]");
  const response = await request("GET", apiPath("runs", run?.dataset.run ?? ""));
  return response?.ok ? response.body.answer.content : null;
}

/** @type {(button: HTMLAnchorElement) => string | Promise<string | null>} */
function textFor(button) {
  if ("copy" in button.dataset) return button.href;
  if ("copyAnswer" in button.dataset) return loadAnswer(button);
  return (button.closest(".code")?.querySelector("pre")?.textContent ?? "").trimEnd();
}

/** @param {HTMLElement} log */
export function setUpCopyButtons(log) {
  addCopyButtons(log);
  log.addEventListener("click", async (event) => {
    /** @type {HTMLAnchorElement | null} */
    const button = closest(event, "[data-copy], [data-copy-code], [data-copy-answer]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    copyFrom(button, await textFor(button));
  });
}
