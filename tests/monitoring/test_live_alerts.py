"""A fault in the running service reaches the right receiver through a real Prometheus and Alertmanager, and it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import re
import ssl
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from support.monitoring import Stack, Target, certificate, monitoring_stack
from support.postgres import PostgresCluster, postgres_cluster
from support.render import render
from support.service import RunningService, install, running_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

TOKEN = "m3trics-token"
NAME = "order-api"


@contextlib.contextmanager
def traffic(port: int) -> Iterator[None]:
    """Ask for a page twenty times a second, whatever comes back."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/items")
                connection.getresponse().read()
                connection.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def public_address(folder: Path, port: int) -> Iterator[tuple[int, Path]]:
    """Put TLS in front of the service; the certificate is valid for five more days."""
    path = certificate(folder, days=5)

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                answer = urllib.request.urlopen(f"http://127.0.0.1:{port}{self.path}", timeout=5)
            except OSError:
                self.send_error(503)
                return
            with answer:
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], path
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Watched:
    """A service under traffic, its database and its monitoring."""

    root: Path
    service: RunningService
    database: PostgresCluster
    stack: Stack

    def report(self, job: str, code: int, environment: str = "production") -> str:
        """Report a job as the scripts do, and return what was printed."""
        script = f". ops/lib.sh; environment={environment}; report {job} {code}"
        variables = {"PATH": "/usr/bin:/bin", "METRICS_PUSH_URL": self.stack.pushgateway}
        done = subprocess.run(
            ["sh", "-euc", script], cwd=self.root, env=variables, capture_output=True, text=True, check=True
        )
        return done.stdout + done.stderr

    def expect(self, alert: str, severity: str) -> None:
        """Wait until an alert fires at a severity and those who should be told are."""
        told = self.stack.told
        self.stack.wait(f"{alert} did not fire", lambda: (alert, severity) in self.stack.firing())
        receiver, word = ("pagerduty", alert) if severity == "critical" else ("slack", f"{alert} ({severity})")
        self.stack.wait(f"nobody was told of {alert}", lambda: told.got(receiver, word, firing=True))

    def expect_end(self, alert: str) -> None:
        """Wait until an alert is over and those who were told of it know."""
        told = self.stack.told
        self.stack.wait(f"{alert} goes on", lambda: alert not in {name for name, _ in self.stack.firing()})
        self.stack.wait(f"nobody was told of the end of {alert}", lambda: told.got("slack", alert, firing=False))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One service with everything around it; the tests leave it in health."""
    folder = tmp_path_factory.mktemp("live")
    root = render(folder / "service", service_name=NAME, platform="fly", checklist="production", database="postgres")
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres_cluster())
        url = database.create("app")
        command = [str(install(root) / "alembic"), "upgrade", "head"]
        subprocess.run(command, cwd=root, env={"DATABASE_URL": url}, capture_output=True, check=True)
        variables = {"DATABASE_URL": url, "METRICS_TOKEN": TOKEN, "RATE_LIMIT_PER_MINUTE": "0"}
        service = stack.enter_context(running_service(root, folder / "service.log", **variables))
        tls_port, authority = stack.enter_context(public_address(folder, service.port))
        target = Target(service.port, tls_port, authority, TOKEN)
        running = stack.enter_context(monitoring_stack(root, folder / "stack", target))
        stack.enter_context(traffic(service.port))
        one = Watched(root, service, database, running)
        for job in ("deploy", "backup", "restore-drill"):
            one.report(job, 0)
        healthy = {("CertificateExpires", "high"), ("CertificateExpires", "medium")}
        running.wait("it is not well at the start", lambda: settled(running, healthy))
        yield one


def settled(stack: Stack, expected: set[tuple[str, str]]) -> bool:
    """Whether exactly the expected alerts fire, with all promises measured."""
    return stack.firing() == expected and len(stack.query("slo:bad:ratio_3d")) == 4


@contextlib.contextmanager
def repeated(action: Callable[[], object]) -> Iterator[None]:
    """Do something again and again in the background."""
    over = threading.Event()

    def act() -> None:
        while not over.is_set():
            action()

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_certificate_that_ends_in_five_days_is_told_once_at_its_severity(watched: Watched) -> None:
    watched.expect("CertificateExpires", "high")
    told = watched.stack.told
    assert not told.got("slack", "CertificateExpires (medium)", firing=True)
    assert not told.got("pagerduty", "CertificateExpires", firing=True)


def test_every_panel_of_the_dashboard_shows_something(watched: Watched) -> None:
    dashboard = json.loads((watched.root / "monitoring" / "grafana" / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = re.sub(r"\[5m\]", "[6s]", target["expr"].replace("$__rate_interval", "6s"))
            watched.stack.wait(f"nothing in {panel['title']}", lambda: bool(watched.stack.query(expression)))  # noqa: B023
            values = [float(series["value"][1]) for series in watched.stack.query(expression)]
            assert not any(math.isnan(value) for value in values), (panel["title"], values)


@pytest.mark.proves("production:alerts")
def test_errors_page_and_end(watched: Watched) -> None:
    """The table is gone while /ready is well: every request ends with a 500."""
    watched.database.psql("ALTER TABLE items RENAME TO lost", "app")
    assert watched.service.get("/items")[0] == 500
    watched.expect("ErrorBudgetBurn", "critical")
    assert watched.service.get("/ready")[0] == 200
    assert "DatabaseDown" not in {name for name, _ in watched.stack.firing()}
    watched.database.psql("ALTER TABLE lost RENAME TO items", "app")
    watched.expect_end("ErrorBudgetBurn")


@pytest.mark.proves("production:alerts")
def test_slowness_pages_and_ends(watched: Watched) -> None:
    """A lock holds every request for most of a second, and none fails."""
    lock = "BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(0.8); COMMIT"
    with repeated(lambda: watched.database.psql(lock, "app")):
        watched.expect("LatencyP95Burn", "critical")
        watched.expect("LatencyP99Burn", "critical")
        assert "ErrorBudgetBurn" not in {name for name, _ in watched.stack.firing()}
    watched.expect_end("LatencyP95Burn")
    watched.expect_end("LatencyP99Burn")


@pytest.mark.proves("production:alerts")
def test_a_database_that_is_away_pages_once_for_the_cause(watched: Watched) -> None:
    before = len(watched.stack.told.notifications)
    watched.database.stop()
    watched.expect("DatabaseDown", "critical")
    watched.stack.wait("requests go on", lambda: ("ErrorBudgetBurn", "critical") in watched.stack.firing())
    time.sleep(3)
    pages = [one for one in watched.stack.told.notifications[before:] if one.receiver == "pagerduty" and one.firing]
    watched.database.start()
    watched.expect_end("DatabaseDown")
    watched.stack.wait("errors go on", lambda: ("ErrorBudgetBurn", "critical") not in watched.stack.firing())
    assert any("DatabaseDown" in one.text for one in pages)
    assert len(pages) <= 2, pages


def test_a_failed_deploy_is_told_until_the_next_one_succeeds(watched: Watched) -> None:
    watched.report("deploy", 6)
    watched.expect("DeployFailed", "high")
    watched.report("deploy", 0)
    watched.expect_end("DeployFailed")


def test_a_failed_backup_keeps_the_time_of_the_last_good_one(watched: Watched) -> None:
    age = "ops_last_success_timestamp_seconds{job='backup'}"
    good = watched.stack.query(age)[0]["value"][1]
    assert watched.report("backup", 4) == ""
    watched.expect("BackupFailed", "high")
    assert watched.stack.query(age)[0]["value"][1] == good
    watched.report("backup", 0)
    watched.expect_end("BackupFailed")


def test_a_service_that_is_gone_pages(watched: Watched) -> None:
    """The last test: the service does not come back."""
    watched.service.process.kill()
    watched.expect("ServiceDown", "critical")
