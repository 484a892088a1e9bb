// Opens the search, by its button in the head or by Ctrl+K and Cmd+K. Its script is loaded then.

import { find } from "./dom.js";

export function setUpSearchButton() {
  /** @type {HTMLButtonElement | null} */
  const button = find(document, "[data-search]");
  if (!button) return;
  let typed = "";
  /** Keeps what is typed before the dialog is there. @param {KeyboardEvent} event */
  const keep = (event) => {
    if (event.key.length > 1 || event.ctrlKey || event.metaKey || event.altKey) return;
    typed += event.key;
    event.preventDefault();
    event.stopPropagation();
  };
  const open = async () => {
    addEventListener("keydown", keep, true);
    try {
      await (await import("./search.js")).openSearch(() => typed);
    } finally {
      removeEventListener("keydown", keep, true);
      typed = "";
    }
  };
  button.hidden = false;
  button.addEventListener("click", open);
  addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault(); // the browser's own search
    open();
  });
}
