// The tools that a plan's steps may call, fetched when somebody edits a plan for the first time.

let tools = null;

// Returns {name, description, parameters} by name, or null when the server was not reached.
export async function fetchTools() {
  if (tools) return tools;
  try {
    const answer = await fetch("/api/tools/", { headers: { Accept: "application/json" } });
    if (!answer.ok) return null;
    const told = await answer.json();
    tools = new Map((told.results ?? told).map((one) => [one.name, one]));
    return tools;
  } catch {
    return null;
  }
}
