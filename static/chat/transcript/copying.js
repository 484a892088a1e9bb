// Copies what a button names: code, an answer as Markdown, or a link to a place of the page. Loaded with the
// first use.

import { announce } from "../support/alert.js";
import { copy } from "../support/clipboard.js";
import { apiPath, request } from "../support/rest.js";

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

/** @param {HTMLAnchorElement} button */
export const copyFor = async (button) => copyFrom(button, await textFor(button));
