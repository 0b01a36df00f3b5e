"""A platform's edge: one public port that passes connections or requests on to the instances which have the traffic."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A connection's own headers end at the edge.
OWN_HEADERS = {"connection", "keep-alive", "content-length", "transfer-encoding"}


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


class RequestEdge:
    """A proxy for HTTP. Each request goes to an instance in proportion to the weights, whatever its connection.

    Args:
        https: Send away with a redirect who does not say `X-Forwarded-Proto: https`.
    """

    def __init__(self, *, https: bool = False) -> None:
        self._turns: Iterator[int] = iter(())
        self._lock = threading.Lock()
        edge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                if https and self.headers["X-Forwarded-Proto"] != "https":
                    self.send_response_only(308)
                    self.send_header("Location", f"https://{self.headers['Host']}{self.path}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, content = edge.forward(self.command, self.path, dict(self.headers.items()), body)
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in OWN_HEADERS:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """The public port."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"

    def route(self, weights: Mapping[int, int]) -> None:
        """Send new requests to these ports, in proportion to their weights."""
        turns = sorted(((n + 0.5) / weight, port) for port, weight in weights.items() for n in range(weight))
        with self._lock:
            self._turns = itertools.cycle([port for _, port in turns]) if turns else iter(())

    def forward(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass a request on and return status, headers and body of the answer."""
        with self._lock:
            port = next(self._turns, None)
        if port is None:
            return 404, [], b"nothing is deployed"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.closing(connection):
            try:
                sent = {name: value for name, value in headers.items() if name.lower() not in OWN_HEADERS}
                connection.request(method, path, body or None, sent)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, http.client.HTTPException) as error:
                return 503, [], repr(error).encode()

    def close(self) -> None:
        """Stop taking requests."""
        self._server.shutdown()
        self._server.server_close()
