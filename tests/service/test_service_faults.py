"""The running service survives what happens in production."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from support.load import KeepAliveLoad
from support.postgres import PostgresCluster, postgres_cluster
from support.render import render
from support.service import RunningService, install, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

SENTRY_KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def with_postgres(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("postgres") / "service", database="postgres", cache="none")


@pytest.fixture(scope="module")
def without_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("plain") / "service", database="none", cache="none")


@pytest.fixture
def database() -> Iterator[PostgresCluster]:
    with postgres_cluster() as cluster:
        yield cluster


@pytest.fixture
def migrated(with_postgres: Path, database: PostgresCluster) -> str:
    """The URL of a database with the service's table."""
    url = database.create("app")
    command = [str(install(with_postgres) / "alembic"), "upgrade", "head"]
    done = subprocess.run(command, cwd=with_postgres, env={"DATABASE_URL": url}, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return url


def _seconds_until_not_ready(service: RunningService) -> float:
    started = time.monotonic()
    service.wait_for("/ready", 503, timeout=10)
    return time.monotonic() - started


def test_a_killed_database_is_noticed_and_survived(
    with_postgres: Path, database: PostgresCluster, migrated: str, tmp_path: Path
) -> None:
    with running_service(with_postgres, tmp_path / "log", DATABASE_URL=migrated) as service:
        service.wait_for("/ready")
        assert service.get("/items") == (200, "[]")
        database.stop()
        assert _seconds_until_not_ready(service) < 2
        assert service.get("/health")[0] == 200
        assert service.get("/items")[0] == 503
        database.start()
        service.wait_for("/ready")
        assert service.get("/items") == (200, "[]")
    assert database.password not in (tmp_path / "log").read_text()


def test_a_hung_database_is_noticed_and_survived(
    with_postgres: Path, database: PostgresCluster, migrated: str, tmp_path: Path
) -> None:
    with running_service(with_postgres, tmp_path / "log", DATABASE_URL=migrated) as service:
        service.wait_for("/ready")
        database.pause()
        assert _seconds_until_not_ready(service) < 2
        asked = time.monotonic()
        assert service.get("/ready")[0] == 503
        assert time.monotonic() - asked < 2
        assert service.get("/health")[0] == 200
        database.resume()
        service.wait_for("/ready")
        assert service.get("/items") == (200, "[]")


def test_it_starts_while_the_database_is_away(with_postgres: Path, tmp_path: Path) -> None:
    url = "postgresql://app:s3cret-word@127.0.0.1:1/app"
    with running_service(with_postgres, tmp_path / "log", DATABASE_URL=url) as service:
        status, body = service.get("/ready")
        assert (status, '"failed"' in body) == (503, True)
        assert service.get("/items")[0] == 503
    assert "s3cret-word" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_loses_no_request(without_database: Path, tmp_path: Path, sent: signal.Signals) -> None:
    variables = {"DRAIN_SECONDS": "1.5", "RATE_LIMIT_PER_MINUTE": "0"}
    with running_service(without_database, tmp_path / "log", **variables) as service:
        with KeepAliveLoad(service.port, path="/items", connections=10, pause_seconds=0.005) as load:
            load.wait_for_answers(200)
            service.process.send_signal(sent)
            report = load.wait()
        assert report.lost == []
        assert set(report.statuses) == {200}
        assert report.closed_by_header > 0
        service.process.wait(timeout=10)


def test_secrets_never_reach_the_log(without_database: Path, tmp_path: Path) -> None:
    variables = {
        "METRICS_TOKEN": "m3trics-token",
        "SENTRY_DSN": f"http://{SENTRY_KEY}@127.0.0.1:1/1",
        "LOG_LEVEL": "DEBUG",
    }
    with running_service(without_database, tmp_path / "log", **variables) as service:
        assert service.get("/metrics", {"Authorization": "Bearer m3trics-token"})[0] == 200
        service.get("/items?token=qu3ry-token", {"Authorization": "Bearer cli3nt-token"})
        service.get("/missing", {"Cookie": "session=c00kie"})
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(timeout=10)
    text = (tmp_path / "log").read_text()
    assert '"path":"/items"' in text
    for secret in ("m3trics-token", SENTRY_KEY, "qu3ry-token", "cli3nt-token", "c00kie"):
        assert secret not in text


@pytest.mark.proves("production:rate-limits")
@pytest.mark.parametrize(("hops", "suffix"), [(0, ""), (1, ", 198.51.100.7"), (2, ", 198.51.100.7, 192.0.2.1")])
def test_a_forged_address_does_not_escape_the_rate_limit(
    without_database: Path, tmp_path: Path, hops: int, suffix: str
) -> None:
    variables = {"TRUSTED_PROXY_HOPS": str(hops), "RATE_LIMIT_PER_MINUTE": "1", "RATE_LIMIT_BURST": "5"}
    with running_service(without_database, tmp_path / "log", **variables) as service:
        forged = [{"X-Forwarded-For": f"203.0.113.{number}{suffix}"} for number in range(40)]
        statuses = [service.get("/items", headers)[0] for headers in forged]
    assert statuses == [200] * 5 + [429] * 35


@pytest.mark.proves("mvp:environment", "critical:hard-coded-secrets")
def test_wrong_settings_stop_the_start_and_are_named(with_postgres: Path) -> None:
    python = str(install(with_postgres) / "python")
    environment = {"PORT": "eighty", "METRICS_TOKEN": "change-me", "ENVIRONMENT": "production"}
    done = subprocess.run(
        [python, "-m", "app"], cwd=with_postgres, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["PORT", "DATABASE_URL"]
    environment = {"METRICS_TOKEN": "change-me", "ENVIRONMENT": "production", "DATABASE_URL": "postgresql://u@h/d"}
    done = subprocess.run(
        [python, "-m", "app"], cwd=with_postgres, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "METRICS_TOKEN")


def test_the_own_tests_pass_on_a_real_database(with_postgres: Path, database: PostgresCluster) -> None:
    command = [str(install(with_postgres) / "pytest"), "-q", "-p", "no:cacheprovider", "tests/test_postgres.py"]
    environment = {"TEST_DATABASE_URL": database.create("test")}
    done = subprocess.run(command, cwd=with_postgres, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
