"""A platform's edge: one public port that passes connections on to the instances which have the traffic."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Edge:
    """A proxy for TCP connections. Each new one goes to an instance in proportion to the weights."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._turns: Iterator[int] = iter(())
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"

    def route(self, weights: Mapping[int, int]) -> None:
        """Send new connections to these ports, in proportion to their weights; open ones stay where they are."""
        turns = [port for port, weight in weights.items() for _ in range(weight)]
        with self._lock:
            self._turns = itertools.cycle(turns) if turns else iter(())

    def close(self) -> None:
        """Stop taking connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                port = next(self._turns, None)
            if port is None:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client, port), daemon=True).start()

    @staticmethod
    def _serve(client: socket.socket, port: int) -> None:
        try:
            instance = socket.create_connection(("127.0.0.1", port))
        except OSError:
            client.close()
            return
        answers = threading.Thread(target=_pump, args=(instance, client), daemon=True)
        answers.start()
        _pump(client, instance)
        answers.join()
        client.close()
        instance.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until the source ends, and pass the end on."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
