"""A backup of a living database restores to the same data, and a drill fails on everything that is not that."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from support.monitoring import pushgateway
from support.objects import KEY_ID, REGION, SECRET, ObjectStore, object_store
from support.postgres import PostgresCluster, postgres_cluster
from support.render import render
from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

SCHEMA = """
CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, price numeric(12, 4));
CREATE TABLE odd (at timestamptz, took interval, tags text[], raw bytea, doc jsonb, ratio double precision, "Q q" text);
CREATE SCHEMA other; CREATE TABLE other.empty (id int);
INSERT INTO items (name, price) SELECT 'item ' || n, n / 7.0 FROM generate_series(1, 2000) AS n;
INSERT INTO odd SELECT now() - n * interval '1 hour', n * interval '1.5 days', ARRAY['a', NULL, 'ü'],
    decode('00ff', 'hex'), '{"a": [1, null]}', n / 3.0, NULL FROM generate_series(1, 50) AS n;
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    """One PostgreSQL server for all tests of this module."""
    with postgres_cluster() as running:
        running.create("live")
        running.psql(SCHEMA, "live")
        yield running


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    """An empty bucket."""
    with object_store() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered service."""
    return render(tmp_path_factory.mktemp("backup") / "service", service_name="order-api")


class Ops:
    """Runs the scripts with the variables that they need."""

    def __init__(self, service: Path, cluster: PostgresCluster, store: ObjectStore) -> None:
        tool("curl")
        tool("jq")
        self.service = service
        self.environment = {
            "PATH": os.pathsep.join([str(cluster.bindir), os.environ["PATH"]]),
            "DATABASE_URL": cluster.url("live"),
            "RESTORE_DATABASE_URL": cluster.url("postgres"),
            "BACKUP_BUCKET_URL": store.url,
            "BACKUP_ACCESS_KEY_ID": KEY_ID,
            "BACKUP_SECRET_ACCESS_KEY": SECRET,
            "BACKUP_REGION": REGION,
        }

    def run(self, script: str, *arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        """Run a script; a change of `None` unsets its variable."""
        environment = {name: value for name, value in {**self.environment, **changes}.items() if value is not None}
        return subprocess.run(
            [str(self.service / "ops" / script), *(arguments or ("production",))],
            env=environment,
            cwd=self.service,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def backup(self) -> None:
        """Make a backup that works."""
        done = self.run("backup")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def ops(service: Path, cluster: PostgresCluster, store: ObjectStore) -> Ops:
    """The scripts of the rendered service."""
    return Ops(service, cluster, store)


def _scratch_databases(cluster: PostgresCluster) -> str:
    return cluster.psql("SELECT count(*) FROM pg_database WHERE datname LIKE 'drill%'", "postgres").strip()


@pytest.mark.proves("mvp:backups", "critical:no-backup")
def test_a_backup_of_a_busy_database_restores_to_the_same_data(
    ops: Ops, cluster: PostgresCluster, store: ObjectStore
) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            cluster.psql("INSERT INTO items (name, price) SELECT 'busy', 1 FROM generate_series(1, 200)", "live")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = ops.run("backup")
    finally:
        stop.set()
        writer.join()
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["tables"] == 3
    assert report["bytes"] == len(store.objects[store.named(".dump")])

    drill = ops.run("restore-drill")
    assert drill.returncode == 0, drill.stderr
    assert json.loads(drill.stdout)["backup"] == report["backup"]
    assert json.loads(drill.stdout)["tables"] == 3
    assert _scratch_databases(cluster) == "0"


def test_backup_and_drill_report_how_they_ended(ops: Ops, cluster: PostgresCluster, tmp_path: Path) -> None:
    def reported() -> dict[tuple[str, str], float]:
        with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(
            r'^ops_(\w+)\{environment="production",.*job="(.+)",service="order-api"\} (\S+)$', text, re.MULTILINE
        )
        return {(job, name): float(value) for name, job, value in found}

    with pushgateway(tmp_path) as address:
        ops.environment["METRICS_PUSH_URL"] = address
        ops.backup()
        assert ops.run("restore-drill").returncode == 0
        good = reported()
        assert good["backup", "last_run_succeeded"] == good["restore-drill", "last_run_succeeded"] == 1
        assert ops.run("backup", DATABASE_URL="postgresql://nobody@127.0.0.1:1/x").returncode == 4
        assert ops.run("restore-drill", BACKUP_MAX_AGE_HOURS="0").returncode == 6
        bad = reported()
    for job in ("backup", "restore-drill"):
        assert bad[job, "last_run_succeeded"] == 0
        assert bad[job, "last_success_timestamp_seconds"] == good[job, "last_success_timestamp_seconds"]
    assert _scratch_databases(cluster) == "0"


def test_the_fingerprint_tells_every_table_and_its_rows(ops: Ops, cluster: PostgresCluster, store: ObjectStore) -> None:
    ops.backup()
    lines = store.objects[store.named(".tables")].decode().splitlines()
    rows = cluster.psql("SELECT count(*) FROM items", "live").strip()
    assert [line.split()[:2] for line in lines] == [["other.empty", "0"], ["public.items", rows], ["public.odd", "50"]]


@pytest.mark.proves("mvp:backups")
@pytest.mark.parametrize("damage", ["truncated", "flipped", "manifest", "lost row"])
def test_a_damaged_backup_fails_the_drill_and_leaves_nothing_behind(
    ops: Ops, cluster: PostgresCluster, store: ObjectStore, damage: str
) -> None:
    ops.backup()
    dump, tables = store.named(".dump"), store.named(".tables")
    if damage == "truncated":
        store.objects[dump] = store.objects[dump][:-2000]
    elif damage == "flipped":
        middle = len(store.objects[dump]) // 2
        store.objects[dump] = store.objects[dump][:middle] + bytes(64) + store.objects[dump][middle + 64 :]
    elif damage == "manifest":
        store.objects[tables] = store.objects[tables].replace(b"public.odd 50", b"public.odd 51")
    else:
        other = dict(store.objects)
        cluster.psql("INSERT INTO items (name) VALUES ('one more')", "live")
        store.objects.clear()
        ops.backup()
        store.objects[store.named(".tables")] = other[tables]
    done = ops.run("restore-drill")
    assert done.returncode == 6, done.stderr
    assert done.stdout == ""
    assert _scratch_databases(cluster) == "0"


def test_an_old_backup_fails_the_drill(ops: Ops, store: ObjectStore) -> None:
    ops.backup()
    old = (datetime.now(UTC) - timedelta(hours=30)).strftime("%Y%m%dT%H%M%SZ")
    new = store.objects[store.named("latest")].decode().strip()
    store.objects = {name.replace(new, old): body for name, body in store.objects.items()}
    store.objects[store.named("latest")] = old.encode() + b"\n"
    done = ops.run("restore-drill")
    assert done.returncode == 6
    assert "30 hours old" in done.stderr
    assert ops.run("restore-drill", BACKUP_MAX_AGE_HOURS="48").returncode == 0


@pytest.mark.parametrize("script", ["backup", "restore-drill"])
@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"BACKUP_SECRET_ACCESS_KEY": "wrong"}, 4, "bucket"),
        ({"BACKUP_BUCKET_URL": None}, 3, "BACKUP_BUCKET_URL"),
        ({"BACKUP_ACCESS_KEY_ID": None}, 3, "BACKUP_ACCESS_KEY_ID"),
        ({"BACKUP_BUCKET_URL": "http://127.0.0.1:9/bucket"}, 4, "bucket"),
    ],
)
def test_what_is_missing_or_refused_is_named(
    ops: Ops, script: str, changes: dict[str, str | None], code: int, words: str
) -> None:
    done = ops.run(script, **changes)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("script", "variable"), [("backup", "DATABASE_URL"), ("restore-drill", "RESTORE_DATABASE_URL")]
)
def test_a_database_that_is_not_named_or_away_is_said(ops: Ops, script: str, variable: str) -> None:
    ops.backup()
    done = ops.run(script, **{variable: None})
    assert (done.returncode, variable in done.stderr) == (3, True)
    done = ops.run(script, **{variable: "postgresql://nobody@127.0.0.1:9/none"})
    assert done.returncode == 4


def test_the_password_reaches_neither_arguments_nor_output(ops: Ops, cluster: PostgresCluster, tmp_path: Path) -> None:
    cluster.psql("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'p@ss:w/rd%'", "postgres")
    spied = tmp_path / "bin"
    spied.mkdir()
    for name in ("psql", "pg_dump", "curl"):
        real = shutil.which(name, path=ops.environment["PATH"])
        (spied / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$0 $*" >>"{tmp_path}/arguments"\nexec "{real}" "$@"\n')
        (spied / name).chmod(0o755)
    address = cluster.url("live").partition("@")[2]
    url = f"postgresql://app:p%40ss%3Aw%2Frd%25@{address}"
    done = ops.run("backup", DATABASE_URL=url, PATH=f"{spied}:{ops.environment['PATH']}")
    assert done.returncode == 0, done.stderr
    seen = (tmp_path / "arguments").read_text() + done.stdout + done.stderr
    assert "app@" in seen
    for secret in ("p@ss", "p%40ss", SECRET):
        assert secret not in seen


@pytest.mark.parametrize("script", ["backup", "restore-drill"])
def test_help_dry_run_and_wrong_usage(ops: Ops, store: ObjectStore, script: str) -> None:
    assert "Usage: ops/" + script in ops.run(script, "--help").stdout
    done = ops.run(script, "--dry-run", "production")
    assert done.returncode == 0
    assert store.url in done.stdout
    assert store.objects == {}
    assert ops.run(script, "--wrong").returncode == 2
    assert ops.run(script, "production", "extra").returncode == 2
