"""A TCP proxy on 127.0.0.1 that a test can cut, to take a service away from one site and nobody else."""

from __future__ import annotations

import contextlib
import socket
import threading
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
                    threading.Thread(target=_pump, args=[source, sink], daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _close(sink)
    _close(source)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
