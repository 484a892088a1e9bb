// A form for a tool's arguments, made from its JSON Schema: texts, choices, numbers, booleans, lists, and
// objects within them. Other values are written as JSON. It does not know what a plan is.

import { findAll, slot } from "../support/dom.js";
import { isObject, withSpaces } from "../support/labels.js";
import { shorten } from "../support/shorten.js";

const MAX_CONTENT = 100; // characters of a memory that tell it from others of its title

/**
 * @typedef {object} Schema
 * @property {string} [type]
 * @property {string} [$ref]
 * @property {Record<string, Schema>} [$defs]
 * @property {Schema[]} [anyOf]
 * @property {unknown[]} [enum]
 * @property {Schema} [items]
 * @property {Record<string, Schema>} [properties]
 * @property {string[]} [required]
 * @property {string} [description]
 * @property {any} [default]
 * @property {number} [maxLength]
 * @property {"task" | "memory"} [x-object]  The kind of object whose id this is.
 */

/** @typedef {{$from: string, path: string}} Placeholder  Stands for a part of an earlier step's result. */

/**
 * @typedef {object} Context
 * @property {Record<string, Schema>} definitions  The schemas that references name.
 * @property {(placeholder: Placeholder) => string} describe
 */

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {Schema} schema
 * @property {any} value
 * @property {boolean} isRequired
 * @property {(value: unknown) => void} onChange
 */

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} attributes
 * @param {(Node | string)[]} children
 */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** @type {(value: unknown) => boolean} */
const isPlaceholder = (value) => isObject(value) && Object.hasOwn(value, "$from");

/** Follows references, and takes the only type that may also be null. @type {(schema: Schema, context: Context) => Schema} */
function resolved(schema, context) {
  const target = schema.$ref ? context.definitions[schema.$ref.split("/").at(-1) ?? ""] : schema;
  const types = target.anyOf?.filter(({ type }) => type !== "null");
  return types?.length === 1 ? { ...resolved(types[0], context), ...target, anyOf: undefined } : target;
}

/**
 * Returns a form for an object. `onChange` gets all values after each change.
 * @param {Schema} schema
 * @param {Record<string, unknown>} values
 * @param {(values: Record<string, unknown>) => void} onChange
 * @param {Context["describe"]} describe
 */
export const schemaForm = (schema, values, onChange, describe) =>
  objectForm(schema, values, onChange, { definitions: schema.$defs ?? {}, describe });

/**
 * @param {Schema} schema
 * @param {Record<string, unknown>} values
 * @param {(values: Record<string, unknown>) => void} onChange
 * @param {Context} context
 */
function objectForm(schema, values, onChange, context) {
  const box = element("div", { class: "fields" });
  const more = element("div", { class: "fields" });
  const required = schema.required ?? [];
  const current = { ...values };
  for (const [key, fieldSchema] of Object.entries(schema.properties ?? {})) {
    const value = current[key];
    const isRequired = required.includes(key);
    const node = fieldElement({
      name: withSpaces(key), schema: resolved(fieldSchema, context), value, isRequired,
      onChange(newValue) {
        if (newValue === undefined) delete current[key];
        else current[key] = newValue;
        onChange({ ...current });
      },
    }, context);
    const isEmpty = value === undefined || value === null || value === "";
    (isEmpty && !isRequired ? more : box).append(node);
  }
  if (more.childElementCount) {
    box.append(element("details", {}, element("summary", {}, "More"), more));
  }
  return box;
}

/** @type {(field: Field, context: Context) => HTMLElement} */
function fieldElement(field, context) {
  const { name, schema, value, isRequired } = field;
  if (isPlaceholder(value)) return placeholderField(field, context);
  if (schema.properties && isObject(value)) return groupField(field, context);
  const items = schema.type === "array" ? resolved(schema.items ?? {}, context) : null;
  if (items?.type === "object") return listField(field, items, context);
  if (schema.type === "array" && schema.items?.["x-object"]) return objectsField(field, schema.items["x-object"], context);
  const hint = schema.description && !schema["x-object"] ? element("small", {}, schema.description) : "";
  return element("label", {}, `${name}${isRequired ? " *" : ""}`, control(field), hint);
}

