// Reads {name: [script, minified script]} as JSON and prints the names of those that do not have the same
// syntax tree.
import { readFileSync } from "node:fs";
import { parse } from "acorn";

/** @param {string} text */
function tree(text) {
  const parsed = parse(text, { ecmaVersion: "latest", sourceType: "module" });
  return JSON.stringify(parsed, (name, value) => (["start", "end"].includes(name) ? undefined : value));
}

const scripts = JSON.parse(readFileSync(0, "utf8"));
const names = Object.keys(scripts).filter((name) => tree(scripts[name][0]) !== tree(scripts[name][1]));
console.log(JSON.stringify(names));
