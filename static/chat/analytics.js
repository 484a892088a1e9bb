// Has the analytics computed by the days of the reader's time zone: a cookie tells the server its name.

import { find } from "./support/dom.js";

const COOKIE = "samurai_zone";
const SECONDS = 400 * 24 * 60 * 60; // browsers keep no cookie for longer

const form = find(document, "form.period");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const kept = document.cookie.split("; ").includes(`${COOKIE}=${zone}`);

// A zone that the server does not know stays kept, and is told only once.
if (form && zone && zone !== form.dataset.zone && !kept) {
  document.cookie = `${COOKIE}=${zone}; path=${form.dataset.path}; max-age=${SECONDS}; samesite=lax`;
  location.reload();
}
