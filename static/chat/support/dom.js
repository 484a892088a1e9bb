// Fills parts of the page. A part is cloned from the <template> that the server rendered from the
// same partial as the first paint, and its slots are set. This module does not know what a part means.

/**
 * For elements that every page of a session has.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export const byId = (id) => /** @type {T} */ (document.getElementById(id));

/** @type {<T extends HTMLElement = HTMLElement>(root: ParentNode, selector: string) => T | null} */
export const find = (root, selector) => root.querySelector(selector);

/** @type {<T extends HTMLElement = HTMLElement>(root: ParentNode, selector: string) => T[]} */
export const findAll = (root, selector) => Array.from(root.querySelectorAll(selector));

/**
 * Returns the element that matches and contains the event's target.
 * @type {<T extends HTMLElement = HTMLElement>(event: Event, selector: string) => T | null}
 */
export const closest = ({ target }, selector) =>
  target instanceof Element ? target.closest(selector) : null;

/** @type {(name: string) => HTMLElement} */
export function clone(name) {
  const { content } = /** @type {HTMLTemplateElement} */ (document.getElementById(`template-${name}`));
  return /** @type {HTMLElement} */ (content.firstElementChild?.cloneNode(true));
}

/** For slots that a viewer's page lacks, such as buttons. @type {typeof find} */
export const findSlot = (root, name) => find(root, `[data-slot="${name}"]`);

/** @type {<T extends HTMLElement = HTMLElement>(root: ParentNode, name: string) => T} */
export const slot = (root, name) => /** @type {any} */ (findSlot(root, name));

/** @type {(root: ParentNode, name: string, visible: unknown) => void} */
export const setVisible = (root, name, visible) =>
  findSlot(root, name)?.toggleAttribute("hidden", !visible);

/**
 * Sets a slot's text. An empty slot is hidden.
 * @param {ParentNode} root
 * @param {string} name
 * @param {string | number} value
 */
export function setText(root, name, value) {
  const node = findSlot(root, name);
  if (!node) return;
  if (node.textContent !== String(value)) node.textContent = String(value);
  node.toggleAttribute("hidden", value === "");
}

/** @type {(node: Element | null, name: string, value: unknown) => void} */
export function setAttribute(node, name, value) {
  if (node && node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/** @type {(root: ParentNode, name: string, icon: string) => void} */
export const setIcon = (root, name, icon) =>
  setAttribute(slot(root, name).querySelector("use"), "href", `#${icon}`);

/** Sets the id that links point to. @type {(node: Element, id: string) => void} */
export function setId(node, id) {
  if (id) setAttribute(node, "id", id);
  else node.removeAttribute("id");
}

/**
 * Makes the children of a slot those of `items`, in order. Children that are there already are kept.
 * With `append`, items never change or disappear, so that only new ones are filled.
 * @template Item
 * @param {ParentNode} root
 * @param {string} name
 * @param {Item[]} items
 * @param {{
 *   template: string, key: (item: Item) => string | number, fill: (node: any, item: Item) => void,
 *   append?: boolean,
 * }} options
 */
export function setList(root, name, items, { template, key, fill, append = false }) {
  const box = slot(root, name);
  if (append && box.childElementCount === items.length) {
    box.toggleAttribute("hidden", items.length === 0);
    return;
  }
  const unused = new Map(findAll(box, ":scope > *").map((node) => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const id = String(key(item));
    const existing = unused.get(id);
    const node = existing ?? cloneItem(template);
    unused.delete(id);
    setAttribute(node, "data-key", id);
    if (!append || !existing) fill(node, item);
    if (box.children[index] !== node) box.insertBefore(node, box.children[index] ?? null);
  });
  for (const node of unused.values()) node.remove();
  box.toggleAttribute("hidden", items.length === 0);
}

/**
 * A part of a drawing stands in its own <svg> in the template, so that it is parsed as a drawing.
 * @param {string} name
 */
function cloneItem(name) {
  const node = clone(name);
  return /** @type {HTMLElement} */ (node.localName === "svg" ? node.firstElementChild : node);
}
