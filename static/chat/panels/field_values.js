// The values of a task's and a memory's fields: as the API has them, and as the texts of a form's fields.

/** A value of the API as the text of its field. @type {(name: string, value: any) => string} */
export function asText(name, value) {
  if (name === "labels") return (value ?? []).join(" ");
  if (name === "criteria") return (value ?? []).map((/** @type {Criterion} */ { text }) => text).join("\n");
  return String(value ?? "");
}

/** The text of a field as a value of the API. @type {(name: string, text: string) => unknown} */
export function asValue(name, text) {
  if (name === "labels") return text.split(/[\s,]+/).filter(Boolean);
  if (name === "criteria") return text.split("\n").filter((line) => line.trim()).map((line) => ({ text: line }));
  if (name === "estimate") return text === "" ? null : Number(text);
  return ["due", "assignee"].includes(name) ? text || null : text;
}
