import asyncio
import json
import logging
import socket

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.operations.health import Readiness
from app.operations.layer import MAX_BODY_BYTES
from app.operations.logs import JsonFormatter
from app.operations.shutdown import Drain
from tests.conftest import MakeClient, make_app


def test_health_names_the_release(make_client: MakeClient) -> None:
    answer = make_client(release="4f2a9c1").get("/health")
    assert answer.json() == {"status": "ok", "release": "4f2a9c1"}


def test_every_response_has_security_headers_and_a_request_id(client: TestClient) -> None:
    for path in ("/health", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert len(headers["x-request-id"]) == 32


@pytest.mark.parametrize(("sent", "kept"), [("order-12345678", True), ("short", False), ('x"} forged line', False)])
def test_a_request_id_is_kept_only_where_it_is_harmless(client: TestClient, sent: str, kept: bool) -> None:
    assert (client.get("/health", headers={"X-Request-ID": sent}).headers["x-request-id"] == sent) is kept


def test_the_rate_limit_holds_and_says_when_to_come_back(make_client: MakeClient) -> None:
    client = make_client(rate_limit_per_minute=1, rate_limit_burst=3)
    answers = [client.get("/items") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(("hops", "suffix"), [(0, ""), (1, ", 198.51.100.7"), (2, ", 198.51.100.7, 192.0.2.1")])
def test_a_forged_address_does_not_escape_the_rate_limit(make_client: MakeClient, hops: int, suffix: str) -> None:
    client = make_client(rate_limit_per_minute=1, rate_limit_burst=1, trusted_proxy_hops=hops)
    headers = [{"X-Forwarded-For": f"203.0.113.{number}{suffix}"} for number in range(3)]
    assert [client.get("/items", headers=header).status_code for header in headers] == [200, 429, 429]


def test_plain_http_is_redirected_behind_a_proxy_only(make_client: MakeClient) -> None:
    plain = {"X-Forwarded-Proto": "http", "Host": "shop.test"}
    behind = make_client(trusted_proxy_hops=1)
    answer = behind.get("/items?after=1", headers=plain)
    assert (answer.status_code, answer.headers["location"]) == (308, "https://shop.test/items?after=1")
    assert behind.get("/health", headers=plain).status_code == 200
    assert make_client().get("/items", headers=plain).status_code == 200


def test_metrics_count_by_route_and_need_their_token(make_client: MakeClient) -> None:
    client = make_client(metrics_token="t0ken")
    client.get("/items/7")
    assert client.get("/metrics").status_code == 401
    figures = client.get("/metrics", headers={"Authorization": "Bearer t0ken"}).text
    assert 'http_request_duration_seconds_count{method="GET",route="/items/{item_id}",status="404"} 1.0' in figures


def test_production_without_a_token_shows_no_metrics_and_no_api_documentation(make_client: MakeClient) -> None:
    client = make_client(environment="production")
    assert client.get("/metrics").status_code == 404
    assert client.get("/openapi.json").status_code == 404


def test_the_metrics_port_needs_no_token_and_closes_with_the_service() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TestClient(make_app(metrics_port=port, environment="production")):
        assert "service_release" in httpx2.get(f"http://127.0.0.1:{port}/metrics").text
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{port}/metrics")


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    body = json.dumps({"name": "x" * MAX_BODY_BYTES}).encode()
    for content in (body, iter([body])):  # with its length in a header, and in chunks
        answer = client.post("/items", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_check_that_hangs_makes_the_instance_unavailable_in_time() -> None:
    async def hang() -> None:
        while True:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                await asyncio.sleep(0.3)
                raise

    async def ask() -> str:
        readiness = Readiness(Drain(0), timeout=0.05)
        readiness.required = {"database": hang}
        async with asyncio.timeout(0.2):
            report = await readiness.report()
        return report.checks["database"].status

    assert asyncio.run(ask()) == "failed"


def test_an_instance_that_drains_says_so() -> None:
    drain = Drain(0)
    drain.draining = True
    assert asyncio.run(Readiness(drain, timeout=1).report()).status == "draining"


def test_log_lines_are_json_without_secrets() -> None:
    record = logging.makeLogRecord({"msg": "connect to %s", "args": ('pass"word',), "name": "db", "order": 7})
    line = json.loads(JsonFormatter(['pass"word']).format(record))
    assert line["message"] == "connect to [hidden]"
    assert line["order"] == 7
