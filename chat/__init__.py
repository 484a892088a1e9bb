"""The interfaces: pages, sockets and programs' ways in. Reads the log; changes things through `agent`."""
