"""A small OpenAI-compatible server for tests: real HTTP on 127.0.0.1, each answer scripted.

It answers from a script, one answer for each request, or by a handler that looks at the request. It
is as wrong as a test wants: holds answers back, cuts them off. It knows nothing of the agent.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

JSON = "application/json"
EVENTS = "text/event-stream"
_NAMED = re.compile(r'JSON Schema, named "(\w+)"')


class Gate:
    """A place in an answer where the server waits until the test opens it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()

    def open(self) -> None:
        with self._lock:
            self.opened.set()
            for loop, event in self._waiters:
                with suppress(RuntimeError):  # that server is closed
                    loop.call_soon_threadsafe(event.set)

    async def arrived(self, timeout: float = 30) -> None:
        """Waits, in the test, until the server stands before the gate."""
        assert await asyncio.to_thread(self.reached.wait, timeout), "the server did not get here"

    async def wait(self) -> None:
        event = asyncio.Event()
        with self._lock:
            if self.opened.is_set():
                event.set()
            self._waiters.append((asyncio.get_running_loop(), event))
        self.reached.set()
        await event.wait()


@dataclass(slots=True)
class Answer:
    """What is sent for one request. Among the parts a `Gate` waits, a number sleeps (seconds)."""

    parts: list[bytes | Gate | float]
    status: int = 200
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False  # close the connection instead of ending the answer
    held: Gate | None = None  # before the status line


@dataclass(slots=True)
class Request:
    """What a client sent. `gone` is set when it closes the connection before its answer ended."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def form(self) -> str:
        """json_schema, json_object, or "" for text."""
        return str(self.body.get("response_format", {}).get("type", ""))

    @property
    def asked(self) -> str:
        """Returns the name of the schema that is asked for: analysis, plan, memory; or "answer"."""
        if self.form == "json_schema":
            return str(self.body["response_format"]["json_schema"]["name"])
        found = _NAMED.search(self.text)
        return found[1] if found else "answer"

    @property
    def text(self) -> str:
        return "\n\n".join(message["content"] for message in self.body["messages"])

    @property
    def message(self) -> str:
        """Returns the person's message out of the prompt."""
        return self.text.rpartition("<message>\n")[2].partition("\n</message>")[0]

    async def left(self, timeout: float = 10) -> bool:
        """Tells whether the client closes the connection, waiting for it."""
        return await asyncio.to_thread(self.gone.wait, timeout)


Handler = Callable[[Request], Answer]


# -- answers ---------------------------------------------------------------------------------------


