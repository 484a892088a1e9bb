"""Recognises the answer of a server that does not know the address of a request. Sends nothing."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_UNKNOWN = re.compile(
    r"unexpected endpoint"
    r"|(unknown|invalid|unsupported|unrecognized|no such) (request )?(endpoint|url|path|route)"
    r"|(endpoint|url|path|route)\b.{0,60} (not found|not exist|unknown|not supported)"
    r"|no (endpoint|route|handler) "
    r"|cannot post|method not allowed|unsupported method",
    re.IGNORECASE,
)
# All that some servers say about a path: Ollama, FastAPI, Azure.
_ONLY_NOT_FOUND = re.compile(r"\W*(404|error)?\W*((page|resource) )?(not found)?\W*", re.IGNORECASE)
_VERSION = re.compile(r"/v\d")


def is_unknown(status: int, text: str) -> bool:
    """Tells whether an answer means the path of the request. `status`: 0 for an error with status 200."""
    if status in (405, 501):
        return True
    if status == 404 and (text.lstrip().startswith("<") or _ONLY_NOT_FOUND.fullmatch(text)):
        return True
    return status in (0, 400, 404) and _UNKNOWN.search(text) is not None


def hint(base_url: str) -> str:
    """Returns a sentence on what may be wrong with the address of the server."""
    if _VERSION.search(urlsplit(base_url).path):
        return "Check OPENAI_BASE_URL."
    return "Does OPENAI_BASE_URL need /v1 at its end?"
