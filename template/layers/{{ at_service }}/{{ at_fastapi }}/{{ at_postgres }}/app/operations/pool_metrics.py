"""Figures of the connection pool."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.operations.database import Database


class PoolCollector(Collector):
    """Reads the pool when Prometheus asks, so that requests pay nothing for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Return the figures."""
        stats = self._database.pool_stats()
        size = stats.get("pool_size", 0)
        yield GaugeMetricFamily("database_pool_max_connections", "Most connections", stats.get("pool_max", 0))
        yield GaugeMetricFamily("database_pool_connections", "Connections, in use or not", size)
        yield GaugeMetricFamily(
            "database_pool_in_use_connections", "Connections in use", size - stats.get("pool_available", 0)
        )
        yield GaugeMetricFamily(
            "database_pool_waiting_requests", "Work that waits for a connection", stats.get("requests_waiting", 0)
        )
        yield CounterMetricFamily(
            "database_pool_timeouts", "Work that got no connection in time", stats.get("requests_errors", 0)
        )
