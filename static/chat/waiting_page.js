// The page of what waits for a person: tells when its list has changed, and shows the new one unless
// something is being typed. What is typed and not sent survives that another form is sent or refused.

import { TabStore } from "./composer/tab_store.js";
import "./support/forms.js";
import { find, findAll } from "./support/dom.js";
import { localiseAll, renewAtMidnight } from "./support/local_times.js";
import { setUpSearchButton } from "./support/search_button.js";
import { followWaiting } from "./support/waiting_count.js";

localiseAll(document);
renewAtMidnight();
setUpSearchButton();
followWaiting({
  onChange() {
    if (isTouched()) /** @type {HTMLElement} */ (find(document, "#changed")).hidden = false;
    else location.reload();
  },
});

function isTouched() {
  const focused = document.activeElement?.closest(".waiting article");
  return Boolean(focused) || fields().some((field) => field.value !== "");
}

/** @returns {(HTMLInputElement | HTMLTextAreaElement)[]} */
function fields() {
  return findAll(document, '.waiting form [name="text"]');
}

/** What is typed, by the run and the revision of its plan. @type {TabStore<Record<string, string>>} */
const typed = new TabStore("waiting");

/** @param {HTMLInputElement | HTMLTextAreaElement} field */
function nameOf({ form }) {
  const { action = "", revision } = /** @type {any} */ (form);
  return `${new URL(action).pathname} ${revision.value}`;
}

function keep() {
  const texts = fields().map((field) => [nameOf(field), field.value]);
  const some = texts.filter(([, text]) => text);
  typed.save(some.length ? Object.fromEntries(some) : null);
}

async function restore() {
  const texts = typed.value ?? (await typed.takeOver(() => !isTouched())) ?? {};
  for (const field of fields()) field.value ||= texts[nameOf(field)] ?? "";
  keep();
}

addEventListener("input", keep);
restore();
