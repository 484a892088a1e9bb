// Reads pages of the session's event log by GET.

import { page } from "./page.js";
import { request } from "./rest.js";

/**
 * Returns the page of events after `after`; null when the server was not reached.
 * @type {(after: number, limit?: number) => Promise<ApiResponse | null>}
 */
export function fetchEvents(after, limit) {
  const path = `${page.events}?after=${after}`;
  return request("GET", limit ? `${path}&limit=${limit}` : path);
}
