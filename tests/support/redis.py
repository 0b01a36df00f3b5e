"""A throw-away Redis server on the loopback interface, with a password."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class RedisServer:
    """A running server."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """The URL of the server, with its password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run a server of its own, which stores nothing, for the time of a `with` block.

    Yields:
        The running server.

    Raises:
        TimeoutError: It did not listen within ten seconds.
    """
    program = tool("redis-server")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    server = RedisServer(port, f"secret-{os.urandom(6).hex()}")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--requirepass", server.password, "--save", ""]
    process = subprocess.Popen([program, *options, "--dir", "/tmp"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not _listens(port):
            if time.monotonic() > deadline:
                message = "redis-server does not listen"
                raise TimeoutError(message)
            time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=10)