def as_json(body: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer([json.dumps(body).encode()], status=status, headers=named)


def raw(text: str | bytes, kind: str = JSON, status: int = 200) -> Answer:
    return Answer([text if isinstance(text, bytes) else text.encode()], status=status, kind=kind)


def html(status: int = 200) -> Answer:
    return raw(
        "<!doctype html><html><title>Sign in to the proxy</title></html>", "text/html", status
    )


def error(status: int, message: str = "", code: str | None = None, **headers: str) -> Answer:
    return as_json({"error": {"message": message, "code": code}}, status, **headers)


def said(content: Any, finish_reason: str | None = "stop", **message: Any) -> Answer:
    """A whole answer; a dict that is no content of its own is sent as JSON text."""
    text = json.dumps(content) if isinstance(content, dict) else content
    full = {"role": "assistant", "content": text, **message}
    return as_json(completion({"message": full, "finish_reason": finish_reason}))


def completion(*choices: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": number, **choice} for number, choice in enumerate(choices)],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def held(answer: Answer, gate: Gate) -> Answer:
    answer.held = gate
    return answer


def slowly(answer: Answer, pause: float) -> Answer:
    """Sends `answer` byte by byte."""
    whole = b"".join(part for part in answer.parts if isinstance(part, bytes))
    answer.parts = [item for byte in whole for item in (bytes([byte]), pause)]
    return answer


def chunk(text: Any = None, finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    if text is not None:
        delta["content"] = text
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


USED = {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 7}}


def events(items: Iterable[Any], *, done: bool = True, cut: bool = False) -> Answer:
    """A stream of `items`: dicts are sent as events, bytes as they are, gates and numbers wait."""
    parts: list[bytes | Gate | float] = [
        item if isinstance(item, bytes | Gate | float) else f"data: {json.dumps(item)}\n\n".encode()
        for item in items
    ]
    if done:
        parts.append(b"data: [DONE]\n\n")
    return Answer(parts, kind=EVENTS, cut=cut)


def stream(*pieces: str | Gate | float) -> Answer:
    """A streamed answer that is as it should be."""
    words = [chunk(piece) if isinstance(piece, str) else piece for piece in pieces]
    return events([chunk("", role="assistant"), *words, chunk(finish_reason="stop"), USED])


def words(text: str) -> Answer:
    """Streams `text` word by word."""
    return stream(*re.findall(r"\S+\s*", text))


def tokens(text: str) -> list[str]:
    """Cuts a text into pieces as long as tokens are."""
    return re.findall(r"\s?\w{1,6}|\s?[^\w\s]{1,3}|\s", text)


Given = Answer | dict[str, Any] | str | Callable[[Request], Answer | dict[str, Any] | str]


def by_schema(**answers: Given) -> Handler:
    """Returns a handler for conversations, with what to say to analysis, plan, memory, answer.

    A dict is sent as JSON, a text is streamed word by word, a function is asked for either.
    """

    def handle(request: Request) -> Answer:
        given = answers[request.asked]
        result = given(request) if callable(given) else given
        if isinstance(result, Answer):
            return result
        return words(result) if isinstance(result, str) else said(result)

    return handle


# -- the server ------------------------------------------------------------------------------------


class ModelServer:
    """Runs in a thread of its own: `with ModelServer() as server: ... server.base_url`."""

    def __init__(self, handler: Handler | None = None, *, port: int = 0) -> None:
        self.handler = handler
        self.requests: list[Request] = []  # for answers
        self.lookups: list[str] = []  # paths of the requests for models
        self.models: dict[str, Answer] = {}  # what it tells of them, by path
        self.connections = 0
        self.port = port  # 0 for any
        self._script: list[Answer] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-server", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, answers: Iterable[Answer]) -> None:
        """Queues answers, one for each of the next requests."""
        self._script.extend(answers)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the model server did not end"

    def _run(self) -> None:
        try:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        # First: asyncio drops a connection unclosed that it accepted just before the server closes.
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        await asyncio.sleep(0.01)
        server.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for writer in self._writers:
                writer.transport.abort()  # its task sees that the client is gone, and ends
            await asyncio.wait(others, timeout=0.1)
        await asyncio.gather(
            *(writer.wait_closed() for writer in self._writers), return_exceptions=True
        )

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        self._writers.append(writer)
        first = b""
        try:
            while request := await _read(reader, first, connection):
                if request.method == "POST":
                    self.requests.append(request)
                else:
                    self.lookups.append(request.path)
                first, keep = await self._respond(request, reader, writer)
                if not keep:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _respond(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[bytes, bool]:
        """Sends the answer unless the client leaves. Returns bytes read on, whether to go on."""
        watch = asyncio.create_task(reader.read(1))
        work = asyncio.create_task(_send(self._answer(request), writer))
        try:
            await asyncio.wait({watch, work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and watch.done() and not watch.result():
                request.gone.set()
                return b"", False
            keep = await work
            return (watch.result() if watch.done() else b""), keep
        except ConnectionError:  # a write has met the closed connection before the read
            request.gone.set()
            raise
        finally:
            for task in (watch, work):
                task.cancel()
            await asyncio.gather(watch, work, return_exceptions=True)

    def _answer(self, request: Request) -> Answer:
        if request.method != "POST":
            return self.models.get(request.path) or error(404, "Not Found")
        if self._script:
            return self._script.pop(0)
        if self.handler is not None:
            return self.handler(request)
        return error(418, "the test scripted no answer for this request")


async def _read(reader: asyncio.StreamReader, first: bytes, connection: int) -> Request | None:
    head = first + await reader.readuntil(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = start.split()
    return Request(method, path, headers, json.loads(body or b"{}"), connection)


async def _send(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    """Returns whether the connection goes on."""
    if answer.held is not None:
        await answer.held.wait()
    fields = {"content-type": answer.kind, "transfer-encoding": "chunked", **answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {answer.status} Status\r\n{head}\r\n".encode("latin-1"))
    for part in answer.parts:
        await _send_part(part, writer)
    if answer.cut:
        return False
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _send_part(part: bytes | Gate | float, writer: asyncio.StreamWriter) -> None:
    if isinstance(part, Gate):
        await part.wait()
    elif isinstance(part, bytes):
        if not part:
            return  # a chunk without bytes would end the answer
        writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
    else:
        await asyncio.sleep(part)
