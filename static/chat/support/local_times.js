// Shows times by the reader's clock; the server writes UTC. The first paint and live parts both use
// this module, so that they read the same.

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const options = {
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { day: "numeric", month: "short" },
};
const formats = Object.fromEntries(
  Object.entries(options).map(([name, parts]) => [name, new Intl.DateTimeFormat(undefined, parts)]),
);
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @type {(date: Date, format: string | undefined) => string} */
export function timeText(date, format) {
  if (format === "clock") return formats.clock.format(date);
  if (date.toDateString() === new Date().toDateString()) return formats.minute.format(date);
  const day = formats.day.format(date);
  return format === "day" ? day : `${day}, ${formats.minute.format(date)}`;
}

/** @param {HTMLTimeElement} node */
export function localise(node) {
  const date = new Date(node.dateTime);
  if (Number.isNaN(date.getTime())) return;
  node.textContent = timeText(date, node.dataset.format);
  node.title = fullFormat.format(date);
}

/** @param {ParentNode} root */
export function localiseAll(root) {
  /** @type {NodeListOf<HTMLTimeElement>} */
  const nodes = root.querySelectorAll("time[datetime]");
  for (const node of nodes) localise(node);
}

const dayOf = () => new Date().toDateString();
let shownDay = dayOf();

/** A time of today has no date. When the day is over, it gets one. */
function renewOnNewDay() {
  if (shownDay === dayOf()) return;
  shownDay = dayOf();
  localiseAll(document);
}

// A timer of a sleeping computer or of a hidden page is late: the page is also renewed when it is seen.
export function renewAtMidnight() {
  document.addEventListener("visibilitychange", renewOnNewDay);
  const wait = () => setTimeout(renew, new Date().setHours(24, 0, 0, 0) - Date.now());
  const renew = () => {
    renewOnNewDay();
    wait();
  };
  wait();
}
