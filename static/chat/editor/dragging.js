// Moves the steps of a plan that is edited, by dragging their rows.

import { closest } from "../support/dom.js";

/** @type {(list: HTMLElement, move: (from: number, to: number) => void) => void} */
export function setUpDragging(list, move) {
  let from = -1;
  /** @param {Event} event */
  const indexOf = (event) => {
    const row = closest(event, "li.editor-step");
    return row ? [...list.children].indexOf(row) : -1;
  };
  list.addEventListener("dragstart", (event) => {
    from = indexOf(event);
    if (!event.dataTransfer) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setDragImage(list.children[from], 0, 0);
  });
  list.addEventListener("dragover", (event) => {
    if (from < 0) return;
    event.preventDefault();
    for (const [index, row] of [...list.children].entries()) {
      row.toggleAttribute("data-over", index === indexOf(event));
    }
  });
  list.addEventListener("drop", (event) => {
    event.preventDefault();
    const to = indexOf(event);
    if (from >= 0 && to >= 0 && to !== from) move(from, to);
    from = -1;
  });
  list.addEventListener("dragend", () => {
    from = -1;
    for (const row of list.children) row.removeAttribute("data-over");
  });
}
