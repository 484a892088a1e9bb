// A log of frames and states in the browser's console. Switched on by
// localStorage.setItem("samurai.debug", "1"), which is read once, when the page loads.

function isOn() {
  try {
    return localStorage.getItem("samurai.debug") === "1";
  } catch {
    return false; // the browser forbids storage
  }
}

/** @type {(...values: unknown[]) => void} */
export const debug = isOn() ? (...values) => console.debug("samurai", ...values) : () => {};
