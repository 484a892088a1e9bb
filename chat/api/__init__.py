"""Everything but the page and its socket, over HTTP: REST, event streams, AG-UI. Decides nothing itself:
objects come through `chat.access`, changes go through `agent`."""

import sys

# REST framework imports packages that it could use, if they are installed: psycopg even on SQLite, and 15 MB
# in all. Nothing here uses them through it. An import of what stands for None fails.
_UNUSED = {"django.contrib.postgres", "requests", "pygments", "yaml"} - sys.modules.keys()
sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # None is documented
try:
    import rest_framework.compat  # noqa: F401  (only imported first here)
finally:
    for _name in _UNUSED:
        del sys.modules[_name]
