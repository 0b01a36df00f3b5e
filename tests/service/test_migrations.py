"""Migrations of the generated service against a real PostgreSQL, also when versions go back and branches part."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.postgres import PostgresCluster, postgres_cluster
from support.render import render
from support.service import install

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

MIGRATION = """
from alembic import op

revision, down_revision = "{revision}", "{down_revision}"


def upgrade() -> None:
    op.execute("CREATE TABLE {table} (id bigint PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE {table}")
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the service as it was first deployed; Redis makes a variable that migrations must not ask for."""
    return render(tmp_path_factory.mktemp("old") / "service", database="postgres", cache="redis")


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    with postgres_cluster() as running:
        yield running


def _with_migration(old: Path, target: Path, revision: str, down_revision: str, table: str) -> Path:
    """Return a copy of a version with one more migration."""
    shutil.copytree(old, target)
    text = MIGRATION.format(revision=revision, down_revision=down_revision, table=table)
    (target / "migrations" / "versions" / f"{revision}.py").write_text(text)
    return target


def _alembic(service: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(install(service) / "alembic"), *words]
    return subprocess.run(command, cwd=service, env=variables, capture_output=True, text=True, check=False)


def test_need_no_variable_but_the_address_of_the_database(old: Path, cluster: PostgresCluster) -> None:
    done = _alembic(old, "upgrade", "head", DATABASE_URL=cluster.create("alone"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.psql("SELECT to_regclass('items')", "alone") == "items"


def test_name_the_variable_that_is_missing(old: Path) -> None:
    done = _alembic(old, "upgrade", "head")
    assert done.returncode == 1
    assert "DATABASE_URL: Field required" in done.stderr
    assert "Traceback" not in done.stderr


def test_of_an_older_version_leave_a_newer_database_alone(old: Path, cluster: PostgresCluster, tmp_path: Path) -> None:
    newer = _with_migration(old, tmp_path / "newer", "0002", "0001", "orders")
    url = cluster.create("newer")
    assert _alembic(old, "upgrade", "head", DATABASE_URL=url).returncode == 0
    assert _alembic(newer, "upgrade", "head", DATABASE_URL=url).returncode == 0

    done = _alembic(old, "upgrade", "head", DATABASE_URL=url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"message":"The database is ahead of this version: nothing to migrate"' in done.stdout
    assert '"revisions":["0002"]' in done.stdout
    assert cluster.psql("SELECT version_num FROM alembic_version", "newer") == "0002"
    assert cluster.psql("SELECT to_regclass('orders')", "newer") == "orders"


def test_of_a_branch_that_the_database_never_saw_are_refused(
    old: Path, cluster: PostgresCluster, tmp_path: Path
) -> None:
    one = _with_migration(old, tmp_path / "one", "000a", "0001", "orders")
    other = _with_migration(old, tmp_path / "other", "000b", "0001", "prices")
    url = cluster.create("branches")
    assert _alembic(one, "upgrade", "head", DATABASE_URL=url).returncode == 0

    done = _alembic(other, "upgrade", "head", DATABASE_URL=url)

    assert done.returncode == 1
    assert "merge the two branches of migrations first" in done.stderr
    assert cluster.psql("SELECT to_regclass('prices')", "branches") == ""


def test_keep_a_history_that_follows_a_downgrade(old: Path, cluster: PostgresCluster) -> None:
    url = cluster.create("history")
    assert _alembic(old, "upgrade", "head", DATABASE_URL=url).returncode == 0
    assert cluster.psql("SELECT revision FROM migration_history", "history") == "0001"
    assert _alembic(old, "downgrade", "base", DATABASE_URL=url).returncode == 0
    assert cluster.psql("SELECT count(*) FROM migration_history", "history") == "0"


def test_can_be_printed_as_sql_without_a_database(old: Path) -> None:
    done = _alembic(old, "upgrade", "head", "--sql")
    assert done.returncode == 0, done.stderr
    assert "CREATE TABLE items" in done.stdout
