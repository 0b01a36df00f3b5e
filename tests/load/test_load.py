"""The load generator of the tests: it must see a lost request, or the tests that use it prove nothing."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

from support.load import KeepAliveLoad

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\nok"
ANSWERS_PER_CONNECTION = 5


@contextlib.contextmanager
def _server(last: bytes | None) -> Iterator[int]:
    """Serve a few answers on each connection and end it with `last`; without it, cut the next request."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for number in range(ANSWERS_PER_CONNECTION + 1):
                while (line := self.rfile.readline()).strip():
                    pass
                if not line:  # the client is gone
                    return
                if number < ANSWERS_PER_CONNECTION:
                    self.wfile.write(ANSWER % b"")
                elif last is not None:
                    self.wfile.write(last)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("last", [None, ANSWER[:30]], ids=["no answer", "half an answer"])
def test_a_request_without_a_complete_answer_is_lost(last: bytes | None) -> None:
    with _server(last) as port, KeepAliveLoad(port, connections=3) as load:
        load.wait_for_answers(3 * ANSWERS_PER_CONNECTION)
        report = load.stop()
    assert report.lost


def test_a_connection_that_is_closed_politely_is_no_loss_and_ends_the_load() -> None:
    with _server(ANSWER % b"Connection: close\r\n") as port:
        with KeepAliveLoad(port, connections=3, notice_seconds=0.1) as load:
            report = load.wait(timeout=10)
        assert report.lost == []
        assert report.refused == []
        assert report.closed_by_header >= 3
        assert report.answered >= 3 * (ANSWERS_PER_CONNECTION + 1)


def test_a_server_that_is_gone_is_reported_as_refused() -> None:
    with _server(None) as port:
        pass
    with KeepAliveLoad(port, connections=2) as load:
        report = load.wait(timeout=10)
    assert len(report.refused) == 2
