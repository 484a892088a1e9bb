"""Parses the JSON of a request as strictly as a WebSocket frame."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from agent.exceptions import Refused
from chat import strict_json


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            value = strict_json.read(stream.read())
            strict_json.check(value)
            return value
        except Refused as refused:
            raise ParseError(str(refused), refused.code) from None
