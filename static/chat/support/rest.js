// Requests to the REST API, with the site's cookie and its CSRF token.

// The site may be served below a path, such as /samurai/static/chat/support/rest.js.
export const api = new URL("../../../api/", import.meta.url).pathname;

/** @type {(kind: string, id: string, action?: string) => string} */
export const apiPath = (kind, id, action = "") => `${api}${kind}/${id}/${action ? `${action}/` : ""}`;

function csrfToken() {
  /** @type {HTMLInputElement | null} */
  const field = document.querySelector('[name="csrfmiddlewaretoken"]');
  return field?.value ?? "";
}

/**
 * Returns null when the server was not reached. `match` is the version that the object must have.
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, match?: string | null}} [options]
 * @returns {Promise<ApiResponse | null>}
 */
export async function request(method, path, { body, match } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (match) headers["If-Match"] = match;
  try {
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const { ok, status } = response;
    return { ok, status, body: parsed(await response.text()), version: response.headers.get("ETag") };
  } catch {
    return null;
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Returns why a request failed: DRF's `detail`, or what is wrong with a field. Where the response gives
 * no reason, the text names the consequence, such as "nothing was saved".
 * @param {ApiResponse | null} response
 * @param {string} consequence
 */
export function errorText(response, consequence) {
  if (response === null) return `The server could not be reached; ${consequence}.`;
  const { detail, ...fields } = response.body ?? {};
  if (typeof detail === "string") return detail;
  const [first] = Object.values(fields).flat();
  return typeof first === "string" ? first : `The server refused: ${consequence}.`;
}
