"""Items in the memory of one process: they are gone after a restart."""

from datetime import UTC, datetime
from itertools import islice

from app.items.model import Item, NewItem


class MemoryItemRepository:
    """Keeps items in a dictionary, in the order of their ids."""

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}

    async def add(self, new: NewItem) -> Item:
        """Store an item and return it with its id."""
        item = Item(id=len(self._items) + 1, name=new.name, created_at=datetime.now(UTC))
        self._items[item.id] = item
        return item

    async def get(self, item_id: int) -> Item | None:
        """Return an item, or None when there is no such item."""
        return self._items.get(item_id)

    async def page(self, *, after: int, limit: int) -> list[Item]:
        """Return up to `limit` items with an id greater than `after`, in the order of their ids."""
        return list(islice((item for item in self._items.values() if item.id > after), limit))