/** An object within the arguments. @type {(field: Field, context: Context) => HTMLElement} */
function groupField({ name, schema, value, onChange }, context) {
  const form = objectForm(schema, value, onChange, context);
  return element("fieldset", {}, element("legend", {}, name), form);
}

/** A placeholder, which a value may replace. @type {(field: Field, context: Context) => HTMLElement} */
function placeholderField({ name, value, onChange }, context) {
  const button = element("button", { type: "button", class: "link" }, "Enter a value");
  const quote = element("q", {}, context.describe(value));
  const box = element("p", { class: "holder" }, `${name}: `, quote, " ", button);
  button.addEventListener("click", () => {
    const input = element("input", { "aria-label": name, dir: "auto" });
    input.addEventListener("input", () => onChange(input.value));
    box.replaceChildren(`${name}: `, input);
    onChange("");
    input.focus();
  });
  return box;
}

/** @type {(field: Field, itemSchema: Schema, context: Context) => HTMLElement} */
function listField({ name, value, onChange }, itemSchema, context) {
  /** @type {Record<string, unknown>[]} */
  let items = [...(value ?? [])];
  const legend = element("legend", {}, name);
  const box = element("fieldset");
  const list = element("ol");
  const add = element("button", { type: "button" }, "Add item");
  /** @param {Record<string, unknown>[]} newItems */
  const setItems = (newItems) => {
    items = newItems;
    onChange([...items]);
  };
  const render = () => {
    const rows = items.map((item, index) => {
      const form = objectForm(itemSchema, item, (values) => setItems(replaced(items, index, values)), context);
      const remove = element("button", { type: "button", class: "link" }, "Remove");
      remove.setAttribute("aria-label", `Remove item ${index + 1} of ${name}`);
      remove.addEventListener("click", () => {
        setItems(items.filter((_, other) => other !== index));
        render();
      });
      return element("li", {}, form, remove);
    });
    list.replaceChildren(...rows);
  };
  add.addEventListener("click", () => {
    setItems([...items, {}]);
    render();
    /** @type {HTMLElement | null | undefined} */
    const first = list.lastElementChild?.querySelector("input, textarea, select");
    first?.focus();
  });
  render();
  box.append(legend, list, add);
  return box;
}

/** @type {<Item>(items: Item[], index: number, item: Item) => Item[]} */
const replaced = (items, index, item) => items.map((old, other) => (other === index ? item : old));

/**
 * Several tasks or memories, each with a checkbox. The chosen ones stand first, in their order.
 * @type {(field: Field, kind: "task" | "memory", context: Context) => HTMLElement}
 */
function objectsField({ name, value, isRequired, onChange }, kind, context) {
  /** @type {unknown[]} */
  let chosen = [...(value ?? [])];
  const objects = boardObjects(kind);
  /** @type {Map<unknown, string>} */
  const titles = new Map(objects);
  const others = objects.map(([key]) => key).filter((key) => !chosen.includes(key));
  const rows = [...chosen, ...others].map((key) => {
    const box = element("input", { type: "checkbox" });
    box.checked = chosen.includes(key);
    box.addEventListener("input", () => {
      chosen = box.checked ? [...chosen, key] : chosen.filter((other) => other !== key);
      onChange(chosen.length || isRequired ? chosen : undefined);
    });
    const text = isPlaceholder(key)
      ? context.describe(/** @type {Placeholder} */ (key))
      : (titles.get(key) ?? String(key));
    return element("li", {}, element("label", {}, box, text));
  });
  const legend = element("legend", {}, `${name}${isRequired ? " *" : ""}`);
  return element("fieldset", { class: "picks" }, legend, element("ul", {}, ...rows));
}

