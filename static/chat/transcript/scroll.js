// Follows the end of the transcript, or the running step, while the view is there, and stays in place
// otherwise.

import { byId } from "../support/dom.js";

const log = byId("log");
const button = byId("latest");
const TOLERANCE = 48; // pixels from the end that still count as the end
let isFollowing = true;
const seen = () => ({ top: log.scrollTop, height: log.scrollHeight });
let last = seen();

/** Returns the position that is followed: the end, or that of a running step above it, below its run's head. */
function place() {
  const end = log.scrollHeight - log.clientHeight;
  const step = log.querySelector('[data-status="running"] .plan > [data-status="running"]');
  const head = step?.closest("details")?.firstElementChild;
  if (!step || !head) return end;
  const above = step.getBoundingClientRect().top - log.getBoundingClientRect().top - head.clientHeight;
  return Math.min(end, log.scrollTop + above);
}

export const isAtEnd = () => place() - log.scrollTop <= TOLERANCE;

/** @param {boolean} following */
function setFollowing(following) {
  isFollowing = following;
  // Has the browser keep the view in place when something above it changes its size.
  log.toggleAttribute("data-away", !following);
}

export const stopFollowing = () => setFollowing(false);

export function scrollToEnd() {
  setFollowing(true);
  keepAtEnd();
}

// A view that went up in a transcript that has not become shorter was moved by a person. A larger
// distance to the end shows nothing: more may have come since the scrolling that this event reports.
function onScroll() {
  const now = seen();
  const wentUp = now.top < last.top && now.height >= last.height;
  setFollowing(isAtEnd() || (isFollowing && !wentUp));
  last = now;
  if (isFollowing && !isAtEnd()) keepAtEnd();
  button.hidden = isFollowing;
}

// What this moves is no person's doing, also when several changes of size come before its event.
function keepAtEnd() {
  log.scrollTop = place();
  last = seen();
}

export function setUpScroll() {
  scrollToEnd();
  log.addEventListener("scroll", onScroll, { passive: true });
  button.addEventListener("click", scrollToEnd);
  const sizes = new ResizeObserver(() => {
    if (isFollowing) keepAtEnd();
    else button.hidden = isAtEnd();
  });
  for (const child of log.children) sizes.observe(child);
  sizes.observe(log);
  // A transcript may shrink and grow again before the frame that `sizes` hears of.
  const changes = new MutationObserver(() => {
    if (isFollowing && log.scrollHeight < last.height) keepAtEnd();
  });
  changes.observe(log, {
    subtree: true, childList: true, characterData: true, attributeFilter: ["open", "hidden"],
  });
}
