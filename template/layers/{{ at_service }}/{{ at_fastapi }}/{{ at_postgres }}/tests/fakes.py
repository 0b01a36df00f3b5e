"""Stand-ins, so that most tests need no database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app.items.model import Item, NewItem
from app.resources import Resources
from app.settings import Settings


class FakeItemRepository:
    """Keeps items in a list."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    async def add(self, new: NewItem) -> Item:
        self._items.append(Item(id=len(self._items) + 1, name=new.name, created_at=datetime.now(UTC)))
        return self._items[-1]

    async def get(self, item_id: int) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    async def page(self, *, after: int, limit: int) -> list[Item]:
        return [item for item in self._items if item.id > after][:limit]


@asynccontextmanager
async def fake_resources(_: Settings) -> AsyncIterator[Resources]:
    yield Resources(FakeItemRepository())
