// The replay of a session, or of one run: feeds the log of the past to the fold, the transcript and the panels
// that the session page has, at the pace of the player.

import { showBoard } from "./replay/board_at.js";
import { setUpControls, showMoment, showState } from "./replay/controls.js";
import { EventLog } from "./replay/event_log.js";
import { showMoments } from "./replay/moments.js";
import { Past } from "./replay/past.js";
import { show, showClocks, showEarlier } from "./replay/past_transcript.js";
import { Player } from "./replay/player.js";
import { announce, showAlert } from "./support/alert.js";
import { byId, closest } from "./support/dom.js";
import { localiseAll } from "./support/local_times.js";
import { page } from "./support/page.js";
import { setUpSearchButton } from "./support/search_button.js";
import { setClock } from "./support/server_clock.js";
import { statusLine } from "./transcript/run_labels.js";
import { setUpCopyButtons } from "./transcript/copy_buttons.js";
import { setUpLazyDetails } from "./transcript/lazy_details.js";
import { setUpOpenState } from "./transcript/open_state.js";
import { setUpScroll } from "./transcript/scroll.js";

const CLOCKS_MS = 250; // between two renderings of what counts seconds
const transcript = byId("log");

setUpSearchButton();
localiseAll(document);
showMoments();
if (page.past) start(page.past);

/** @param {PastData} past */
function start(past) {
  const log = new EventLog(past, showAlert);
  const player = new Player(log, onMove, onState);
  const state = new Past(log);
  let clocksAt = 0;
  setClock(() => player.clock);

  /** @param {boolean} isJump */
  function onMove(isJump) {
    const { seq, clock, speed, isPlaying } = player;
    show(state, seq, { isJump, speaks: isPlaying && ["1", "readable"].includes(speed) });
    showBoard(seq, clock, state.fresh);
    showMoment(player);
    if (isJump || performance.now() - clocksAt > CLOCKS_MS) {
      clocksAt = performance.now();
      requestAnimationFrame(() => showClocks(state)); // after the rendering
    }
    if (isJump && !isPlaying) keepAddress();
  }

  function onState() {
    showState(player);
    if (player.isPlaying) return;
    showClocks(state);
    requestAnimationFrame(() => showClocks(state)); // after the rendering
    keepAddress();
    if (player.isAtEnd) announce("End of the replay");
  }

  // A reload comes back to this moment.
  function keepAddress() {
    if (player.seq >= log.first) history.replaceState(null, "", `#event-${player.seq}`);
  }

  /** Tells a screen reader where a person has gone. @param {string} where */
  function say(where) {
    const run = state.fold.active.at(-1);
    announce(run ? `${where}. ${statusLine(run)}` : where);
  }

  async function followLink() {
    const seq = await seqOf(log, location.hash.slice(1));
    if (seq !== null) await player.goTo(seq);
  }

  // A link in the transcript leads to its moment.
  transcript.addEventListener("click", async (event) => {
    const link = closest(event, 'a[href^="#"]:not([data-copy])');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const seq = await seqOf(log, link.getAttribute("href")?.slice(1) ?? "");
    player.pause();
    if (seq !== null) player.goTo(seq);
  });
  byId("earlier").addEventListener("click", () => showEarlier(state));
  addEventListener("hashchange", followLink);
  setUpLazyDetails(transcript);
  setUpOpenState(transcript);
  setUpCopyButtons(transcript);
  setUpScroll();
  setUpControls(player, say);
  showState(player);
  log.load();
  if (location.hash) followLink();
  else player.goTo(log.first);
}

/**
 * Returns the number of the event that a link names; the first one of a run; null for something else.
 * @type {(log: EventLog, anchor: string) => Promise<number | null>}
 */
async function seqOf(log, anchor) {
  const [, kind, key] = /^(message|run|event)-([\w-]+)$/.exec(anchor) ?? [];
  if (!kind) return log.first;
  if (kind === "event") return Number(key) || log.first;
  await log.until(() => log.loaded >= log.last);
  const names = (/** @type {EventFrame} */ frame) =>
    kind === "run" ? frame.run === key : "message" in frame && frame.message.id === key;
  const place = log.frames.findIndex(names);
  return place < 0 ? null : log.first + place;
}
