// Forms that are sent with a passkey or a security key: the browser asks the person for it first. A form says
// with `data-passkey` whether the key is made (`create`) or asked for (`get`). The server's options are in
// #passkey-options, or at `data-options-at`.

import { find, findAll } from "./support/dom.js";
import "./support/forms.js";

const NOT_HERE = "Passkeys need an address with a name: https, or http://localhost.";
const TOO_OLD = "This browser knows no passkeys.";
const NOTHING_CHOSEN = "No passkey was used. Try again, or choose another way.";

// Browsers bind a key to a name, and refuse it for an address of numbers.
const hasName = isSecureContext && !/^[\d.]+$|:/.test(location.hostname);
const canUse = hasName && "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential;

for (const form of /** @type {HTMLFormElement[]} */ (findAll(document, "form[data-passkey]"))) {
  // The sign-in page says nothing of what does not work here.
  if (canUse) form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const alert = find(form, "[role=alert]");
  if (alert) alert.hidden = true;
  try {
    const credential = await keyOf(form);
    /** @type {HTMLInputElement} */ (form.elements.namedItem("credential")).value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    if (!alert) throw error;
    alert.textContent = canUse ? NOTHING_CHOSEN : hasName ? TOO_OLD : NOT_HERE;
    alert.hidden = false;
  }
}

/** Returns what the server checks. @param {HTMLFormElement} form */
async function keyOf(form) {
  const { publicKey } = await optionsOf(form);
  if (form.dataset.passkey === "get") {
    return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  }
  // A key that can sign in without a password shall do so.
  const choice = { ...publicKey.authenticatorSelection, residentKey: "preferred" };
  const options = { ...publicKey, authenticatorSelection: choice };
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
}

/** @param {HTMLFormElement} form */
async function optionsOf(form) {
  const address = form.dataset.optionsAt;
  if (!address) return JSON.parse(document.getElementById("passkey-options")?.textContent ?? "{}");
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  return (await response.json()).request_options;
}
