// As agent/shorten.py: what a reader sees as one character stays whole.

/** Firefox has no Segmenter before version 125. @param {string} text */
const clustersOf = (text) =>
  Intl.Segmenter ? Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment) : Array.from(text);

/** In code points, as the server counts. @param {string} text */
export const lengthOf = (text) => Array.from(text).length;

/** @type {(text: string, limit: number) => string} */
function head(text, limit) {
  let start = "";
  for (const cluster of clustersOf(text)) {
    if (lengthOf(start + cluster) > limit) break;
    start += cluster;
  }
  return start || Array.from(text).slice(0, limit).join("");
}

/** Returns the text, or its beginning and "…", with at most `limit` code points. @type {(text: string, limit: number) => string} */
export const shorten = (text, limit) =>
  lengthOf(text) <= limit ? text : `${head(text, limit - 1).trimEnd()}…`;

/** As `too_long` in agent/support/counts.py. @type {(name: string, length: number, limit: number) => string} */
export const tooLong = (name, length, limit) =>
  `${name} is too long: ${length.toLocaleString("en")} of ${limit.toLocaleString("en")} characters.`;
