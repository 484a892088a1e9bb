// Keys that belong to an input method, and the keyboard of a touch screen.

const TAKEN_BY_INPUT_METHOD = 229; // a `keyCode`
const ENDING_KEYS = ["Enter", "Escape", "Tab"];
// Some browsers send the key that ends a composition after its end, as a plain key.
const AFTER_END_MS = 100;
let endedAt = -Infinity;

/** It has no Shift+Enter, so that Enter makes a new line there. */
export const isTouchKeyboard = () =>
  matchMedia("(pointer: coarse)").matches && !matchMedia("(any-pointer: fine)").matches;

/** Safari clears `isComposing` before the last key. @param {KeyboardEvent} event */
const isComposing = (event) => event.isComposing || event.keyCode === TAKEN_BY_INPUT_METHOD;

/** On a touch screen, every word is a composition, and Enter after it is a key of its own. @param {KeyboardEvent} event */
const hasJustEnded = ({ key, timeStamp }) =>
  ENDING_KEYS.includes(key) && timeStamp - endedAt < AFTER_END_MS && !isTouchKeyboard();

/** @param {KeyboardEvent} event */
function onKey(event) {
  const hasEnded = hasJustEnded(event);
  endedAt = -Infinity;
  if (isComposing(event)) event.stopImmediatePropagation();
  else if (hasEnded) {
    event.stopImmediatePropagation();
    event.preventDefault(); // no new line, and no form is sent
  }
}

/** Hides the keys of input methods from all other listeners of the page: they send and choose nothing. */
export function setUpInputMethods() {
  addEventListener("compositionend", (event) => (endedAt = event.timeStamp), { capture: true });
  addEventListener("keyup", () => (endedAt = -Infinity), { capture: true });
  addEventListener("keydown", onKey, { capture: true });
}
