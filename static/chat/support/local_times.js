// Times as the reader's clock tells them; the server writes UTC. Both the first paint and live parts go
// through here, so that they read the same.

const formats = {
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { day: "numeric", month: "short" },
};
const format = Object.fromEntries(
  Object.entries(formats).map(([name, parts]) => [name, new Intl.DateTimeFormat(undefined, parts)]),
);
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function words(date, name) {
  if (name === "clock") return format.clock.format(date);
  if (date.toDateString() === new Date().toDateString()) return format.minute.format(date);
  const day = format.day.format(date);
  return name === "day" ? day : `${day}, ${format.minute.format(date)}`;
}

export function localise(node) {
  const date = new Date(node.dateTime);
  if (Number.isNaN(date.getTime())) return;
  node.textContent = words(date, node.dataset.format);
  node.title = whole.format(date);
}

export function localiseAll(root) {
  for (const node of root.querySelectorAll("time[datetime]")) localise(node);
}
