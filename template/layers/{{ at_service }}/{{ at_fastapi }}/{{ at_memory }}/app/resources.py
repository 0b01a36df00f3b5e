"""What the service depends on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client.registry import Collector

from app.items.memory import MemoryItemRepository
from app.items.repository import ItemRepository
from app.operations.health import Check
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
async def open_resources(_: Settings) -> AsyncIterator[Resources]:
    """Open the resources for the life of the process."""
    yield Resources(MemoryItemRepository())
