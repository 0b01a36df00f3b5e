"""PostgreSQL: a pool of connections in which nothing waits without end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from app.operations.breaker import Breaker
from app.operations.problems import UnavailableError

T = TypeVar("T")

ACQUIRE_SECONDS = 2.0
WORK_SECONDS = 6.0
CLOSE_SECONDS = 2.0
IDLE_CHECK_SECONDS = 5.0
MAX_WAITING = 100

# The server ends what takes too long; the network layer notices a server that is gone.
CONNECTION_OPTIONS: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
    "options": "-c statement_timeout=5s -c idle_in_transaction_session_timeout=10s",
}


class Connection(psycopg.AsyncConnection[Any]):
    """A connection that remembers when it was last used."""

    used_at = 0.0


class Database:
    """Runs work in transactions. A database that is away fails requests at once instead of holding them."""

    def __init__(self, url: str, pool_min: int, pool_max: int) -> None:
        self._breaker = Breaker("database")
        self._failed_at = 0.0
        self._pool = AsyncConnectionPool(
            url,
            connection_class=Connection,
            kwargs=CONNECTION_OPTIONS,
            min_size=pool_min,
            max_size=pool_max,
            timeout=ACQUIRE_SECONDS,
            max_waiting=MAX_WAITING,
            max_lifetime=1800,
            max_idle=300,
            reconnect_timeout=30,
            check=self._check_connection,
            reset=self._note_use,
            open=False,
        )

    async def __aenter__(self) -> Self:
        # Without waiting: the service starts, and says so, while the database is still away.
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        closing = asyncio.ensure_future(self._pool.close(timeout=CLOSE_SECONDS))
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in a transaction and return its result.

        Args:
            work: Gets the connection. Its errors roll the transaction back.

        Returns:
            What `work` returns.

        Raises:
            UnavailableError: The database does not answer.
        """
        self._breaker.admit()
        return await self._bounded(work, WORK_SECONDS)

    async def check(self) -> None:
        """Ask the database for a sign of life, whatever the breaker says, so that success closes it.

        Raises:
            UnavailableError: There was none.
        """
        await self._bounded(_ping, ACQUIRE_SECONDS)

    def pool_stats(self) -> dict[str, int]:
        """Return psycopg's figures of the pool."""
        return self._pool.get_stats()

    async def _bounded(self, work: Callable[[Connection], Awaitable[T]], seconds: float) -> T:
        task = asyncio.ensure_future(self._transaction(work))
        try:
            # Not asyncio.timeout: it would wait for the driver, and the driver for a server that hangs.
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            task.cancel()
            self._fail()
            raise
        if not done:
            task.add_done_callback(_forget)
            task.cancel()
            self._fail()
            raise UnavailableError("database")
        try:
            result = task.result()
        except (psycopg.OperationalError, PoolTimeout, TooManyRequests) as error:
            self._fail()
            raise UnavailableError("database") from error
        self._breaker.succeed()
        return result

    async def _transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._pool.connection() as connection:
            return await work(connection)

    def _fail(self) -> None:
        self._failed_at = time.monotonic()
        self._breaker.fail()

    async def _check_connection(self, connection: Connection) -> None:
        """Test a connection only where it may be dead: a test of each would cost a third of the throughput."""
        if connection.used_at < max(self._failed_at, time.monotonic() - IDLE_CHECK_SECONDS):
            await AsyncConnectionPool.check_connection(connection)

    @staticmethod
    async def _note_use(connection: Connection) -> None:
        connection.used_at = time.monotonic()


async def _ping(connection: Connection) -> None:
    await connection.execute("SELECT 1")


def _forget(task: asyncio.Future[Any]) -> None:
    """Take the result of a task that nobody waits for, so that it is not reported as lost."""
    if not task.cancelled():
        task.exception()
