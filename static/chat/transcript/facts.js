// Lists of names and values: what a step of a plan is given, and what it returned.

import { setList, setText } from "../support/dom.js";

/** @type {(node: HTMLElement, name: string, facts: Fact[]) => void} */
export const setFacts = (node, name, facts) =>
  setList(node, name, facts, { template: "fact", key: ([field]) => field, fill: fillFact });

/** @type {(node: HTMLElement, fact: Fact) => void} */
function fillFact(node, [field, value]) {
  setText(node, "fact-name", field);
  setText(node, "fact-value", value);
}
