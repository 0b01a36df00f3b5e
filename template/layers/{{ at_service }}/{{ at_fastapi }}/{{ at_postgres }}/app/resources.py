"""What the service depends on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client.registry import Collector

from app.items.postgres import PostgresItemRepository
from app.items.repository import ItemRepository
from app.operations.database import Database
from app.operations.health import Check
from app.operations.pool_metrics import PoolCollector
from app.settings import Settings


@dataclass(frozen=True)
class Resources:
    """Everything that is opened at start and closed at the end."""

    items: ItemRepository
    # What /ready asks; without an answer from each of these the service cannot work.
    checks: Mapping[str, Check] = field(default_factory=dict)
    # What /metrics shows of them.
    collectors: Sequence[Collector] = ()


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open the resources for the life of the process."""
    url = settings.database_url.get_secret_value()
    async with Database(url, settings.database_pool_min, settings.database_pool_max) as database:
        yield Resources(PostgresItemRepository(database), {"database": database.check}, [PoolCollector(database)])
