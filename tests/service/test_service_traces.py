"""Traces of a running service arrive at a collector with the identifiers of its logs and error reports."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.listener import Listener, listener
from support.probe import PROBE
from support.render import render
from support.service import RunningService, install, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
# No database listens there: the service starts without it.
DATABASE_URL = "postgresql://app:d4tabase-w0rd@127.0.0.1:1/app"
SECRETS = ("d4tabase-w0rd", "m3trics-w0rd", "cli3nt-w0rd", "qu3ry-w0rd", "b0dy-w0rd", "c0llector-w0rd")
PERSONAL = ("203.0.113.9", "Mozilla", "jane@example.org")

# Runs among the service's own packages, which can read what it sends.
DECODE = """
import sys
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
print(MessageToJson(ExportTraceServiceRequest.FromString(sys.stdin.buffer.read())))
"""


@pytest.fixture(scope="module")
def with_probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    service = render(
        tmp_path_factory.mktemp("traces") / "service", database="postgres", cache="none", checklist="production"
    )
    (service / "probe.py").write_text(PROBE)
    return service


@pytest.fixture
def collector() -> Iterator[Listener]:
    with listener() as running:
        yield running


@pytest.fixture
def sentry() -> Iterator[Listener]:
    with listener() as running:
        yield running


def variables(collector: Listener, **more: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20c0llector-w0rd",
        "OTEL_TRACES_SAMPLER_ARG": "1",
        "DATABASE_URL": DATABASE_URL,
        "METRICS_TOKEN": "m3trics-w0rd",
        "RELEASE": "4f2a9c1",
        "ENVIRONMENT": "staging",
        "TRUSTED_PROXY_HOPS": "1",
        "DRAIN_SECONDS": "0",
        **more,
    }


def stop(service: RunningService) -> float:
    """Stop a service, and return the seconds that this took."""
    started = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    service.process.wait(timeout=20)
    return time.monotonic() - started


def spans(service: Path, collector: Listener) -> list[dict[str, Any]]:
    """Return the spans that arrived, with their resource and plain attributes."""
    python = str(install(service) / "python")
    found: list[dict[str, Any]] = []
    for request in collector.received:
        assert (request.path, request.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
        done = subprocess.run([python, "-c", DECODE], input=request.body, capture_output=True, check=True)
        for resource in json.loads(done.stdout)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                found += [span | {"resource": _plain(resource["resource"])} for span in scope["spans"]]
    for span in found:
        span["attributes"] = _plain(span)
        for name in ("traceId", "spanId", "parentSpanId"):
            span[name] = base64.b64decode(span.get(name, "")).hex()
    return found


def _plain(holder: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: str(next(iter(item["value"].values()))) for item in holder["attributes"]}


@pytest.mark.proves("production:logs", "production:errors")
def test_a_span_has_the_identifiers_of_its_log_lines_and_its_error_report(
    with_probe: Path, collector: Listener, sentry: Listener, tmp_path: Path
) -> None:
    settings = variables(collector, SENTRY_DSN=f"http://{'0' * 32}@127.0.0.1:{sentry.port}/1")
    headers = {
        "Authorization": "Bearer cli3nt-w0rd",
        "User-Agent": "Mozilla/5.0",
        "X-Forwarded-For": "203.0.113.9",
        "X-Request-ID": "order-12345678",
    }
    with running_service(with_probe, tmp_path / "log", module="probe", **settings) as service:
        path = "/items/probe/fail?token=qu3ry-w0rd&mail=jane@example.org"
        assert service.send("POST", path, headers, '{"password": "b0dy-w0rd"}')[0] == 500
        lines = service.log_lines("order-12345678", 2)
        stop(service)
    [span] = spans(with_probe, collector)
    assert span["name"] == "POST /items/probe/fail"
    assert {(line["trace_id"], line["span_id"]) for line in lines} == {(span["traceId"], span["spanId"])}
    assert span["parentSpanId"] == ""
    [report] = sentry.received
    event = json.loads(report.body.split(b"\n", 2)[2])
    assert event["contexts"]["trace"]["trace_id"] == event["tags"]["trace_id"] == span["traceId"]
    assert event["contexts"]["trace"]["span_id"] == span["spanId"]
    assert span["status"]["code"] == "STATUS_CODE_ERROR"
    assert span["attributes"]["error.type"] == "RuntimeError"
    assert span["attributes"]["request_id"] == event["tags"]["request_id"] == "order-12345678"
    assert span["attributes"]["url.query"] == "[hidden]"
    resource = span["resource"]
    assert (resource["service.version"], resource["deployment.environment.name"]) == ("4f2a9c1", "staging")
    assert collector.received[0].headers["authorization"] == "Bearer c0llector-w0rd"
    sent = json.dumps(span) + collector.received[0].body.decode("latin-1")
    assert [word for word in (*SECRETS, *PERSONAL) if word in sent] == []
    assert [word for word in SECRETS if word in (tmp_path / "log").read_text()] == []


def test_a_trace_goes_from_the_caller_through_the_service_to_the_next(
    with_probe: Path, collector: Listener, tmp_path: Path
) -> None:
    with listener() as other:
        settings = variables(collector, OTHER_SERVICE=f"http://127.0.0.1:{other.port}", OTEL_TRACES_SAMPLER_ARG="0")
        with running_service(with_probe, tmp_path / "log", module="probe", **settings) as service:
            sampled, unsampled = f"00-{TRACE_ID}-{CALLER}-01", f"00-{TRACE_ID}-{CALLER}-00"
            for traceparent in (sampled, unsampled):
                assert service.send("GET", "/items/probe/call", {"traceparent": traceparent})[0] == 200
            # Nobody has decided about this one, and the service samples nothing.
            assert service.send("GET", "/items/probe/call")[0] == 200
            for probe in ("/health", "/ready", "/metrics"):
                service.send("GET", probe, {"traceparent": sampled})
            stop(service)
        calls = [request.headers["traceparent"].split("-") for request in other.received]
    [span] = spans(with_probe, collector)
    assert (span["traceId"], span["parentSpanId"]) == (TRACE_ID, CALLER)
    assert calls[0] == ["00", TRACE_ID, span["spanId"], "01"]
    assert [flags for *_, flags in calls[1:]] == ["00", "00"]
    assert calls[2][1] != TRACE_ID


def test_a_collector_that_is_away_or_hangs_costs_nobody_an_answer(
    with_probe: Path, collector: Listener, tmp_path: Path
) -> None:
    collector.delay_seconds = 60
    hangs = variables(collector, OTEL_BSP_SCHEDULE_DELAY="100")
    away = hangs | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    for name, settings in (("away", away), ("hangs", hangs)):
        with running_service(with_probe, tmp_path / name, **settings) as service:
            for _ in range(20):
                started = time.monotonic()
                assert service.get("/nowhere")[0] == 404
                assert time.monotonic() - started < 0.5
            time.sleep(0.3)
            service.get("/nowhere")
            assert stop(service) < 5
        assert "c0llector-w0rd" not in (tmp_path / name).read_text()


def test_without_a_collector_the_libraries_are_not_even_loaded(with_probe: Path) -> None:
    program = "import sys, app.main, app.settings as s; app.main.create_app(s.Settings()); print(*sys.modules)"
    command = [str(install(with_probe) / "python"), "-c", program]
    done = subprocess.run(
        command, cwd=with_probe, env={"DATABASE_URL": DATABASE_URL}, capture_output=True, text=True, check=True
    )
    assert "opentelemetry.sdk" not in done.stdout