// -- single values ----------------------------------------------------------------------------------

/** @param {Field} field */
function control(field) {
  const node = newControl(field);
  node.addEventListener("input", () => {
    node.setCustomValidity("");
    try {
      field.onChange(read(field, node));
    } catch {
      node.setCustomValidity("Not valid JSON.");
    }
  });
  return node;
}

/** @param {Schema} schema */
const isNumber = (schema) => schema.type === "integer" || schema.type === "number";

/** A list that is written with one item a line. @param {Schema} schema */
const isLines = (schema) =>
  schema.type === "array" && ["string", "integer"].includes(schema.items?.type ?? "");

/**
 * @param {Field} field
 * @returns {Control}
 */
function newControl({ schema, value, isRequired }) {
  if (schema.enum) {
    /** @type {[unknown, string][]} */
    const options = schema.enum.map((option) => [option, withSpaces(String(option))]);
    return choice(options, value, isRequired);
  }
  if (schema["x-object"]) return choice(boardObjects(schema["x-object"]), value, isRequired);
  if (schema.type === "boolean") {
    const box = element("input", { type: "checkbox" });
    box.checked = value ?? schema.default ?? false;
    return box;
  }
  if (isNumber(schema)) {
    const step = schema.type === "integer" ? 1 : "any";
    return element("input", { type: "number", step, value: value ?? "", required: isRequired });
  }
  const text = valueText(schema, value);
  if (schema.type === "string" && (schema.maxLength ?? 0) <= 500) {
    return element("input", { value: text, dir: "auto", required: isRequired });
  }
  const area = element("textarea", { dir: "auto", rows: Math.min(6, text.split("\n").length + 1) });
  area.value = text;
  return area;
}

/** @type {(schema: Schema, value: any) => string} */
function valueText(schema, value) {
  if (value === undefined || value === null) return "";
  if (schema.type === "string") return String(value);
  return isLines(schema) ? value.join("\n") : JSON.stringify(value, null, 1);
}

/**
 * Returns the value that was entered, or undefined for none.
 * @type {(field: Field, node: Control) => unknown}
 */
function read({ schema, isRequired }, node) {
  if (node instanceof HTMLInputElement && node.type === "checkbox") return node.checked;
  const text = node.value;
  if (text === "" && !isRequired) return undefined;
  if (isNumber(schema)) return Number(text);
  if (schema.enum || schema.type === "string" || schema["x-object"]) return text;
  if (!isLines(schema)) return JSON.parse(text);
  const lines = text.split("\n").filter((line) => line.trim());
  return schema.items?.type === "integer" ? lines.map(Number) : lines;
}

/** @type {(options: [unknown, string][], value: any, isRequired: boolean) => HTMLSelectElement} */
function choice(options, value, isRequired) {
  /** @type {[unknown, string][]} */
  const all = isRequired ? options : [["", "–"], ...options];
  const isKnown = all.some(([option]) => option === value) || value === undefined || value === null;
  const select = element("select", { required: isRequired });
  for (const [option, text] of isKnown ? all : [...all, [value, value]]) {
    select.append(element("option", { value: option, selected: option === (value ?? "") }, text));
  }
  return select;
}

/**
 * The tasks or memories in the panel: id, and a text that tells those with one title apart.
 * @type {(kind: "task" | "memory") => [string, string][]}
 */
const boardObjects = (kind) =>
  findAll(document, `#panels .${kind}[data-key]`).map((node) => [node.dataset.key ?? "", objectText(node, kind)]);

/** @type {(node: HTMLElement, kind: "task" | "memory") => string} */
function objectText(node, kind) {
  /** @param {string} name */
  const text = (name) => slot(node, `${kind}-${name}`).textContent ?? "";
  if (kind === "task") return `${text("number")} ${text("title")}`.trim();
  const content = shorten(text("note"), MAX_CONTENT);
  return `${text("title")} (${text("kind")}${content && ": "}${content})`;
}
