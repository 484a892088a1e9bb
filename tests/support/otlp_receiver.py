"""A receiver of OTLP over HTTP on 127.0.0.1, which keeps the spans that it is sent."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Span:
    """`parent`: the id of the span above, "" for none. Times in nanoseconds since the epoch."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    begin: int
    end: int
    attributes: dict[str, Any]
    service: str
    events: int


@dataclass
class Receiver:
    """`with Receiver() as receiver: ... receiver.url ... receiver.spans`."""

    spans: list[Span] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        receiver = self

        class Requests(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.paths.add(self.path)
                receiver.spans += decoded(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Prints nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait_for(self, wanted: Callable[[Span], bool], seconds: float = 30) -> list[Span]:
        """Returns all spans once one of them is `wanted`."""
        give_up = time.monotonic() + seconds
        while not any(wanted(span) for span in self.spans):
            assert time.monotonic() < give_up, [span.name for span in self.spans]
            time.sleep(0.05)
        return list(self.spans)


def decoded(body: bytes) -> list[Span]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.kind,
            span.status.code == 2,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            _values(span.attributes),
            _values(of_process.resource.attributes).get("service.name", ""),
            len(span.events),
        )
        for of_process in request.resource_spans
        for of_scope in of_process.scope_spans
        for span in of_scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
