// A log of frames and states in the browser's console, switched on by
// localStorage.setItem("samurai.debug", "1"). Reads the switch once, at the start.

function isOn() {
  try {
    return localStorage.getItem("samurai.debug") === "1";
  } catch {
    return false; // storage is forbidden here
  }
}

export const debug = isOn() ? (...words) => console.debug("samurai", ...words) : () => {};
