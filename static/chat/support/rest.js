// Requests to the REST API, with the site's cookie and its CSRF token.

import { csrfToken } from "./forms.js";
import { pageUser, sitePath } from "./page.js";

export const api = `${sitePath}api/`;

/** @type {(kind: string, id: string, action?: string) => string} */
export const apiPath = (kind, id, action = "") => `${api}${kind}/${id}/${action ? `${action}/` : ""}`;

/**
 * Fetches for the user of the page. If somebody else has signed in, loads the page anew and throws.
 * @param {string} path
 * @param {{method?: string, headers?: Record<string, string>, body?: BodyInit, keepalive?: boolean}} [options]
 */
export async function fetchAsUser(path, { headers, ...options } = {}) {
  const own = { ...headers, "X-CSRFToken": csrfToken(), ...(pageUser && { "X-Page-User": pageUser }) };
  // A page that redirects, to the sign-in page, has nothing for a script.
  const response = await fetch(path, { ...options, headers: own, redirect: "error" });
  if (response.headers.has("X-Page-User")) {
    location.reload();
    await new Promise(() => {}); // nothing of this page goes on
  }
  return response;
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
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (match) headers["If-Match"] = match;
  try {
    const response = await fetchAsUser(path, { method, headers, body: body && JSON.stringify(body) });
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
  return firstText(fields) ?? `The server refused: ${consequence}.`;
}

/** Returns the first text within the errors of fields, which may be lists or of items. @type {(value: unknown) => string | undefined} */
function firstText(value) {
  if (typeof value === "string") return value;
  return value && typeof value === "object" ? Object.values(value).map(firstText).find(Boolean) : undefined;
}
