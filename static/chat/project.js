// The project page and the pages with one column: their times, forms and copy buttons.

import { copy } from "./support/clipboard.js";
import { find, findAll } from "./support/dom.js";
import "./support/forms.js";
import { localiseAll, renewAtMidnight } from "./support/local_times.js";
import { setUpSearchButton } from "./support/search_button.js";
import { followWaiting } from "./support/waiting_count.js";

localiseAll(document);
followWaiting();
renewAtMidnight();
setUpSearchButton();

for (const button of findAll(document, "[data-copy-from]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = find(document, `#${button.dataset.copyFrom}`)?.textContent ?? "";
    button.textContent = (await copy(text)) ? "Copied." : "Copy failed: the browser blocked it.";
  });
}
