"""Limits, error reports, traces and redirects of a running service, seen from outside."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.listener import Listener, Received, listener
from support.probe import PROBE
from support.redis import RedisServer, redis_server
from support.render import render
from support.service import RunningService, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

SENTRY_KEY = "0123456789abcdef0123456789abcdef"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
# No database listens there: the service starts without it.
DATABASE_URL = "postgresql://app:d4tabase-w0rd@127.0.0.1:1/app"
SECRETS = ("d4tabase-w0rd", "m3trics-w0rd", "cli3nt-w0rd", "c00kie-w0rd", "qu3ry-w0rd", "b0dy-w0rd", SENTRY_KEY)


@pytest.fixture(scope="module")
def with_redis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("redis") / "service", database="none", cache="redis")


@pytest.fixture(scope="module")
def with_probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    service = render(tmp_path_factory.mktemp("probe") / "service", database="postgres", cache="none")
    (service / "probe.py").write_text(PROBE)
    return service


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    with listener() as running:
        yield running


@pytest.fixture
def failing(with_probe: Path, elsewhere: Listener, tmp_path: Path) -> Iterator[RunningService]:
    """A service with a route that fails, which reports to `elsewhere`."""
    variables = {
        "DATABASE_URL": DATABASE_URL,
        "METRICS_TOKEN": "m3trics-w0rd",
        "SENTRY_DSN": f"http://{SENTRY_KEY}@127.0.0.1:{elsewhere.port}/1",
        "ENVIRONMENT": "staging",
        "RELEASE": "4f2a9c1",
        "DRAIN_SECONDS": "0",
    }
    with running_service(with_probe, tmp_path / "log", module="probe", **variables) as service:
        yield service


def fail(service: RunningService) -> tuple[int, Any, str]:
    headers = {
        "Authorization": "Bearer cli3nt-w0rd",
        "Cookie": "session=c00kie-w0rd",
        "X-Request-ID": "order-12345678",
        "traceparent": TRACEPARENT,
    }
    return service.send("POST", "/items/probe/fail?token=qu3ry-w0rd", headers, '{"password": "b0dy-w0rd"}')


def event_of(envelope: Received) -> dict[str, Any]:
    _, item, payload = envelope.body.split(b"\n", 2)
    assert json.loads(item)["type"] == "event"
    event: dict[str, Any] = json.loads(payload)
    return event


def statuses(services: tuple[RunningService, ...], each: int) -> list[int]:
    return [service.get("/items")[0] for _ in range(each) for service in services]


def wait_until_shared(services: tuple[RunningService, ...], redis: RedisServer) -> None:
    for service in services:
        deadline = time.monotonic() + 10
        while json.loads(service.get("/ready")[1])["checks"]["redis"]["status"] != "ok":
            assert time.monotonic() < deadline, redis
            time.sleep(0.1)


@pytest.mark.proves("production:rate-limits")
def test_instances_share_a_limit_and_survive_without_redis(
    with_redis: Path, redis: RedisServer, tmp_path: Path
) -> None:
    # One token a minute: none comes back while the test runs.
    variables = {"REDIS_URL": redis.url, "RATE_LIMIT_PER_MINUTE": "1", "RATE_LIMIT_BURST": "6"}
    with (
        running_service(with_redis, tmp_path / "first", **variables) as first,
        running_service(with_redis, tmp_path / "second", **variables) as second,
    ):
        both = (first, second)
        assert statuses(both, 5) == [200] * 6 + [429] * 4

        redis.kill()
        started = time.monotonic()
        # Each counts for itself now, and nobody waits for Redis.
        assert statuses(both, 3) == [200] * 6
        assert time.monotonic() - started < 2
        for service in both:
            service.wait_for("/ready", 200, timeout=2)
            status, body = service.get("/ready")
            report = json.loads(body)
            assert (status, report["status"], report["checks"]["redis"]["status"]) == (200, "ready", "failed")
        assert statuses(both, 4) == [200] * 6 + [429] * 2

        redis.start()
        wait_until_shared(both, redis)
        # Redis has forgotten everything: a limit of its own again, for both together.
        assert statuses(both, 5) == [200] * 6 + [429] * 4
    for log in (tmp_path / "first", tmp_path / "second"):
        assert "Rate limit counts in memory" in log.read_text()
        assert redis.password not in log.read_text()


def test_a_redis_that_hangs_costs_nobody_an_answer(with_redis: Path, redis: RedisServer, tmp_path: Path) -> None:
    with running_service(with_redis, tmp_path / "log", REDIS_URL=redis.url, RATE_LIMIT_PER_MINUTE="600") as service:
        assert service.get("/items")[0] == 200
        redis.pause()
        durations = []
        for _ in range(20):
            started = time.monotonic()
            assert service.get("/items")[0] == 200
            durations.append(time.monotonic() - started)
        assert max(durations) < 0.5
        # The breaker has opened: most did not even try.
        assert sorted(durations)[10] < 0.05
        asked = time.monotonic()
        status, body = service.get("/ready")
        assert (status, json.loads(body)["checks"]["redis"]["status"]) == (200, "failed")
        assert time.monotonic() - asked < 2
        redis.kill()


@pytest.mark.proves("production:errors")
def test_an_unhandled_error_is_reported_with_its_request_and_without_secrets(
    failing: RunningService, elsewhere: Listener
) -> None:
    assert fail(failing)[0] == 500
    [envelope] = elsewhere.wait_for(1)
    assert envelope.path == "/api/1/envelope/"
    event = event_of(envelope)
    assert (event["release"], event["environment"]) == ("4f2a9c1", "staging")
    assert event["tags"] == {"route": "POST /items/probe/fail", "request_id": "order-12345678", "trace_id": TRACE_ID}
    assert event["contexts"]["trace"]["trace_id"] == TRACE_ID
    [exception] = event["exception"]["values"]
    assert exception["type"] == "RuntimeError"
    assert exception["value"].startswith("no answer from ")
    assert exception["stacktrace"]["frames"][-1]["function"] == "fail"
    sent = envelope.body.decode()
    assert [secret for secret in SECRETS if secret in sent] == []
    assert "127.0.0.1" not in sent


@pytest.mark.proves("production:errors")
def test_an_error_just_before_the_stop_is_reported(failing: RunningService, elsewhere: Listener) -> None:
    elsewhere.delay_seconds = 1.0
    fail(failing)
    failing.process.send_signal(signal.SIGTERM)
    failing.process.wait(timeout=10)
    assert len(elsewhere.received) == 1


@pytest.mark.proves("production:logs")
def test_an_unhandled_error_is_a_problem_for_the_client_and_one_line_in_the_log(failing: RunningService) -> None:
    status, headers, body = fail(failing)
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert headers["x-request-id"] == "order-12345678"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "request_id": "order-12345678",
    }
    error, access = failing.log_lines("order-12345678", 2)
    assert (error["level"], error["message"]) == ("error", "Unhandled error")
    assert "RuntimeError: no answer from [hidden] with [hidden]" in error["exception"]
    assert (access["logger"], access["status"], access["route"]) == ("access", 500, "/items/probe/fail")
    assert "RuntimeError" not in json.dumps(access)
    text = failing.log.read_text()
    assert text.count("RuntimeError") == error["exception"].count("RuntimeError")
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.proves("production:logs")
def test_a_trace_goes_on_in_the_logs_and_in_calls_to_others(
    with_probe: Path, elsewhere: Listener, tmp_path: Path
) -> None:
    variables = {"DATABASE_URL": DATABASE_URL, "OTHER_SERVICE": f"http://127.0.0.1:{elsewhere.port}"}
    variables["METRICS_TOKEN"] = "m3trics-w0rd"
    with running_service(with_probe, tmp_path / "log", module="probe", **variables) as service:
        headers = {"traceparent": TRACEPARENT, "X-Request-ID": "order-12345678"}
        status, _, body = service.send("GET", "/items/probe/call", headers)
        assert (status, body) == (200, "200")
        [called] = elsewhere.wait_for(1)
        version, trace_id, span_id, flags = called.headers["traceparent"].split("-")
        assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
        assert called.headers["x-request-id"] == "order-12345678"

        # Without a client's trace there is a new one, which is passed on as well.
        service.send("GET", "/items/probe/call", {"X-Request-ID": "other-12345678"})
        _, second = elsewhere.wait_for(2)
        lines = service.log_lines("order-12345678", 3)
        new = service.log_lines("other-12345678", 3)
    assert [line["logger"] for line in lines] == ["probe", "httpx2", "access"]
    assert {(line["trace_id"], line["span_id"]) for line in lines} == {(TRACE_ID, span_id)}
    _, trace_id, span_id, _ = second.headers["traceparent"].split("-")
    assert trace_id != TRACE_ID
    assert {(line["trace_id"], line["span_id"]) for line in new} == {(trace_id, span_id)}


@pytest.mark.proves("critical:no-tls")
@pytest.mark.parametrize("settings", [{"TRUSTED_PROXY_HOPS": "1"}, {"CLIENT_IP_HEADER": "fly-client-ip"}])
def test_plain_http_is_redirected_behind_a_trusted_proxy(
    with_redis: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    plain = {"X-Forwarded-Proto": "http", "Host": "shop.test:8443", "X-Forwarded-For": "203.0.113.9"}
    secure = plain | {"X-Forwarded-Proto": "https"}
    with running_service(with_redis, tmp_path / "log", REDIS_URL="redis://127.0.0.1:1/0", **settings) as service:
        for method in ("GET", "POST"):
            status, headers, _ = service.send(method, "/items/a%2Fb?after=1&name=x%20y", plain)
            assert status == 308
            assert headers["location"] == "https://shop.test:8443/items/a%2Fb?after=1&name=x%20y"
        for probe in ("/health", "/ready", "/metrics"):
            assert service.send("GET", probe, plain)[0] == 200
        status, headers, _ = service.send("GET", "/items", secure)
        assert (status, headers["strict-transport-security"]) == (200, "max-age=31536000; includeSubDomains")


def test_a_client_cannot_ask_for_a_redirect_without_a_proxy(with_redis: Path, tmp_path: Path) -> None:
    with running_service(with_redis, tmp_path / "log", REDIS_URL="redis://127.0.0.1:1/0") as service:
        status, headers, _ = service.send("GET", "/items", {"X-Forwarded-Proto": "http", "Host": "shop.test"})
        assert (status, headers["strict-transport-security"]) == (200, None)
        _, headers, _ = service.send("GET", "/items", {"X-Forwarded-Proto": "https"})
        assert headers["strict-transport-security"] is None


def test_a_feature_flag_is_a_variable_of_the_environment(tmp_path: Path) -> None:
    service = render(tmp_path / "service", database="none", cache="none", checklist="production")
    body, headers = '{"name": "lamp"}', {"Content-Type": "application/json"}
    for value, status in (("true", 503), ("false", 201)):
        with running_service(service, tmp_path / "log", FLAG_ITEMS_READ_ONLY=value) as running:
            assert running.send("POST", "/items", headers, body)[0] == status
            assert running.get("/items")[0] == 200
