"""Figures for Prometheus."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.registry import Collector

from app.operations.health import CheckResult
from app.operations.quota import cpu_cores, memory_bytes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The service level objectives ask how many requests took less than 0.2 and 0.5 seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _ProcessRegistry(CollectorRegistry):
    """Marks every figure with the process that counts.

    A load balancer shows Prometheus another instance at each scrape; without the mark their counters would look like
    one that jumps to and fro.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mark = {"instance": secrets.token_hex(4)}

    def collect(self) -> Iterator[Metric]:
        """Return all figures."""
        for metric in super().collect():
            metric.samples = [sample._replace(labels={**sample.labels, **self._mark}) for sample in metric.samples]
            yield metric


class Metrics:
    """Requests by method, route and status, and how close the instance is to its limits."""

    def __init__(self, release: str) -> None:
        self._registry = _ProcessRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._gauge("service_release", "The running release", ["release"]).labels(release).set(1)
        self._gauge("service_cpu_limit_cores", "CPU cores that this process can use").set(cpu_cores())
        self._gauge("service_memory_limit_bytes", "Memory that this instance can use").set(memory_bytes())
        self._dependencies = self._gauge("service_dependency_up", "Whether a dependency answers", ["dependency"])
        # A plain number, because it changes twice in every request.
        self.in_flight = 0
        in_flight = self._gauge("http_requests_in_flight", "Requests without a complete response, the scrape included")
        in_flight.set_function(lambda: self.in_flight)
        self.rate_limited = Counter(
            "http_requests_rate_limited", "Requests refused by the rate limit", registry=self._registry
        )
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

    def note_dependencies(self, checks: Mapping[str, CheckResult]) -> None:
        """Remember what the dependencies said."""
        for name, result in checks.items():
            self._dependencies.labels(name).set(result.status == "ok")

    def add(self, collector: Collector) -> None:
        """Show the figures of another part of the service as well."""
        self._registry.register(collector)

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

    def _gauge(self, name: str, description: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(name, description, labels or [], registry=self._registry)
