// The page of what waits for a person: tells when its list has changed, and shows the new one unless
// something is being typed.

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
  const fields = findAll(document, ".waiting input:not([type=hidden]), .waiting textarea");
  const focused = document.activeElement?.closest(".waiting article");
  return Boolean(focused) || fields.some((field) => "value" in field && field.value !== "");
}
