// The dialog of a session's shared links: what their page shows, without its frame. Loaded with its first use.

import { copy } from "./clipboard.js";
import { closest, find } from "./dom.js";
import { localiseAll } from "./local_times.js";
import { fetchAsUser } from "./rest.js";
import { loadStyle } from "./style.js";

const title = Object.assign(document.createElement("h2"), { id: "share-title", textContent: "Share read-only" });
const alert = document.createElement("p");
const content = document.createElement("div");
const dialog = document.createElement("dialog");
dialog.className = "share";
dialog.setAttribute("aria-labelledby", title.id);
alert.className = "alert";
alert.setAttribute("role", "alert");
alert.hidden = true;
dialog.append(title, alert, content);

/** @param {string} address  Of the page of the links. */
export async function openShare(address) {
  if (!dialog.isConnected) {
    document.body.append(dialog);
    await loadStyle(new URL("../share.css", import.meta.url));
  }
  content.replaceChildren();
  await load(address, { method: "GET" });
  if (!dialog.open) dialog.showModal();
  find(content, "select")?.focus();
}

/** @type {(address: string, options: {method: string, body?: FormData}) => Promise<void>} */
async function load(address, options) {
  try {
    const response = await fetchAsUser(address, { ...options, headers: { "X-Part": "1" } });
    if (response.ok || response.status === 400) show(await response.text());
    else fail("You can't share this session any more.");
  } catch {
    fail("The server could not be reached; nothing was done.");
  }
}

/** @param {string} html */
function show(html) {
  fail("");
  content.innerHTML = html;
  localiseAll(content);
  const button = find(content, "[data-copy-from]");
  if (button) button.hidden = false;
  if (dialog.open) (button ?? find(content, "select"))?.focus();
}

/** @param {string} text */
function fail(text) {
  alert.textContent = text;
  alert.hidden = !text;
}

dialog.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.method === "dialog") return;
  event.preventDefault();
  load(form.action, { method: "POST", body: new FormData(form) });
});

dialog.addEventListener("click", async (event) => {
  const button = closest(event, "[data-copy-from]");
  if (!button) return;
  const text = find(content, `#${button.dataset.copyFrom}`)?.textContent ?? "";
  button.textContent = (await copy(text)) ? "Copied." : "Copy failed: the browser blocked it.";
});
