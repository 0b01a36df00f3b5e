"""Images of generated services, each built once, and the servers that they talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import containers
from support.postgres import PostgresCluster, postgres_cluster
from support.redis import RedisServer, redis_server
from support.render import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def image_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], str]:
    """Return a function that builds the image of a service with a database and a cache."""
    built: dict[tuple[str, str], str] = {}

    def image(database: str, cache: str) -> str:
        containers.require()
        if (database, cache) not in built:
            name = f"svc-{database}-{cache}"
            service = render(tmp_path_factory.mktemp(name), service_name=name, database=database, cache=cache)
            containers.lock(service)
            built[database, cache] = containers.build(service, name)
        return built[database, cache]

    return image


@pytest.fixture(scope="session")
def full_image(image_of: Callable[[str, str], str]) -> str:
    """Return the image of a service with PostgreSQL and Redis."""
    return image_of("postgres", "redis")


@pytest.fixture(scope="session")
def plain_image(image_of: Callable[[str, str], str]) -> str:
    """Return the image of a service that needs no other server."""
    return image_of("none", "none")


@pytest.fixture
def postgres(full_image: str) -> Iterator[PostgresCluster]:
    """Run a PostgreSQL server whose database `postgres` the image has migrated."""
    with postgres_cluster() as cluster:
        # No Redis answers there: a migration needs none.
        env = {"DATABASE_URL": cluster.url("postgres"), "REDIS_URL": "redis://127.0.0.1:9/0"}
        containers.run_once(full_image, "alembic", "upgrade", "head", env=env)
        yield cluster


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Run a Redis server."""
    with redis_server() as server:
        yield server
