"""ops/release end to end: real versions of the service on a stand-in for Fly.io, with clients at work all the time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support.fly import FlyPlatform
from support.listener import Listener, listener
from support.load import KeepAliveLoad
from support.pipelines import Repository
from support.postgres import PostgresCluster, postgres_cluster
from support.render import render

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

TOKEN = "m3trics-t0ken"
# A version that starts, is ready, and fails every third request.
FAULTY = '''
"""The service with a fault that no probe shows."""

import itertools

from app.__main__ import main
from app.items.memory import MemoryItemRepository

turns = itertools.count()
page = MemoryItemRepository.page


async def fails_at_times(self, **words):
    if next(turns) % 3 == 0:
        raise RuntimeError("fault")
    return await page(self, **words)


MemoryItemRepository.page = fails_at_times
main()
'''
MIGRATION = '''
"""Migration {revision}."""

from alembic import op

revision, down_revision, contracts = "{revision}", "{after}", {contracts!r}


def upgrade() -> None:
    op.execute("{statement}")
'''
DEAD = 'raise SystemExit("a version that does not start")'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    answers = {"platform": "fly", "database": "none", "checklist": "production"}
    root = render(tmp_path / "service", service_name="order-api", **answers)
    (root / "faulty.py").write_text(FAULTY)
    return Repository(root, tmp_path / "bin")


@pytest.fixture
def platform(repository: Repository, tmp_path: Path) -> Iterator[FlyPlatform]:
    variables = {
        "ENVIRONMENT": "production",
        "METRICS_TOKEN": TOKEN,
        "DRAIN_SECONDS": "1",
        "RATE_LIMIT_PER_MINUTE": "0",
    }
    running = FlyPlatform(repository.root, tmp_path / "platform", **variables)
    repository.stub("flyctl", running.flyctl)
    yield running
    running.close()


@pytest.fixture
def team() -> Iterator[Listener]:
    """The webhook of the team's chat."""
    with listener() as running:
        yield running


def release(
    repository: Repository, platform: FlyPlatform, team: Listener, seconds: int = 3
) -> subprocess.CompletedProcess[str]:
    return repository.ops(
        "release",
        "production",
        FLY_API_TOKEN="fo1_secret",
        METRICS_TOKEN=TOKEN,
        SERVICE_URL=platform.edge.url,
        NOTIFY_WEBHOOK_URL=f"http://127.0.0.1:{team.port}/hook",
        WATCH_SECONDS=str(seconds),
        SMOKE_TIMEOUT="10",
    )


def clients(platform: FlyPlatform) -> KeepAliveLoad:
    return KeepAliveLoad(platform.edge.port, path="/items", connections=8, pause_seconds=0.01, notice_seconds=600)


@pytest.mark.proves("production:pipeline")
def test_a_good_release_takes_over_without_a_lost_request_and_the_team_hears_of_it(
    repository: Repository, platform: FlyPlatform, team: Listener
) -> None:
    assert release(repository, platform, team, seconds=1).returncode == 0
    second = repository.commit("second")
    with clients(platform) as load:
        done = release(repository, platform, team)
    assert done.returncode == 0, done.stderr
    assert platform.live == second
    assert load.report.lost == load.report.refused == []
    assert set(load.report.statuses) == {200}
    assert "is live in production" in team.received[-1].body.decode()
    assert "kept its promise" in done.stderr


@pytest.mark.proves("production:rollback", "critical:no-rollback")
def test_a_release_that_fails_requests_is_rolled_back_while_clients_watch(
    repository: Repository, platform: FlyPlatform, team: Listener
) -> None:
    first = repository.head
    assert release(repository, platform, team, seconds=1).returncode == 0
    platform.faulty.add(repository.commit("second"))
    with clients(platform) as load:
        done = release(repository, platform, team, seconds=60)
        time.sleep(0.5)
        load.report.statuses.clear()
        time.sleep(0.5)
    assert done.returncode == 6, done.stderr
    assert "requests to" in done.stderr
    assert platform.live == first
    assert load.report.lost == load.report.refused == []
    assert set(load.report.statuses) == {200}
    assert "was rolled back: it broke its promise" in team.received[-1].body.decode()


