"""Figures for Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    start_http_server,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Duration of requests by method, route and status."""

    def __init__(self, release: str) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        Gauge("service_release", "The running release", ["release"], registry=self._registry).labels(release).set(1)
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Time until the response was complete",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            method: Its HTTP method.
            route: Template of its route: real paths would make a time series for each id.
            status: Status of the response.
            seconds: Time that it took.
        """
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            # Clients can invent methods without end.
            child = self._durations.labels(method if method in METHODS else "OTHER", route, status)
            if method in METHODS:
                self._children[key] = child
        child.observe(seconds)

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)

    @contextmanager
    def served(self, port: int) -> Iterator[None]:
        """Serve the figures without a token while the block runs, for scrapers on a private network.

        Args:
            port: Port of their own, or 0 for none.
        """
        if not port:
            yield
            return
        server, thread = start_http_server(port, registry=self._registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
