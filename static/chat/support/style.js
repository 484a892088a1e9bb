// Loads a style sheet with the script that needs it.

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Resolves when the sheet is there, or can't be loaded: things work without their style.
 * @param {URL} url
 */
export function loadStyle({ href }) {
  const loading = loaded.get(href) ?? new Promise((resolve) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href });
    link.addEventListener("load", () => resolve(undefined));
    link.addEventListener("error", () => resolve(undefined));
    document.head.append(link);
  });
  loaded.set(href, loading);
  return loading;
}
