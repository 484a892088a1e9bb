// The player's buttons, slider and keys, and what they show: the moment and the number of its event.

import { announce } from "../support/alert.js";
import { secondsText } from "../support/clocks.js";
import { byId, closest, setIcon, setText } from "../support/dom.js";
import { momentText } from "./moments.js";

const LONG_MS = 3_000; // a wait that is worth saying
const box = byId("player");
const playButton = /** @type {HTMLButtonElement} */ (byId("play"));
const slider = /** @type {HTMLInputElement} */ (byId("time"));
const speed = /** @type {HTMLSelectElement} */ (byId("speed"));

/** @type {(player: import("./player.js").Player) => string} */
const momentOf = ({ clock }) => momentText(clock);

/** @type {(player: import("./player.js").Player) => string} */
const numberOf = ({ seq, log }) => `Event ${seq} of ${log.last}`;

/** Shows where the replay is. @param {import("./player.js").Player} player */
export function showMoment(player) {
  const { seq, clock, log } = player;
  setText(box, "moment", momentOf(player));
  setText(box, "number", numberOf(player));
  setText(box, "ahead", aheadText(player));
  slider.max = String(log.lastPlace);
  slider.value = String(log.placeOf(seq, clock));
  // A screen reader speaks each new text of a slider that has the focus.
  if (!player.isPlaying || document.activeElement !== slider) describe(player);
}

/** @param {import("./player.js").Player} player */
function describe(player) {
  const text = `${momentOf(player)}, ${numberOf(player)}`;
  if (slider.getAttribute("aria-valuetext") !== text) slider.setAttribute("aria-valuetext", text);
}

/** How long nothing happens. @type {(player: import("./player.js").Player) => string} */
function aheadText({ seq, clock, log }) {
  if (seq >= log.last) return "End of the replay";
  const wait = seq < log.loaded ? log.time(seq + 1) - clock : 0;
  return wait > LONG_MS ? `next event in ${secondsText(Math.round(wait / 1000))}` : "";
}

/** Shows whether it plays. @param {import("./player.js").Player} player */
export function showState(player) {
  setText(playButton, "play-text", player.isPlaying ? "Pause" : "Play");
  setIcon(playButton, "play-icon", player.isPlaying ? "icon-pause" : "icon-play");
  box.toggleAttribute("data-loading", player.isLoading);
  setText(box, "loading", player.isLoading ? "Loading…" : "");
  showMoment(player);
}

/** @type {(player: import("./player.js").Player, say: (text: string) => void) => void} */
export function setUpControls(player, say) {
  const { log } = player;
  speed.value = player.speed;
  const toggle = () => {
    if (player.isPlaying) player.pause();
    else player.play();
    announce(player.isPlaying ? "Playing" : "Paused");
  };
  /** @param {number} seq */
  const goTo = async (seq) => {
    player.pause();
    await player.goTo(seq);
    if (document.activeElement !== slider) say(`${numberOf(player)}, ${momentOf(player)}`);
  };
  playButton.addEventListener("click", toggle);
  byId("previous").addEventListener("click", () => goTo(player.seq - 1));
  byId("next").addEventListener("click", () => goTo(player.seq + 1));
  slider.addEventListener("input", () => player.goToPlace(Number(slider.value)));
  slider.addEventListener("focus", () => describe(player));
  speed.addEventListener("change", () => {
    player.speed = /** @type {import("./player.js").Speed} */ (speed.value);
  });
  /** @type {Record<string, () => void>} */
  const keys = {
    " ": toggle,
    ArrowLeft: () => goTo(player.seq - 1),
    ArrowRight: () => goTo(player.seq + 1),
    Home: () => goTo(log.first),
    End: () => goTo(log.last),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
    const key = onSlider(event) ?? event.key;
    if (!Object.hasOwn(keys, key) || hasOwnKeys(event)) return;
    event.preventDefault();
    keys[key]();
  });
}

/** The vertical arrows of the slider are as the horizontal ones. @param {KeyboardEvent} event */
function onSlider({ key, target }) {
  if (target !== slider) return null;
  return { ArrowUp: "ArrowRight", ArrowDown: "ArrowLeft" }[key] ?? key;
}

/** Whether what has the focus has a meaning of its own for the key. @param {KeyboardEvent} event */
function hasOwnKeys(event) {
  if (event.target === slider) return false;
  if (closest(event, "input, select, textarea, dialog")) return true;
  return event.key === " " && closest(event, "a, button, summary") !== null;
}
