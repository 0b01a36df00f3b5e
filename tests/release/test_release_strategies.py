"""ops/release by each strategy: real versions of the service on stand-ins for the platforms, under load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support.cloud_run import CloudRun
from support.container_apps import SUBSCRIPTION, ContainerApps
from support.listener import Listener, listener
from support.load import KeepAliveLoad
from support.pipelines import Repository
from support.postgres import postgres_cluster
from support.render import render

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.revisions import Revisions

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
DEAD = 'raise SystemExit("a version that does not start")'
# A version that is ready and is not what it should be.
MISTAKEN = """
import os

os.environ["RELEASE"] = "another"

from app.__main__ import main

main()
"""
BROKEN_MIGRATION = """
revision = "0002"
down_revision = "0001"


def upgrade():
    raise RuntimeError("a migration that does not work")
"""
LOGIN = {"cloud_run": {"GCP_PROJECT": "acme"}, "container_apps": {"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}}
CASES = [("cloud_run", "rolling"), ("cloud_run", "blue_green"), ("cloud_run", "canary")]
CASES += [("container_apps", "blue_green"), ("container_apps", "canary")]
STEPS = {"rolling": [100], "blue_green": [100], "canary": [10, 50, 100]}


class Team:
    """A repository whose service runs on the platform, and the webhook of the team's chat."""

    def __init__(self, repository: Repository, platform: Revisions, chat: Listener, login: dict[str, str]) -> None:
        self.repository, self.platform, self.chat, self.login = repository, platform, chat, login

    def publish(self) -> None:
        """Put the commit that is checked out into the registry."""
        done = self.repository.ops("publish", **self.login)
        assert done.returncode == 0, done.stderr

    def commit(self, version: str = "") -> str:
        """Make a new version, published, and return its commit.

        Args:
            version: Source of what starts in place of the service, when it is a bad one.
        """
        if version:
            (self.repository.root / "faulty.py").write_text(version)
        commit = self.repository.commit("next")
        if version:
            self.platform.faulty.add(commit)
        self.publish()
        return commit

    def release(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `ops/release production`."""
        return self.repository.ops(
            "release",
            "production",
            **{
                **self.login,
                "METRICS_TOKEN": TOKEN,
                "SERVICE_URL": self.platform.edge.url,
                "NOTIFY_WEBHOOK_URL": f"http://127.0.0.1:{self.chat.port}/hook",
                "WATCH_SECONDS": "2",
                "SMOKE_TIMEOUT": "2",
                **variables,
            },
        )

    def started(self) -> str:
        """Release a first version and return its commit."""
        self.publish()
        done = self.release(WATCH_SECONDS="0")
        assert done.returncode == 0, done.stderr
        self.platform.steps.clear()
        return self.repository.head

    def load(self) -> KeepAliveLoad:
        """Return clients who are at work for the time of a `with` block."""
        return KeepAliveLoad(
            self.platform.edge.port, path="/items", connections=6, pause_seconds=0.01, notice_seconds=600
        )

    def told(self) -> str:
        """Return what the team heard last."""
        return self.chat.received[-1].body.decode()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Team]]:
    """Give a function that renders the service for a platform, where nothing was deployed yet."""
    platforms: list[Revisions] = []

    def started(platform: str, strategy: str, chat: Listener, database_url: str = "") -> Team:
        root = render(
            tmp_path / "service",
            service_name="order-api",
            platform=platform,
            strategy=strategy,
            database="postgres" if database_url else "none",
            checklist="production",
        )
        repository = Repository(root, tmp_path / "bin")
        variables = {"ENVIRONMENT": "production", "METRICS_TOKEN": TOKEN, "RATE_LIMIT_PER_MINUTE": "0"}
        variables |= {"DRAIN_SECONDS": "1"} | ({"DATABASE_URL": database_url} if database_url else {})
        running: CloudRun | ContainerApps
        if platform == "cloud_run":
            running = CloudRun(root, tmp_path / "platform", **variables)
            repository.stub("gcloud", running.script("gcloud"))
        else:
            running = ContainerApps(root, tmp_path / "platform", **variables)
            repository.stub("az", running.script("az"))
            repository.stub("curl", running.curl())
        repository.stub("docker", running.script("docker"))
        platforms.append(running)
        return Team(repository, running, chat, LOGIN[platform])

    yield started
    for running in platforms:
        running.close()


@pytest.fixture
def chat() -> Iterator[Listener]:
    """The webhook of the team's chat."""
    with listener() as running:
        yield running


@pytest.mark.proves("production:pipeline")
@pytest.mark.parametrize(("platform", "strategy"), CASES)
def test_a_good_release_gets_the_traffic_step_by_step_without_a_lost_request(
    start: Callable[..., Team], chat: Listener, platform: str, strategy: str
) -> None:
    team = start(platform, strategy, chat)
    first = team.started()
    second = team.commit()
    with team.load() as load:
        done = team.release()
    assert done.returncode == 0, done.stderr
    shares = [{first: 100 - share, second: share} if share < 100 else {second: 100} for share in STEPS[strategy]]
    assert team.platform.steps == shares
    assert load.report.lost == load.report.refused == []
    assert set(load.report.statuses) == {200}
    assert "is live in production" in team.told()
    assert done.stderr.count("kept its promise") == len(STEPS[strategy]) + (strategy != "rolling")
    assert TOKEN not in "\n".join([done.stdout, done.stderr, *team.repository.calls()])


@pytest.mark.proves("production:rollback", "critical:no-rollback")
@pytest.mark.parametrize(("platform", "strategy"), CASES)
def test_a_release_that_fails_requests_loses_its_traffic(
    start: Callable[..., Team], chat: Listener, platform: str, strategy: str
) -> None:
    team = start(platform, strategy, chat)
    most = STEPS[strategy][0]
    first = team.started()
    second = team.commit(FAULTY)
    with team.load() as load:
        done = team.release(WATCH_SECONDS="60")
        time.sleep(0.5)
        failed, answered = load.report.statuses[500], load.report.answered
        load.report.statuses.clear()
        time.sleep(0.5)
    assert done.returncode == 6, done.stderr
    assert f"requests to {second} failed" in done.stderr
    assert max(step.get(second, 0) for step in team.platform.steps) == most
    assert team.platform.live == first
    assert load.report.lost == load.report.refused == []
    assert set(load.report.statuses) == {200}
    assert 0 < failed < answered * most / 100
    assert "was rolled back: it broke its promise" in team.told()


@pytest.mark.parametrize(("platform", "strategy"), CASES)
def test_a_release_that_never_gets_ready_gets_no_traffic_and_the_next_one_does(
    start: Callable[..., Team], chat: Listener, platform: str, strategy: str
) -> None:
    team = start(platform, strategy, chat)
    first = team.started()
    second = team.commit(DEAD)
    with team.load() as load:
        done = team.release()
    assert done.returncode == 6, done.stderr
    assert not any(second in step for step in team.platform.steps)
    assert team.platform.live == first
    assert set(load.report.statuses) == {200}
    assert "the deploy failed" in team.told()
    third = team.commit()
    assert team.release(WATCH_SECONDS="0").returncode == 0
    assert team.platform.live == third


@pytest.mark.parametrize(("platform", "strategy"), [case for case in CASES if case[1] != "rolling"])
@pytest.mark.parametrize(
    "candidate",
    [(MISTAKEN, {}, "the smoke test failed"), ("", {"METRICS_TOKEN": "wrong"}, "it cannot be watched")],
    ids=["mistaken", "wrong-token"],
)
def test_a_candidate_that_does_not_prove_itself_at_its_own_address_gets_no_traffic(
    start: Callable[..., Team],
    chat: Listener,
    platform: str,
    strategy: str,
    candidate: tuple[str, dict[str, str], str],
) -> None:
    version, variables, reason = candidate
    team = start(platform, strategy, chat)
    first = team.started()
    team.commit(version)
    with team.load() as load:
        done = team.release(**variables)
    assert done.returncode == 6, done.stderr
    assert team.platform.steps == []
    assert team.platform.live == first
    assert set(load.report.statuses) == {200}
    assert f"got no traffic in production: {reason}" in team.told()


@pytest.mark.parametrize(("platform", "strategy"), [("cloud_run", "rolling"), *CASES[2:]])
def test_a_migration_that_fails_stops_the_release_before_anything_is_deployed(
    start: Callable[..., Team], chat: Listener, platform: str, strategy: str
) -> None:
    with postgres_cluster() as cluster:
        team = start(platform, strategy, chat, cluster.create("orders"))
        first = team.started()
        deployed = len(team.platform.revisions)
        migrations = team.repository.root / "migrations" / "versions"
        (migrations / "0002_orders.py").write_text(BROKEN_MIGRATION)
        team.commit()
        with team.load() as load:
            done = team.release()
        assert done.returncode == 6, done.stderr
        assert len(team.platform.revisions) == deployed
        assert team.platform.steps == []
        assert team.platform.live == first
        assert set(load.report.statuses) == {200}
        assert "the deploy failed" in team.told()
        assert cluster.psql("SELECT version_num FROM alembic_version", "orders") == "0001"


@pytest.mark.parametrize(
    ("variables", "code", "reason"),
    [
        ({"GCP_PROJECT": ""}, 3, "GCP_PROJECT"),
        ({"METRICS_TOKEN": ""}, 3, "METRICS_TOKEN"),
        ({"WATCH_SECONDS": "5m"}, 2, "'5m'"),
        ({"WATCH_ERROR_PERCENT": "few"}, 2, "WATCH_ERROR_PERCENT"),
        ({"SERVICE_URL": "order-api.example.com"}, 2, "URL must start with"),
    ],
)
def test_what_is_missing_or_wrong_stops_before_anything_changes(
    start: Callable[..., Team], chat: Listener, variables: dict[str, str], code: int, reason: str
) -> None:
    team = start("cloud_run", "canary", chat)
    team.publish()
    done = team.release(**variables)
    assert done.returncode == code, done.stderr
    assert reason in done.stderr
    assert len(team.platform.revisions) == 1
    assert not any(" update" in call for call in team.repository.calls())
