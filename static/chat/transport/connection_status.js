// What the page says about its line to the server, apart from what it says about runs: one word in
// the head always, and a banner above the composer while the line is lost.

import { slot } from "../support/dom.js";

const chip = document.getElementById("connection");
const banner = document.getElementById("lost");
const status = document.getElementById("status");
const PATIENCE_MS = 900; // a line that is back sooner was not worth a word
const WORDS = {
  connecting: "Connecting", live: "Live", waiting: "Reconnecting", offline: "Offline",
  "signed-out": "Signed out", gone: "This session is gone",
};
let lostAt = 0;

// `more`: the transport of a live line, the seconds of a waiting one.
export function showConnection(state, more) {
  const shown = state === "waiting" && !navigator.onLine ? "offline" : state;
  chip.dataset.state = document.body.dataset.line = shown;
  slot(chip, "connection-text").textContent = WORDS[shown];
  slot(chip, "connection-over").textContent = state === "live" ? ` ${more}` : "";
  slot(chip, "connection-sign-in").hidden = state !== "signed-out";
  if (state === "waiting") showLost(more);
  else if (state !== "connecting") hideLost(state);
}

function showLost(seconds) {
  lostAt ||= Date.now();
  slot(banner, "lost-next").textContent = seconds ? `Next try in ${seconds} s.` : "Trying.";
  if (!banner.hidden || Date.now() - lostAt < PATIENCE_MS) return;
  banner.hidden = false;
  status.textContent = "The line to the server is lost.";
}

function hideLost(state) {
  lostAt = 0;
  if (banner.hidden) return;
  banner.hidden = true;
  status.textContent = state === "live" ? "The line to the server is back." : "";
}
