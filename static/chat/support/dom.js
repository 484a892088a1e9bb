// Filling the page's parts: a part is cloned from the <template> that the server rendered from the
// same partial as the first paint, and its slots are set. Nothing here knows what a part means.

export const clone = (name) =>
  document.getElementById(`template-${name}`).content.firstElementChild.cloneNode(true);

export const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);

export function show(root, name, visible) {
  const node = slot(root, name);
  // A viewer's page has no buttons.
  if (node) node.toggleAttribute("hidden", !visible);
}

// Sets a slot's text; an empty one is hidden.
export function text(root, name, value) {
  const node = slot(root, name);
  if (!node) return;
  if (node.textContent !== String(value)) node.textContent = value;
  node.toggleAttribute("hidden", value === "");
}

export function attribute(node, name, value) {
  if (node && node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

export function picture(root, name, id) {
  attribute(slot(root, name).querySelector("use"), "href", `#${id}`);
}

// Sets a node's id, by which addresses name it, or takes it away.
export function name(node, id) {
  if (id) attribute(node, "id", id);
  else node.removeAttribute("id");
}

// Makes the children of a slot those of `items`, in order; one that is there already is kept. With
// `grows`, items never change and none goes: only new ones are filled.
export function list(root, name, items, { template, key, fill, grows = false }) {
  const box = slot(root, name);
  if (grows && box.childElementCount === items.length) {
    box.toggleAttribute("hidden", items.length === 0);
    return;
  }
  const known = new Map([...box.children].map((node) => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const id = String(key(item));
    const old = known.get(id);
    const node = old ?? cloneOf(template);
    known.delete(id);
    attribute(node, "data-key", id);
    if (!grows || !old) fill(node, item);
    if (box.children[index] !== node) box.insertBefore(node, box.children[index] ?? null);
  });
  for (const node of known.values()) node.remove();
  box.toggleAttribute("hidden", items.length === 0);
}

// A part of a drawing stands in its own <svg> in the template, so that it is read as a drawing.
function cloneOf(name) {
  const node = clone(name);
  return node.localName === "svg" ? node.firstElementChild : node;
}
