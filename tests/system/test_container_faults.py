"""A container of a generated service under faults: the platform stops it, its database dies, a client cheats."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from support import containers
from support.load import KeepAliveLoad

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.postgres import PostgresCluster
    from support.redis import RedisServer

pytestmark = pytest.mark.system

READY_BUDGET_SECONDS = 2.0
NO_REDIS = {"REDIS_URL": "redis://127.0.0.1:9/0"}
UNLIMITED = {"RATE_LIMIT_PER_MINUTE": "1000000", "RATE_LIMIT_BURST": "100000"}


def _timed(service: containers.Container, path: str) -> tuple[int, dict[str, Any], float]:
    started = time.monotonic()
    status, body = service.get(path)
    return status, json.loads(body), time.monotonic() - started


def test_migrations_run_in_the_image_and_the_service_uses_the_table(full_image: str, postgres: PostgresCluster) -> None:
    env = {"DATABASE_URL": postgres.url("postgres")} | NO_REDIS
    containers.run_once(full_image, "alembic", "upgrade", "head", env=env)  # a second time changes nothing
    assert postgres.psql("SELECT count(*) FROM alembic_version") == "1"
    with containers.running(full_image, env) as service:
        service.wait_for("/ready")
        assert service.get("/items")[0] == 200


@pytest.mark.parametrize("variant", ["none-none", "postgres-redis"])
def test_sigterm_under_load_loses_no_request(
    image_of: Callable[[str, str], str], postgres: PostgresCluster, redis: RedisServer, variant: str
) -> None:
    database, cache = variant.split("-")
    env = {"DATABASE_URL": postgres.url("postgres"), "REDIS_URL": redis.url, "DRAIN_SECONDS": "2"} | UNLIMITED
    with containers.running(image_of(database, cache), env) as service:
        service.wait_for("/ready")
        with KeepAliveLoad(service.port, path="/items", pause_seconds=0.002) as load:
            load.wait_for_answers(200)
            service.signal("TERM")
            report = load.wait()
        assert not report.lost, report
        assert not report.refused, report
        assert set(report.statuses) == {200}, report
        assert report.closed_by_header >= 20, report
        assert service.exit_code() == 0, service.logs()


@pytest.mark.proves("mvp:health", "critical:no-health")
@pytest.mark.parametrize(("fault", "cure"), [("stop", "start"), ("pause", "resume")])
def test_a_dead_or_hung_database_fails_ready_within_two_seconds_and_heals_without_restart(
    full_image: str, postgres: PostgresCluster, fault: str, cure: str
) -> None:
    env = {"DATABASE_URL": postgres.url("postgres")} | NO_REDIS | UNLIMITED
    with containers.running(full_image, env) as service:
        service.wait_for("/ready")
        getattr(postgres, fault)()
        started = time.monotonic()
        service.wait_for("/ready", 503)
        assert time.monotonic() - started < READY_BUDGET_SECONDS
        for _ in range(3):
            status, body, seconds = _timed(service, "/ready")
            assert (status, body["checks"]["database"]["status"]) == (503, "failed")
            assert seconds < READY_BUDGET_SECONDS
            status, _body, seconds = _timed(service, "/health")
            assert status == 200
            assert seconds < 1
            time.sleep(0.5)
        getattr(postgres, cure)()
        service.wait_for("/ready", timeout=15)
        assert service.get("/items")[0] == 200


@pytest.mark.proves("production:rate-limits")
@pytest.mark.parametrize("variant", ["none-none", "postgres-redis"])
def test_forged_addresses_do_not_escape_the_rate_limit(
    image_of: Callable[[str, str], str], postgres: PostgresCluster, redis: RedisServer, variant: str
) -> None:
    database, cache = variant.split("-")
    limits = {"RATE_LIMIT_PER_MINUTE": "6", "RATE_LIMIT_BURST": "5", "TRUSTED_PROXY_HOPS": "1"}
    env = {"DATABASE_URL": postgres.url("postgres"), "REDIS_URL": redis.url} | limits
    with containers.running(image_of(database, cache), env) as service:
        service.wait_for("/ready")
        # The last address is the one that the platform's proxy appends; the rest is what the client claims.
        forged = [{"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"} for number in range(40)]
        statuses = [service.get("/items", headers)[0] for headers in forged]
        assert 1 <= statuses.count(200) <= 8, statuses
        assert statuses.count(429) == len(statuses) - statuses.count(200), statuses
        assert service.get("/items", {"X-Forwarded-For": "203.0.113.8"})[0] == 200, "another client has its own limit"
        assert service.get("/health", {"X-Forwarded-For": "203.0.113.7"})[0] == 200, "platform checks are never limited"


@pytest.mark.proves("production:logs")
def test_secrets_never_appear_in_logs(full_image: str, postgres: PostgresCluster, redis: RedisServer) -> None:
    token, bearer, key = (f"secret-{os.urandom(12).hex()}" for _ in range(3))
    env = {
        "DATABASE_URL": postgres.url("postgres"),
        "REDIS_URL": redis.url,
        "METRICS_TOKEN": token,
        "SENTRY_DSN": f"http://{key}@127.0.0.1:9/1",
        "LOG_LEVEL": "DEBUG",
    }
    with containers.running(full_image, env | UNLIMITED) as service:
        service.wait_for("/ready")
        assert service.get("/metrics", {"Authorization": f"Bearer {token}"})[0] == 200
        assert service.get("/metrics", {"Authorization": f"Bearer {bearer}"})[0] in {401, 403}
        service.get(f"/items?api_key={bearer}", {"Authorization": f"Bearer {bearer}", "Cookie": f"session={bearer}"})
        postgres.stop()
        service.wait_for("/ready", 503)
        service.get("/items", timeout=30)  # fails, and says so in the logs
        service.signal("TERM")
        service.exit_code()
        logs = service.logs()
        assert "/items" in logs
        for secret in (token, bearer, key, postgres.password, redis.password):
            assert secret not in logs
