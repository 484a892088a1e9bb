// The slash commands: a list that opens while the field contains "/" and the beginning of a name, and
// the sentence that a typed command stands for. `chat/slash_commands.py` defines them. Loaded with the first
// slash.

import { announce } from "../support/alert.js";
import { byId, closest, findAll } from "../support/dom.js";

const list = byId("commands");
const options = findAll(list, "li");
/** @type {HTMLTextAreaElement} */
const field = byId("message");
/** @type {HTMLElement | null} */
let selected = null;

const shownOptions = () => options.filter((option) => !option.hidden);

/**
 * @param {HTMLElement} option
 * @returns {SlashCommand}
 */
function readOption({ dataset: { before = "", after = "", actOf = "" } }) {
  return { before, after, act: actOf };
}

/**
 * Returns the command that `content` begins with, and the text after it, or null.
 * @param {string} content
 */
export function parseCommand(content) {
  const [, name, rest] = /^\/([a-z]+)(?:\s+([^]*))?$/.exec(content) ?? [];
  const option = options.find(({ dataset }) => dataset.command === name);
  return option ? { ...readOption(option), rest: rest ?? "" } : null;
}

/** @type {(command: SlashCommand) => void} */
let onPick = () => {};

/** @param {typeof onPick} listener */
export function setUpSlashCommands(listener) {
  onPick = listener;
  update();
}

/** Chooses what is selected, as Enter does. Returns whether the list was open. */
export function pickSelected() {
  const isOpen = !list.hidden;
  if (isOpen) pick(selected);
  return isOpen;
}

function update() {
  const typed = /^\/([a-z]*)$/.exec(field.value);
  if (!typed || document.activeElement !== field) {
    close();
    return;
  }
  for (const option of options) option.hidden = !option.dataset.command?.startsWith(typed[1]);
  const matches = shownOptions();
  list.hidden = matches.length === 0;
  select(matches[0] ?? null);
  announce(matches.length === 1 ? "1 command" : `${matches.length} commands`);
}

function close() {
  list.hidden = true;
  select(null);
}

/** @param {HTMLElement | null} option */
function select(option) {
  selected = option;
  for (const other of options) other.setAttribute("aria-selected", String(other === option));
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

/** @param {number} by */
function move(by) {
  const matches = shownOptions();
  const index = selected ? matches.indexOf(selected) : -1;
  select(matches[(index + by + matches.length) % matches.length]);
}

/** @param {HTMLElement | null} option */
function pick(option) {
  if (!option) return;
  close();
  onPick(readOption(option));
}

/** @type {Record<string, () => void>} */
const keys = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: () => pick(selected),
  Tab: () => pick(selected),
  Escape: close,
};

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (list.hidden || event.shiftKey || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  keys[event.key]();
}

field.addEventListener("input", update);
field.addEventListener("blur", close);
// Before the composer's listener: Enter picks a command here, and sends there.
field.addEventListener("keydown", onKey, { capture: true });
list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
list.addEventListener("click", (event) => pick(closest(event, "[data-command]")));
