// Opens the search, by its button in the head or by Ctrl+K and Cmd+K. Its script is loaded then.

import { find } from "./dom.js";

export function setUpSearchButton() {
  /** @type {HTMLButtonElement | null} */
  const button = find(document, "[data-search]");
  if (!button) return;
  const open = async () => (await import("./search.js")).openSearch();
  button.hidden = false;
  button.addEventListener("click", open);
  addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault(); // the browser's own search
    open();
  });
}
