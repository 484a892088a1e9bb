// One request to the REST API, with the site's cookie and its CSRF token.

// Where a session's page reads and writes by plain requests.
export const under = (kind, id, verb = "") => `/api/${kind}/${id}/${verb ? `${verb}/` : ""}`;

const csrf = () => document.querySelector('[name="csrfmiddlewaretoken"]')?.value ?? "";

// Returns {ok, status, body, version}, or null when the server was not reached. `body` is null where
// the answer is no JSON; `version` is the answer's ETag.
export async function call(method, path, { body, match } = {}) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrf() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (match) headers["If-Match"] = match;
  try {
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const { ok, status } = answer;
    return { ok, status, body: await json(answer), version: answer.headers.get("ETag") };
  } catch {
    return null;
  }
}

async function json(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Why a request failed, for a person: DRF says `detail`, or what is wrong with each field.
export function reason(answer, otherwise) {
  if (answer === null) return `The server could not be reached; ${otherwise}.`;
  const { detail, ...fields } = answer.body ?? {};
  if (typeof detail === "string") return detail;
  const [first] = Object.values(fields).flat();
  return typeof first === "string" ? first : `The server refused: ${otherwise}.`;
}
