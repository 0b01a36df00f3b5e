"""An HTTP server on the loopback interface that keeps what it was sent, in place of a service elsewhere."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    """Unpacked, where it was sent with gzip."""


@dataclass
class Listener:
    """A running server."""

    port: int
    delay_seconds: float = 0.0
    """How long it lets its clients wait for an answer."""
    received: list[Received] = field(default_factory=list)

    def wait_for(self, count: int = 1, timeout: float = 10) -> list[Received]:
        """Wait until `count` requests have arrived, and return them.

        Raises:
            TimeoutError: Fewer did.
        """
        deadline = time.monotonic() + timeout
        while len(self.received) < count:
            if time.monotonic() > deadline:
                message = f"{len(self.received)} of {count} requests arrived in {timeout} s"
                raise TimeoutError(message)
            time.sleep(0.02)
        return list(self.received)


class _Handler(BaseHTTPRequestHandler):
    listener: ClassVar[Listener]
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        time.sleep(self.listener.delay_seconds)
        self.listener.received.append(Received(self.command, self.path, headers, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@contextlib.contextmanager
def listener() -> Iterator[Listener]:
    """Run a server that answers everything with 200, for the time of a `with` block.

    Yields:
        The running server.
    """
    running = Listener(port=0)
    handler = type("Handler", (_Handler,), {"listener": running})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        running.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
