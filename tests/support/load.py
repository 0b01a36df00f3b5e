"""Keep-alive load without retries: it counts each request that a server accepted and did not answer."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 15.0


@dataclass
class Report:
    """What happened to the requests of a load."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    """One line for each request that was written to an open connection and got no complete answer."""
    refused: list[str] = field(default_factory=list)
    """One line for each connection that could not be opened."""
    closed_by_header: int = 0
    """Answers that said `Connection: close`."""

    @property
    def answered(self) -> int:
        """The number of complete answers."""
        return self.statuses.total()


class KeepAliveLoad:
    """Connections that each send one request after the other, for the time of a `with` block.

    A server that drains says `Connection: close`. The load then behaves like a load balancer that needs
    `notice_seconds` to notice: until then a client opens a new connection, afterwards it is done.
    """

    def __init__(  # noqa: PLR0913
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        path: str = "/health",
        headers: Mapping[str, str] | None = None,
        connections: int = 20,
        pause_seconds: float = 0.0,
        notice_seconds: float = 0.5,
    ) -> None:
        self.report = Report()
        self._address = (host, port)
        self._path = path
        self._headers = dict(headers or {})
        self._pause_seconds = pause_seconds
        self._notice_seconds = notice_seconds
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._first_close: float | None = None
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(connections)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> Report:
        """Let every client finish its request in flight, then return what happened."""
        self._stop.set()
        return self.wait()

    def wait(self, timeout: float = 60.0) -> Report:
        """Wait until the server has sent every client away, then return what happened.

        Args:
            timeout: Seconds for all clients together.

        Returns:
            The finished report.

        Raises:
            TimeoutError: Clients are still at work.
        """
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            message = f"the load still runs after {timeout} s: {self.report}"
            raise TimeoutError(message)
        return self.report

    def wait_for_answers(self, count: int, timeout: float = 30.0) -> None:
        """Wait until `count` requests were answered, so that a fault hits a server that is busy.

        Raises:
            TimeoutError: The server did not answer that many.
        """
        deadline = time.monotonic() + timeout
        while self.report.answered < count:
            if time.monotonic() > deadline:
                message = f"fewer than {count} answers in {timeout} s: {self.report}"
                raise TimeoutError(message)
            time.sleep(0.01)

    def _client(self) -> None:
        while not self._stop.is_set() and not self._sent_away():
            connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
            try:
                connection.connect()
            except OSError as error:
                with self._lock:
                    self.report.refused.append(repr(error))
                return
            connection.auto_open = 0  # a lost connection is a loss, never reopened silently
            try:
                self._use(connection)
            finally:
                connection.close()

    def _sent_away(self) -> bool:
        return self._first_close is not None and time.monotonic() > self._first_close + self._notice_seconds

    def _use(self, connection: http.client.HTTPConnection) -> None:
        while not self._stop.is_set():
            try:
                answer = self._request(connection)
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.report.lost.append(repr(error))
                return
            with self._lock:
                self.report.statuses[answer.status] += 1
                if answer.will_close:
                    self.report.closed_by_header += 1
                    self._first_close = self._first_close or time.monotonic()
            if answer.will_close:
                return
            time.sleep(self._pause_seconds)

    def _request(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        connection.request("GET", self._path, headers=self._headers)
        answer = connection.getresponse()
        answer.read()
        if answer.getheader("Content-Length") is None and answer.getheader("Transfer-Encoding") is None:
            message = "the headers were cut short"  # which http.client takes for an answer that ends here
            raise http.client.HTTPException(message)
        return answer
