"""Everything but the page and its socket, over HTTP: REST, event streams, AG-UI. Decides nothing itself:
objects come through `chat.access`, changes go through `agent`."""
