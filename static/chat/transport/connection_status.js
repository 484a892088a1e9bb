// Shows the state of the connection: one word in the head, and a banner above the composer while the
// page is disconnected.

import { announce } from "../support/alert.js";
import { byId, setVisible, slot } from "../support/dom.js";

const indicator = byId("connection");
const banner = byId("lost");
const BANNER_DELAY_MS = 900; // shorter interruptions are not shown
const LABELS = {
  connecting: "Connecting", live: "Live", waiting: "Reconnecting", offline: "Offline",
  "signed-out": "Signed out", gone: byId("gone").dataset.word ?? "This session is gone",
};
let disconnectedAt = 0;

/**
 * @param {ConnectionState} state
 * @param {string | number} [detail]  The name of a live transport, or the seconds to the next attempt.
 */
export function showConnectionState(state, detail) {
  const shown = state === "waiting" && !navigator.onLine ? "offline" : state;
  indicator.dataset.state = document.body.dataset.line = shown;
  slot(indicator, "connection-text").textContent = LABELS[shown];
  indicator.title = state === "live" ? `Connected ${detail}` : "";
  setVisible(indicator, "connection-sign-in", state === "signed-out");
  if (state === "gone") showGone();
  if (state === "waiting") showBanner(Number(detail));
  else if (state !== "connecting") hideBanner(state);
}

/** Nothing can be done in the session any more: it can only be read. */
function showGone() {
  byId("gone").hidden = false;
  announce(byId("gone").textContent ?? "");
  byId("panels").inert = true;
}

/** @param {number} seconds */
function showBanner(seconds) {
  disconnectedAt ||= Date.now();
  slot(banner, "lost-next").textContent = seconds ? `Next try in ${seconds} s.` : "Trying…";
  if (!banner.hidden || Date.now() - disconnectedAt < BANNER_DELAY_MS) return;
  banner.hidden = false;
  announce("Disconnected.");
}

/** @param {ConnectionState} state */
function hideBanner(state) {
  disconnectedAt = 0;
  if (banner.hidden) return;
  banner.hidden = true;
  announce(state === "live" ? "Reconnected." : "");
}
