// Follows the end of the transcript, or the running step, while the view is there, and stays in place
// otherwise.

import { byId } from "../support/dom.js";

const log = byId("log");
const button = byId("latest");
const TOLERANCE = 48; // pixels from the end that still count as the end
let isFollowing = true;
let last = log.scrollTop;
let lastHeight = log.scrollHeight;

const end = () => log.scrollHeight - log.clientHeight;

/** Returns the position that is followed: the end, or that of a running step above it, below its run's head. */
function place() {
  const step = log.querySelector('[data-status="running"] .plan > [data-status="running"]');
  const head = step?.closest("details")?.firstElementChild;
  if (!step || !head) return end();
  const above = step.getBoundingClientRect().top - log.getBoundingClientRect().top - head.clientHeight;
  return Math.min(end(), log.scrollTop + above);
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

// Whether a person moved the view up: a transcript that becomes shorter, or gets more room, moves it to its
// new end at most. A larger distance to the end shows nothing: more may have come since then.
const wentUp = () => log.scrollTop < Math.min(last, end(), lastHeight - log.clientHeight) - 1;

function onScroll() {
  setFollowing(isAtEnd() || (isFollowing && !wentUp()));
  remember();
  if (isFollowing && !isAtEnd()) keepAtEnd();
  button.hidden = isFollowing;
}

// What this moves is no person's doing, also when several changes of size come before its event.
function keepAtEnd() {
  log.scrollTop = place();
  remember();
}

function remember() {
  last = log.scrollTop;
  lastHeight = log.scrollHeight;
}

// A person who scrolled before this change is told of by the event that comes.
function onChangedSize() {
  if (isFollowing && !wentUp()) keepAtEnd();
}

export function setUpScroll() {
  scrollToEnd();
  log.addEventListener("scroll", onScroll, { passive: true });
  button.addEventListener("click", scrollToEnd);
  const sizes = new ResizeObserver(() => {
    onChangedSize();
    if (!isFollowing) button.hidden = isAtEnd();
  });
  for (const child of log.children) sizes.observe(child);
  sizes.observe(log);
  // A transcript may shrink and grow again before the frame that `sizes` hears of.
  const changes = new MutationObserver(() => {
    if (isFollowing && log.scrollHeight < lastHeight) onChangedSize();
  });
  changes.observe(log, {
    subtree: true, childList: true, characterData: true, attributeFilter: ["open", "hidden"],
  });
}
