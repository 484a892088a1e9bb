"""Everything but the page and its socket, over HTTP: REST, event streams, AG-UI. Decides nothing itself:
objects come through `chat.access`, changes go through `agent`."""

import sys
from types import ModuleType
from typing import Any

# REST framework imports packages that it could use, if they are installed: psycopg even on SQLite, and 15 MB
# in all. Nothing here uses them through it. An import of what stands for None fails.
_UNUSED = {"django.contrib.postgres", "requests", "pygments", "yaml"} - sys.modules.keys()
sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # None is documented
try:
    import rest_framework.compat  # noqa: F401  (only imported first here)
finally:
    for _name in _UNUSED:
        del sys.modules[_name]


def _request_factory() -> Any:
    from rest_framework.test import APIRequestFactory

    return APIRequestFactory()


# Only when the description of the API is made, drf-spectacular needs what imports Django's tests, 3 MB.
_TESTS = "rest_framework.test"
if _TESTS not in sys.modules:
    sys.modules[_TESTS] = _stand_in = ModuleType(_TESTS)
    _stand_in.APIRequestFactory = _request_factory  # type: ignore[attr-defined]
    try:
        import drf_spectacular.plumbing  # noqa: F401  (as above)
    finally:
        del sys.modules[_TESTS]
