// Runs an agent with AG-UI's official client, whose verifier checks every event. Reads what to ask as JSON
// on its standard input; prints each event, and at the end the client's own messages and state, as JSON lines.

import { HttpAgent } from "@ag-ui/client";
import { readFileSync } from "node:fs";

const { url, token, threadId, messages, runs } = JSON.parse(readFileSync(0, "utf8"));
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const agent = new HttpAgent({ url, threadId, headers: { Authorization: `Token ${token}` } });
agent.setMessages(messages);
try {
  for (const run of runs) {
    await agent.runAgent(run, { onEvent: ({ event }) => print({ event }) });
  }
  print({ messages: agent.messages, state: agent.state });
} catch (error) {
  print({ error: String(error) });
}
