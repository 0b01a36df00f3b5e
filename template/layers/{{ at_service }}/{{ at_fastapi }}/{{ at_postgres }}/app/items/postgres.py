"""Items in PostgreSQL."""

from psycopg.rows import class_row

from app.items.model import Item, NewItem
from app.operations.database import Connection, Database


class PostgresItemRepository:
    """Keeps items in the table `items`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: NewItem) -> Item:
        """Store an item and return it with its id."""

        async def work(connection: Connection) -> Item | None:
            async with connection.cursor(row_factory=class_row(Item)) as cursor:
                await cursor.execute("INSERT INTO items (name) VALUES (%s) RETURNING id, name, created_at", [new.name])
                return await cursor.fetchone()

        item = await self._database.run(work)
        assert item is not None  # noqa: S101 - RETURNING always returns the row
        return item

    async def get(self, item_id: int) -> Item | None:
        """Return an item, or None when there is no such item."""

        async def work(connection: Connection) -> Item | None:
            async with connection.cursor(row_factory=class_row(Item)) as cursor:
                await cursor.execute("SELECT id, name, created_at FROM items WHERE id = %s", [item_id])
                return await cursor.fetchone()

        return await self._database.run(work)

    async def page(self, *, after: int, limit: int) -> list[Item]:
        """Return up to `limit` items with an id greater than `after`, in the order of their ids."""

        async def work(connection: Connection) -> list[Item]:
            async with connection.cursor(row_factory=class_row(Item)) as cursor:
                await cursor.execute(
                    "SELECT id, name, created_at FROM items WHERE id > %s ORDER BY id LIMIT %s", [after, limit]
                )
                return await cursor.fetchall()

        return await self._database.run(work)
