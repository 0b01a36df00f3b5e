"""With Production, what older code may still use is destroyed in a later release, and without long locks."""

from __future__ import annotations

import re
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

EXPAND = "ALTER TABLE items ADD COLUMN title text"
CONTRACT = "ALTER TABLE items DROP COLUMN name"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the service as it was first deployed."""
    return render(tmp_path_factory.mktemp("first") / "service", database="postgres", checklist="production")


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    with postgres_cluster() as running:
        yield running


@pytest.fixture
def service(first: Path, tmp_path: Path) -> Path:
    """Return a copy of the service to which a test adds migrations."""
    return shutil.copytree(first, tmp_path / "service")


def add(service: Path, revision: str, after: str, statement: str, contracts: str | None = None) -> None:
    """Write a migration of one statement."""
    lines = [
        f'"""Migration {revision}."""\n\nfrom alembic import op\n',
        f'revision, down_revision = "{revision}", "{after}"',
        f'contracts = "{contracts}"' if contracts else "",
        f'\n\ndef upgrade() -> None:\n    op.execute("{statement}")',
        "\n\ndef downgrade() -> None:\n    pass",
    ]
    (service / "migrations" / "versions" / f"{revision}.py").write_text("\n".join(lines))


def check(service: Path) -> subprocess.CompletedProcess[str]:
    command = [str(install(service) / "python"), "-m", "migrations.check"]
    return subprocess.run(command, cwd=service, env={}, capture_output=True, text=True, check=False)


def alembic(service: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(install(service) / "alembic"), *words]
    variables = {"DATABASE_URL": url}
    return subprocess.run(command, cwd=service, env=variables, capture_output=True, text=True, check=False)


def shape(cluster: PostgresCluster, dbname: str) -> str:
    """Return everything that a migration could have changed."""
    columns = "SELECT string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns"
    return "; ".join(
        cluster.psql(statement, dbname)
        for statement in (
            f"{columns} WHERE table_name = 'items'",
            "SELECT string_agg(version_num, ',') FROM alembic_version",
            "SELECT string_agg(revision, ',' ORDER BY revision) FROM migration_history",
        )
    )


@pytest.mark.parametrize(
    "statement",
    [
        CONTRACT,
        "DROP TABLE items",
        "ALTER TABLE items DROP CONSTRAINT items_name_check",
        "ALTER TABLE items RENAME COLUMN name TO title",
        "ALTER TABLE items RENAME TO things",
        "ALTER TABLE items ALTER COLUMN name TYPE varchar(20)",
        "ALTER TABLE items ALTER COLUMN created_at DROP DEFAULT",
        "ALTER TABLE items ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE items ADD CONSTRAINT short CHECK (length(name) < 20) NOT VALID",
        "CREATE UNIQUE INDEX one_of_each ON items (name)",
        "TRUNCATE items",
    ],
)
def test_what_older_code_may_use_is_not_destroyed_without_a_word(service: Path, statement: str) -> None:
    add(service, "0002", "0001", statement)
    done = check(service)
    assert done.returncode == 1
    assert f"migrations/versions/0002.py: {statement}\n" in done.stderr
    assert 'name the migration that made it safe: contracts = "REVISION"' in done.stderr


@pytest.mark.parametrize("name", ["0003", "0009"])
def test_what_made_it_safe_has_to_come_before(service: Path, name: str) -> None:
    add(service, "0002", "0001", EXPAND)
    add(service, "0003", "0002", CONTRACT, contracts=name)
    done = check(service)
    assert done.returncode == 1
    assert f"migrations/versions/0003.py: {CONTRACT}\n    contracts = '{name}' names no migration" in done.stderr


def test_what_comes_after_its_expansion_is_accepted(service: Path) -> None:
    add(service, "0002", "0001", EXPAND)
    add(service, "0003", "0002", CONTRACT, contracts="0002")
    done = check(service)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "statement",
    [
        EXPAND,
        "ALTER TABLE items ADD COLUMN count bigint NOT NULL DEFAULT 0",
        "ALTER TABLE items ALTER COLUMN name DROP NOT NULL",
        "CREATE TABLE orders (id bigint PRIMARY KEY); CREATE UNIQUE INDEX one ON orders (id)",
        "UPDATE items SET name = upper(name)",
    ],
)
def test_what_only_adds_is_accepted(service: Path, statement: str) -> None:
    add(service, "0002", "0001", statement.replace("; ", ";\\n"))
    assert check(service).stderr == ""


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("CREATE INDEX by_name ON items (name)", "require-concurrent-index-creation"),
        ("CREATE INDEX CONCURRENTLY by_name ON items (name)", "ban-concurrent-index-creation-in-transaction"),
        ("ALTER TABLE items ADD COLUMN count bigint NOT NULL", "adding-required-field"),
        ("ALTER TABLE items ADD CHECK (length(name) < 20)", "constraint-missing-not-valid"),
    ],
)
def test_a_statement_that_locks_out_requests_is_named_even_when_it_contracts(
    service: Path, statement: str, rule: str
) -> None:
    add(service, "0002", "0001", statement, contracts="0001")
    done = check(service)
    assert done.returncode == 1
    assert f"migrations/versions/0002.py: {statement}\n    {rule}: " in done.stderr


def test_migrations_without_a_limit_on_waiting_for_locks_are_refused(service: Path) -> None:
    environment = service / "migrations" / "env.py"
    environment.write_text(environment.read_text().replace("context.execute(\"SET lock_timeout = '5s'\")", "pass"))
    add(service, "0002", "0001", EXPAND)
    assert "require-lock-timeout" in check(service).stderr


def test_expand_and_contract_in_one_release_change_nothing(service: Path, cluster: PostgresCluster) -> None:
    url = cluster.create("together")
    assert alembic(service, url, "upgrade", "head").returncode == 0
    before = shape(cluster, "together")
    add(service, "0002", "0001", EXPAND)
    add(service, "0003", "0002", CONTRACT, contracts="0002")

    done = alembic(service, url, "upgrade", "head")

    assert done.returncode == 1
    assert "0003 contracts 0002, which no earlier deploy applied." in done.stderr
    assert "Traceback" not in done.stderr
    assert shape(cluster, "together") == before


def test_expand_and_contract_in_two_releases_are_applied_and_go_back(service: Path, cluster: PostgresCluster) -> None:
    url = cluster.create("apart")
    assert alembic(service, url, "upgrade", "head").returncode == 0
    add(service, "0002", "0001", EXPAND)
    assert alembic(service, url, "upgrade", "head").returncode == 0
    add(service, "0003", "0002", CONTRACT, contracts="0002")

    done = alembic(service, url, "upgrade", "head")

    assert done.returncode == 0, done.stderr
    assert shape(cluster, "apart") == "created_at,id,title; 0003; 0001,0002,0003"
    assert alembic(service, url, "upgrade", "head").returncode == 0
    assert alembic(service, url, "downgrade", "-1").returncode == 0
    assert shape(cluster, "apart") == "created_at,id,title; 0002; 0001,0002"


def test_an_empty_database_gets_everything_at_once(service: Path, cluster: PostgresCluster) -> None:
    add(service, "0002", "0001", EXPAND)
    add(service, "0003", "0002", CONTRACT, contracts="0002")
    done = alembic(service, cluster.create("empty"), "upgrade", "head")
    assert done.returncode == 0, done.stderr
    assert shape(cluster, "empty") == "created_at,id,title; 0003; 0001,0002,0003"


def test_a_release_that_destroys_nothing_may_hold_several_migrations(service: Path, cluster: PostgresCluster) -> None:
    url = cluster.create("several")
    assert alembic(service, url, "upgrade", "head").returncode == 0
    add(service, "0002", "0001", EXPAND)
    add(service, "0003", "0002", "UPDATE items SET title = name")
    done = alembic(service, url, "upgrade", "head")
    assert done.returncode == 0, done.stderr
    assert shape(cluster, "several") == "created_at,id,name,title; 0003; 0001,0002,0003"


def test_the_sql_of_all_can_be_printed_and_shown_without_being_applied(service: Path, cluster: PostgresCluster) -> None:
    url = cluster.create("shown")
    assert alembic(service, url, "upgrade", "head").returncode == 0
    add(service, "0002", "0001", EXPAND)
    add(service, "0003", "0002", CONTRACT, contracts="0002")
    assert CONTRACT in alembic(service, url, "upgrade", "head", "--sql").stdout
    assert "0001" in alembic(service, url, "current").stdout
    assert alembic(service, url, "stamp", "0002").returncode == 0
    assert alembic(service, url, "upgrade", "head").returncode == 0
    assert "0003" in cluster.psql("SELECT version_num FROM alembic_version", "shown")


def test_a_new_migration_asks_what_made_it_safe(service: Path, tmp_path: Path) -> None:
    assert alembic(service, "postgresql://nowhere", "revision", "--message", "add orders").returncode == 0
    (written,) = (service / "migrations" / "versions").glob("*_add_orders.py")
    assert 'contracts = "REVISION"' in written.read_text()
    done = subprocess.run(
        [str(install(service) / "ruff"), "check", str(written)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    mvp = render(tmp_path / "mvp", database="postgres", checklist="mvp")
    assert not [path for path in (mvp / "migrations").rglob("*") if path.is_file() and "contracts" in path.read_text()]
    assert "squawk" not in (mvp / "pyproject.toml").read_text()


def test_the_example_of_the_documentation_is_four_releases(service: Path, cluster: PostgresCluster) -> None:
    guide = (service / "DEPLOYMENT.md").read_text()
    steps = re.findall(r"^\| \w[\w ]* \| `(\d+)`: `([^`]+)`(?:, with `contracts = \"(\d+)\"`)? \|", guide, re.MULTILINE)
    assert [step[0] for step in steps] == ["0002", "0003", "0004", "0005"]
    url = cluster.create("example")
    assert alembic(service, url, "upgrade", "head").returncode == 0
    cluster.psql("INSERT INTO items (name) VALUES ('one'), ('two')", "example")
    for after, (revision, statement, contracts) in zip(["0001", "0002", "0003", "0004"], steps, strict=True):
        add(service, revision, after, statement, contracts)
        assert check(service).stderr == ""
        done = alembic(service, url, "upgrade", "head")
        assert done.returncode == 0, done.stderr
    assert cluster.psql("SELECT string_agg(title, ',' ORDER BY id) FROM items", "example") == "one,two"
    assert shape(cluster, "example").startswith("created_at,id,title; 0005")


def test_the_backfill_in_parts_of_the_documentation_fills_every_row(service: Path, cluster: PostgresCluster) -> None:
    guide = (service / "DEPLOYMENT.md").read_text()
    (body,) = re.findall(r"```python\n(def upgrade.+?)```", guide, re.DOTALL)
    url = cluster.create("backfill")
    add(service, "0002", "0001", EXPAND)
    assert alembic(service, url, "upgrade", "head").returncode == 0
    cluster.psql("INSERT INTO items (name) SELECT i::text FROM generate_series(1, 25000) i", "backfill")
    heading = 'from alembic import op\n\nrevision, down_revision = "0003", "0002"\n\n\n'
    (service / "migrations" / "versions" / "0003.py").write_text(heading + body)
    assert check(service).stderr == ""
    done = alembic(service, url, "upgrade", "head")
    assert done.returncode == 0, done.stderr
    assert cluster.psql("SELECT count(*) FROM items WHERE title = name", "backfill") == "25000"
    assert cluster.psql("SELECT version_num FROM alembic_version", "backfill") == "0003"


def test_an_exception_is_said_beside_the_statement(service: Path) -> None:
    statement = "-- squawk-ignore require-concurrent-index-creation\\nCREATE {}INDEX by_name ON items (name)"
    add(service, "0002", "0001", statement.format(""))
    assert check(service).stderr == ""
    add(service, "0002", "0001", statement.format("UNIQUE "))
    assert "0002.py: CREATE UNIQUE INDEX by_name ON items (name)\n" in check(service).stderr
