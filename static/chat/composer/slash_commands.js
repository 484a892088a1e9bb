// The slash commands: a list that opens while the field holds "/" and the beginning of a name, and
// the sentence that a typed command stands for. `chat/commands.py` has them all.

const box = document.getElementById("commands");
const status = document.getElementById("status");
const options = box ? [...box.children] : [];
let field = null;
let onPick = null;
let chosen = null;

const shown = () => options.filter((option) => !option.hidden);

// `pick(command)` is told {before, after, act} of what was chosen in the list.
export function setUpCommands(textarea, pick) {
  if (!box) return;
  [field, onPick] = [textarea, pick];
  field.addEventListener("input", look);
  field.addEventListener("blur", close);
  // Before the composer's own listener: Enter chooses here and sends there.
  field.addEventListener("keydown", press, { capture: true });
  box.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  box.addEventListener("click", (event) => choose(event.target.closest("[data-command]")));
}

const told = ({ dataset }) => ({ before: dataset.before, after: dataset.after, act: dataset.actOf });

// Returns the command that `content` begins with and what is said after it, or null.
export function commandOf(content) {
  const [, name, rest] = /^\/([a-z]+)(?:\s+([^]*))?$/.exec(content) ?? [];
  const option = options.find((one) => one.dataset.command === name);
  return option ? { ...told(option), rest: rest ?? "" } : null;
}

function look() {
  const typed = /^\/([a-z]*)$/.exec(field.value);
  if (!typed) {
    close();
    return;
  }
  for (const option of options) option.hidden = !option.dataset.command.startsWith(typed[1]);
  const found = shown();
  box.hidden = found.length === 0;
  mark(found[0] ?? null);
  status.textContent = found.length === 1 ? "1 command" : `${found.length} commands`;
}

function close() {
  box.hidden = true;
  mark(null);
}

function mark(option) {
  chosen = option;
  for (const one of options) one.setAttribute("aria-selected", String(one === option));
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

const keys = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: () => choose(chosen),
  Tab: () => choose(chosen),
  Escape: close,
};

function press(event) {
  if (box.hidden || event.isComposing || event.shiftKey || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  keys[event.key]();
}

function move(by) {
  const found = shown();
  mark(found[(found.indexOf(chosen) + by + found.length) % found.length]);
}

function choose(option) {
  if (!option) return;
  close();
  onPick(told(option));
}
