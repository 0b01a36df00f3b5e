"""A throw-away Redis server on the loopback interface, with a password."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class RedisServer:
    """A server that stores nothing."""

    port: int
    password: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the server, with its password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it listens.

        Raises:
            TimeoutError: It did not within ten seconds.
        """
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--requirepass", self.password, "--save", ""]
        command = [tool("redis-server"), *options, "--dir", "/tmp"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not _listens(self.port):
            if time.monotonic() > deadline:
                message = "redis-server does not listen"
                raise TimeoutError(message)
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the server, if it runs."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing answers."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def _end(self, sent: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(sent)
            self.process.wait(timeout=10)
            self.process = None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run a server of its own for the time of a `with` block.

    Yields:
        The running server.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    server = RedisServer(port, f"secret-{os.urandom(6).hex()}")
    try:
        server.start()
        yield server
    finally:
        server.stop()
