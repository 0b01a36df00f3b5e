"""The service on a real PostgreSQL: set TEST_DATABASE_URL to a database whose table of items may be dropped."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from tests.conftest import REQUIRED, make_settings

URL = os.environ.get("TEST_DATABASE_URL", "")

pytestmark = pytest.mark.skipif(not URL, reason="needs TEST_DATABASE_URL")


def alembic(*arguments: str) -> None:
    environment = os.environ | {name.upper(): value for name, value in REQUIRED.items()} | {"DATABASE_URL": URL}
    subprocess.run([sys.executable, "-m", "alembic", *arguments], env=environment, check=True)  # noqa: S603


@pytest.fixture
def client() -> Iterator[TestClient]:
    alembic("upgrade", "head")
    with TestClient(create_app(make_settings(database_url=URL))) as client:
        yield client
    alembic("downgrade", "base")


def test_items_survive_in_the_database(client: TestClient) -> None:
    created = client.post("/items", json={"name": "first"}).json()
    client.post("/items", json={"name": "second"})
    assert client.get(f"/items/{created['id']}").json() == created
    assert [item["name"] for item in client.get("/items").json()] == ["first", "second"]
    assert client.get(f"/items?after={created['id']}").json()[0]["name"] == "second"


def test_ready_names_the_database(client: TestClient) -> None:
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["checks"]["database"]["status"] == "ok"


def test_metrics_show_the_database_and_its_pool(client: TestClient) -> None:
    figures = client.get("/metrics").text
    assert 'service_dependency_up{dependency="database"' in figures
    for name in ("max_connections", "connections", "in_use_connections", "waiting_requests", "timeouts_total"):
        assert f"# TYPE database_pool_{name} " in figures