@pytest.mark.proves("production:rollback")
def test_a_release_that_does_not_start_never_gets_traffic(
    repository: Repository, platform: FlyPlatform, team: Listener
) -> None:
    first = repository.head
    assert release(repository, platform, team, seconds=1).returncode == 0
    (repository.root / "faulty.py").write_text(DEAD)
    platform.faulty.add(repository.commit("second"))
    with clients(platform) as load:
        done = release(repository, platform, team)
    assert done.returncode == 6, done.stderr
    assert platform.live == first
    assert load.report.lost == load.report.refused == []
    assert set(load.report.statuses) == {200}
    assert "was rolled back: the deploy failed" in team.received[-1].body.decode()


def test_a_first_release_that_fails_asks_for_a_person(
    repository: Repository, platform: FlyPlatform, team: Listener
) -> None:
    (repository.root / "faulty.py").write_text(DEAD)
    platform.faulty.add(repository.commit("second"))
    done = release(repository, platform, team)
    assert done.returncode == 8, done.stderr
    assert "Act by hand" in team.received[-1].body.decode()


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    with postgres_cluster() as running:
        yield running


def test_a_release_that_expands_and_contracts_leaves_the_old_version_serving_and_two_releases_do_it(
    cluster: PostgresCluster, team: Listener, tmp_path: Path
) -> None:
    answers = {"platform": "fly", "database": "postgres", "checklist": "production"}
    root = render(tmp_path / "service", service_name="order-api", **answers)
    repository = Repository(root, tmp_path / "bin")
    variables = {
        "DATABASE_URL": cluster.create("chain"),
        "ENVIRONMENT": "production",
        "METRICS_TOKEN": TOKEN,
        "DRAIN_SECONDS": "1",
        "RATE_LIMIT_PER_MINUTE": "0",
    }
    platform = FlyPlatform(root, tmp_path / "platform", **variables)
    repository.stub("flyctl", platform.flyctl)
    versions = root / "migrations" / "versions"
    expand = MIGRATION.format(
        revision="0002", after="0001", contracts=None, statement="ALTER TABLE items ADD COLUMN title text"
    )
    contract = MIGRATION.format(
        revision="0003", after="0002", contracts="0002", statement="ALTER TABLE items DROP CONSTRAINT items_name_check"
    )
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'items'"
    checks = "SELECT count(*) FROM pg_constraint WHERE conname = 'items_name_check'"
    try:
        first = repository.head
        assert release(repository, platform, team, seconds=1).returncode == 0
        (versions / "0002.py").write_text(expand)
        (versions / "0003.py").write_text(contract)
        repository.commit("both")
        with clients(platform) as load:
            done = release(repository, platform, team)
        assert done.returncode == 6, done.stderr
        assert "0003 contracts 0002" in (tmp_path / "platform" / "release.log").read_text()
        assert platform.live == first
        assert load.report.lost == load.report.refused == []
        assert set(load.report.statuses) == {200}
        assert (cluster.psql(columns, "chain"), cluster.psql(checks, "chain")) == ("3", "1")

        (versions / "0003.py").unlink()
        repository.commit("expand")
        assert release(repository, platform, team, seconds=1).returncode == 0
        (versions / "0003.py").write_text(contract)
        last = repository.commit("contract")
        with clients(platform) as load:
            done = release(repository, platform, team)
        assert done.returncode == 0, done.stderr
        assert platform.live == last
        assert load.report.lost == load.report.refused == []
        assert set(load.report.statuses) == {200}
        assert (cluster.psql(columns, "chain"), cluster.psql(checks, "chain")) == ("4", "0")
    finally:
        platform.close()


def test_what_is_missing_stops_before_anything_changes(repository: Repository, platform: FlyPlatform) -> None:
    done = repository.ops("release", "production", SERVICE_URL=platform.edge.url, METRICS_TOKEN=TOKEN)
    assert done.returncode == 3
    assert "FLY_API_TOKEN" in done.stderr
    assert platform.releases == []
