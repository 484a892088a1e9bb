// A form for a tool's arguments, from its JSON Schema: texts, choices, numbers, yes and no, lists, and
// objects in them. What it cannot draw is written as JSON. Knows nothing of plans.

import { spaced } from "../support/labels.js";

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
};

export const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value);

// Follows references, and takes the one thing that may also be nothing.
function plainly(schema, named) {
  const found = schema.$ref ? named[schema.$ref.split("/").at(-1)] : schema;
  const other = found.anyOf?.filter((one) => one.type !== "null");
  return other?.length === 1 ? { ...plainly(other[0], named), ...found, anyOf: undefined } : found;
}

// Returns a form for an object. `changed(values)` gets all of it after each change; `says(holder)` is
// told what a placeholder, which stands for an earlier step's result, means.
export function objectForm(schema, values, { named = schema.$defs ?? {}, says, changed }) {
  const box = make("div", { class: "fields" });
  const more = make("div", { class: "fields" });
  const needed = schema.required ?? [];
  const now = { ...values };
  for (const [key, raw] of Object.entries(schema.properties ?? {})) {
    const one = plainly(raw, named);
    const set = (value) => {
      if (value === undefined) delete now[key];
      else now[key] = value;
      changed({ ...now });
    };
    const field = fieldFor({ key, one, value: now[key], needed: needed.includes(key), named, says, set });
    const isEmpty = now[key] === undefined || now[key] === null || now[key] === "";
    (isEmpty && !needed.includes(key) ? more : box).append(field);
  }
  if (more.childElementCount) {
    box.append(make("details", {}, make("summary", {}, "More"), more));
  }
  return box;
}

function fieldFor({ key, one, value, needed, named, says, set }) {
  const name = spaced(key);
  if (isObject(value) && Object.hasOwn(value, "$from")) return holderField(name, value, says, set);
  if (one.type === "array" && plainly(one.items ?? {}, named).type === "object") {
    return listField(name, plainly(one.items, named), value ?? [], { named, says, set });
  }
  if (isObjects(one)) {
    return picksField(name, one.items["x-object"], value ?? [], { needed, says, set });
  }
  const hint = one.description && !one["x-object"] ? make("small", {}, one.description) : "";
  const control = controlFor(one, value, needed, set);
  return make("label", {}, `${name}${needed ? " *" : ""}`, control, hint);
}

// A part of an earlier step's result; a value of one's own may take its place.
function holderField(name, holder, says, set) {
  const button = make("button", { type: "button", class: "link" }, "Give a value instead");
  const box = make("p", { class: "holder" }, `${name}: `, make("q", {}, says(holder)), " ", button);
  button.addEventListener("click", () => {
    const input = make("input", { "aria-label": name });
    input.addEventListener("input", () => set(input.value));
    box.replaceChildren(`${name}: `, input);
    set("");
    input.focus();
  });
  return box;
}

function listField(name, schema, items, { named, says, set }) {
  let now = [...items];
  const box = make("fieldset", {}, make("legend", {}, name));
  const draw = () => {
    const rows = now.map((item, index) => {
      const changed = (values) => {
        now[index] = values;
        set([...now]);
      };
      const drop = make("button", { type: "button", class: "link" }, "Drop");
      drop.setAttribute("aria-label", `Drop item ${index + 1} of ${name}`);
      drop.addEventListener("click", () => {
        now = now.filter((_, at) => at !== index);
        set([...now]);
        draw();
      });
      return make("li", {}, objectForm(schema, item, { named, says, changed }), drop);
    });
    const add = make("button", { type: "button" }, "Add an item");
    add.addEventListener("click", () => {
      now = [...now, {}];
      set([...now]);
      draw();
      box.querySelector("ol").lastElementChild.querySelector("input, textarea, select")?.focus();
    });
    const list = make("ol", {}, ...rows);
    box.replaceChildren(box.firstElementChild, list, add);
  };
  draw();
  return box;
}

// Several tasks or memories: each with a box to check. Those that are chosen stand first, in their order.
function picksField(name, kind, value, { needed, says, set }) {
  let now = [...value];
  const known = objectsOf(kind);
  const named = new Map(known);
  const rest = known.filter(([key]) => !value.includes(key));
  const wordsOf = (key) => (isObject(key) ? says(key) : (named.get(key) ?? key));
  const rows = [...value.map((key) => [key, wordsOf(key)]), ...rest].map(([key, words]) => {
    const tick = make("input", { type: "checkbox" });
    tick.checked = value.includes(key);
    tick.addEventListener("input", () => {
      now = tick.checked ? [...now, key] : now.filter((one) => one !== key);
      set(now.length || needed ? now : undefined);
    });
    return make("li", {}, make("label", {}, tick, words));
  });
  const legend = make("legend", {}, `${name}${needed ? " *" : ""}`);
  return make("fieldset", { class: "picks" }, legend, make("ul", {}, ...rows));
}

const isObjects = (one) => one.type === "array" && one.items?.["x-object"] !== undefined;

function controlFor(one, value, needed, set) {
  const control = draw(one, value, needed);
  control.addEventListener("input", () => {
    control.setCustomValidity("");
    try {
      set(read(one, control, needed));
    } catch {
      control.setCustomValidity("This is no JSON.");
    }
  });
  return control;
}

const isTexts = (one) => one.type === "array" && ["string", "integer"].includes(one.items?.type);

function draw(one, value, needed) {
  if (one.enum) return choice(one.enum.map((each) => [each, spaced(String(each))]), value, needed);
  if (one["x-object"]) return choice(objectsOf(one["x-object"]), value, needed);
  if (one.type === "boolean") {
    const box = make("input", { type: "checkbox" });
    box.checked = value ?? one.default ?? false;
    return box;
  }
  if (["integer", "number"].includes(one.type)) {
    const step = one.type === "integer" ? 1 : "any";
    return make("input", { type: "number", step, value: value ?? "", required: needed });
  }
  const text = written(one, value);
  if (one.type === "string" && (one.maxLength ?? 0) <= 500) {
    return make("input", { value: text, maxlength: one.maxLength, required: needed });
  }
  const area = make("textarea", { rows: Math.min(6, text.split("\n").length + 1) });
  area.value = text;
  return area;
}

function written(one, value) {
  if (value === undefined || value === null) return "";
  if (one.type === "string") return String(value);
  return isTexts(one) ? value.join("\n") : JSON.stringify(value, null, 1);
}

function read(one, control, needed) {
  if (control.type === "checkbox") return control.checked;
  const text = control.value;
  if (text === "" && !needed) return undefined;
  if (["integer", "number"].includes(one.type)) return Number(text);
  if (one.enum || one.type === "string" || one["x-object"]) return text;
  if (!isTexts(one)) return JSON.parse(text);
  const lines = text.split("\n").filter((each) => each.trim());
  return one.items.type === "integer" ? lines.map(Number) : lines;
}

function choice(options, value, needed) {
  const all = needed ? options : [["", "–"], ...options];
  const known = all.some(([each]) => each === value) || value === undefined || value === null;
  const select = make("select", { required: needed });
  for (const [each, words] of known ? all : [...all, [value, value]]) {
    select.append(make("option", { value: each, selected: each === (value ?? "") }, words));
  }
  return select;
}

// The tasks or memories of the board beside the transcript: id and title.
const objectsOf = (kind) =>
  [...document.querySelectorAll(`#panels .${kind}[data-key]`)].map((node) => [
    node.dataset.key, node.querySelector(`[data-slot="${kind}-title"]`).textContent,
  ]);
