// The insides of closed runs in earlier parts, kept outside of the document until they are opened: a
// session of a thousand runs would be half a million nodes otherwise.

const bodies = new WeakMap(); // by details
const homes = new WeakMap(); // the details of each body that is stowed

export function stow(root) {
  for (const details of root.querySelectorAll('[data-slot="run-details"]:not([open])')) {
    const body = details.querySelector('[data-slot="run-body"]');
    bodies.set(details, body);
    homes.set(body, details);
    body.remove();
  }
}

export function unstow(details) {
  const body = bodies.get(details);
  if (body) details.append(body);
  bodies.delete(details);
}

// Brings the insides back that `node` is a part of.
export function unstowAround(node) {
  const details = homes.get(node.closest('[data-slot="run-body"]'));
  if (details) unstow(details);
}

export function setUpStowing(log) {
  log.addEventListener("toggle", (event) => unstow(event.target), { capture: true });
}
