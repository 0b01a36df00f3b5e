"""What the service needs from whatever stores items."""

from typing import Protocol

from app.items.model import Item, NewItem


class ItemRepository(Protocol):
    """Stores items."""

    async def add(self, new: NewItem) -> Item:
        """Store an item and return it with its id."""
        ...

    async def get(self, item_id: int) -> Item | None:
        """Return an item, or None when there is no such item."""
        ...

    async def page(self, *, after: int, limit: int) -> list[Item]:
        """Return up to `limit` items with an id greater than `after`, in the order of their ids."""
        ...
