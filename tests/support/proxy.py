"""TCP proxies on 127.0.0.1: one that a test can cut, to take a service away from one site and nobody
else; and a bad line, which cuts, stalls, delays and splits what goes through it by chance."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections import Counter
from typing import Self


class Proxy:
    """`with Proxy("127.0.0.1", 6379) as proxy: ... proxy.port ... proxy.cut() ... proxy.mend()`."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0
        self.accepted = 0

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def cut(self) -> None:
        """Refuses new connections and resets those that are open."""
        if self._listener is not None:
            _close(self._listener)
            self._listener = None
        with self._lock:
            for end in self._open:
                _close(end)
            self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self.accepted += 1
                far = socket.create_connection(self._to)
                with self._lock:
                    self._open |= {near, far}
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=[source, sink], daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._pass_on(data, sink)
        _close(sink)
        _close(source)

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        """Raises OSError to end the connection."""
        sink.sendall(data)


class BadLine(Proxy):
    """While `is_bad`, each piece that goes through may meet with something. `did` counts what."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        super().__init__(host, port)
        self._chance = random.Random(seed)
        self.is_bad = False
        self.did: Counter[str] = Counter()

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        if not self.is_bad:
            sink.sendall(data)
            return
        names, weights = ("pass", "split", "delay", "stall", "cut"), (56, 12, 10, 4, 18)
        (fate,) = self._chance.choices(names, weights)
        self.did[fate] += 1
        getattr(self, f"_{fate}")(data, sink)

    def _split(self, data: bytes, sink: socket.socket) -> None:
        at = 0
        while at < len(data):
            size = self._chance.randint(1, 400)
            sink.sendall(data[at : at + size])
            at += size
            time.sleep(0.001)

    def _delay(self, data: bytes, sink: socket.socket) -> None:
        time.sleep(self._chance.uniform(0.02, 0.2))
        sink.sendall(data)

    def _stall(self, data: bytes, sink: socket.socket) -> None:
        time.sleep(self._chance.uniform(0.5, 1.5))
        sink.sendall(data)

    def _cut(self, data: bytes, sink: socket.socket) -> None:
        sink.sendall(data[: self._chance.randint(0, len(data))])  # perhaps in mid-frame
        raise ConnectionAbortedError

    def _pass(self, data: bytes, sink: socket.socket) -> None:
        sink.sendall(data)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
