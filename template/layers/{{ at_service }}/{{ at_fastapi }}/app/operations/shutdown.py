"""Stops without losing a request.

At the first signal the instance says so (/ready answers 503, responses close their connection) and serves on until load
balancers have looked away. A second signal ends the wait.
"""

import asyncio
import socket
from types import FrameType

import uvicorn

# For connections that were accepted in the moment in which the listener closed.
LINGER_SECONDS = 0.5


class Drain:
    """Whether this instance is about to stop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.draining = False


class Server(uvicorn.Server):
    """A server that drains before it stops."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal, stop at the second."""
        if self._drain.draining or self._loop is None:
            super().handle_exit(sig, frame)
            return
        self._drain.draining = True
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain.seconds, super().handle_exit, sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners, then the connections."""
        for server in self.servers:
            server.close()
        if not self.force_exit:
            await asyncio.sleep(LINGER_SECONDS)
        await super().shutdown(sockets)
