"""The agent: plans, carries out, records. No HTTP, no sockets; `chat` imports it, never the reverse."""
