// Names of objects as the page shows them, as `marked` and `isolated` in agent/support/words.py.

// The flags of regions stay: their tags are the first group.
const HIDDEN = /(\u{1f3f4}[\u{e0020}-\u{e007e}]{1,6}\u{e007f})|(?![\t\n\r])[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}\u115f\u1160\u3164\uffa0\u2800]/gu;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** @param {string} found */
const mark = (found) => (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");

/** Returns a text with a mark in place of each character that nobody sees. @param {string} text */
export const marked = (text) =>
  text.replace(HIDDEN, (found, flag) => flag ?? `[U+${mark(found)}]`);

/** Returns a name for the middle of a sentence, whose order it cannot change. @param {string} name */
export function isolated(name) {
  const shown = marked(name);
  return RIGHT_TO_LEFT.test(shown) ? `\u2068${shown}\u2069` : shown;
}
