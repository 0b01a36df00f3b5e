"""Runs the generated monitoring on this machine: Prometheus, Alertmanager, Pushgateway and the prober."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import yaml

from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# What the rules look back and wait, and what a test can wait for.
SHORTER = {
    "5m": "6s", "30m": "7s", "2h": "8s", "1h": "9s", "6h": "10s", "1d": "12s", "3d": "14s", "30d": "20s",
    "30s": "1s", "1m": "1s", "2m": "2s", "6m": "6s", "10m": "10s", "26h": "1h",
}  # fmt: skip


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True)
class Notification:
    """A message to somebody, as one of the receivers would get it."""

    receiver: str
    firing: bool
    text: str


@dataclass
class Receivers:
    """Stands in for PagerDuty and Slack."""

    port: int
    notifications: list[Notification] = field(default_factory=list)

    def got(self, receiver: str, word: str, *, firing: bool) -> bool:
        """Whether a receiver got a message with a word in it."""
        return any(one.receiver == receiver and one.firing is firing and word in one.text for one in self.notifications)


@contextlib.contextmanager
def receivers() -> Iterator[Receivers]:
    """Listen for notifications for the time of a `with` block."""
    seen = Receivers(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/pagerduty":
                firing = body["event_action"] == "trigger"
                text = body.get("payload", {}).get("summary", "") or body["dedup_key"]
                seen.notifications.append(Notification("pagerduty", firing, text))
            else:
                one = body["attachments"][0]
                seen.notifications.append(
                    Notification("slack", one["title"].startswith("firing"), f"{one['title']}\n{one['text']}")
                )
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Stack:
    """The running programs."""

    prometheus: str
    pushgateway: str
    told: Receivers

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what Prometheus answers now."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/query?{query}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def firing(self) -> set[tuple[str, str]]:
        """Return name and severity of every alert that fires."""
        labels = [series["metric"] for series in self.query('ALERTS{alertstate="firing"}')]
        return {(one["alertname"], one["severity"]) for one in labels}

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for a condition.

        Raises:
            TimeoutError: It did not come true; the message says what fires and who was told.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                message = f"{what}; firing: {sorted(self.firing())}; told: {self.told.notifications}"
                raise TimeoutError(message)
            time.sleep(0.25)


def _shortened(expression: str) -> str:
    return re.sub(r"(?<=[\[:])(\d+[smhd])(?=[\]:])", lambda match: SHORTER[match[1]], expression)


def _shorten_rules(folder: Path) -> None:
    """Rewrite the durations of the rules, and nothing else: names keep theirs."""
    for path in folder.glob("*.yml"):
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                rule["expr"] = _shortened(rule["expr"])
                if "for" in rule:
                    rule["for"] = SHORTER[rule["for"]]
        path.write_text(yaml.safe_dump(rules))


@dataclass(frozen=True)
class Target:
    """The service that is watched."""

    port: int
    # Its public address, and the certificate that it is trusted by.
    tls_port: int
    authority: Path
    # Its METRICS_TOKEN.
    token: str


def _prepare(monitoring: Path, ports: dict[str, int], hook: int, target: Target) -> None:
    """Point the copied files at this machine."""
    secrets = monitoring / "secrets"
    secrets.mkdir()
    (secrets / "metrics_token").write_text(target.token)
    (secrets / "slack_webhook_url").write_text(f"http://127.0.0.1:{hook}/slack")
    (secrets / "pagerduty_routing_key").write_text("0123456789abcdef0123456789abcdef")
    _shorten_rules(monitoring / "prometheus" / "rules")

    path = monitoring / "prometheus" / "prometheus.yml"
    text = path.read_text().replace("/run/secrets", str(secrets)).replace("/etc/targets", str(monitoring / "here"))
    for name, port in ports.items():
        text = re.sub(rf"\b{name}:\d+", f"127.0.0.1:{port}", text)
    config = yaml.safe_load(text)
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    path.write_text(yaml.safe_dump(config))

    path = monitoring / "alertmanager" / "alertmanager.yml"
    config = yaml.safe_load(path.read_text().replace("/run/secrets", str(secrets)))
    config["global"] = {"pagerduty_url": f"http://127.0.0.1:{hook}/pagerduty", "resolve_timeout": "5s"}
    config["route"]["group_interval"] = "1s"
    for route in config["route"]["routes"]:
        route["group_wait"] = "1s"
    path.write_text(yaml.safe_dump(config))

    here = monitoring / "here"
    here.mkdir()
    (here / "service.yml").write_text(yaml.safe_dump([{"targets": [f"127.0.0.1:{target.port}"]}]))
    (here / "uptime.yml").write_text(yaml.safe_dump([{"targets": [f"https://localhost:{target.tls_port}/ready"]}]))
    path = monitoring / "blackbox" / "blackbox.yml"
    probe = yaml.safe_load(path.read_text())
    probe["modules"]["ready"]["http"]["tls_config"] = {"ca_file": str(target.authority)}
    path.write_text(yaml.safe_dump(probe))


def certificate(folder: Path, days: int) -> Path:
    """Make a certificate for localhost that is valid for some days; its key lies beside it."""
    path = folder / "certificate.pem"
    command = [
        tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(folder / "key.pem"), "-out", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return path


@contextlib.contextmanager
def monitoring_stack(rendered: Path, folder: Path, target: Target) -> Iterator[Stack]:
    """Run the monitoring of a rendered repository for the time of a `with` block, at seconds instead of minutes.

    Args:
        rendered: The repository.
        folder: An empty folder for a copy of its files and for what the programs write.
        target: The service to watch.

    Yields:
        The running stack.
    """
    monitoring = folder / "monitoring"
    shutil.copytree(rendered / "monitoring", monitoring)
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "blackbox")}
    with receivers() as told, pushgateway(folder) as gateway, contextlib.ExitStack() as stack:
        ports["pushgateway"] = int(gateway.rpartition(":")[2])
        _prepare(monitoring, ports, told.port, target)
        listen = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        commands = {
            "prometheus": [
                "prometheus", f"--config.file={monitoring}/prometheus/prometheus.yml",
                f"--storage.tsdb.path={folder}/prometheus", f"--web.listen-address={listen['prometheus']}",
            ],
            "alertmanager": [
                "prometheus-alertmanager", f"--config.file={monitoring}/alertmanager/alertmanager.yml",
                f"--storage.path={folder}/alertmanager", f"--web.listen-address={listen['alertmanager']}",
                "--cluster.listen-address=",
            ],
            "blackbox": [
                "prometheus-blackbox-exporter", f"--config.file={monitoring}/blackbox/blackbox.yml",
                f"--web.listen-address={listen['blackbox']}",
            ],
        }  # fmt: skip
        for name, (program, *options) in commands.items():
            stack.enter_context(running([tool(program), *options], folder / f"{name}.log", f"http://{listen[name]}/"))
        yield Stack(f"http://{listen['prometheus']}", gateway, told)


@contextlib.contextmanager
def running(command: list[str], log: Path, address: str) -> Iterator[None]:
    """Run a program for the time of a `with` block, from the moment in which it answers at an address."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(address, timeout=2).close()
            except urllib.error.HTTPError:
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            else:
                break
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def pushgateway(folder: Path) -> Iterator[str]:
    """Run an empty Pushgateway for the time of a `with` block, with its log in a folder, and yield its address."""
    address = f"127.0.0.1:{free_port()}"
    # Debian's keeps what it was told in a file of the system unless it is asked not to.
    command = [tool("prometheus-pushgateway"), f"--web.listen-address={address}", "--persistence.file="]
    with running(command, folder / "pushgateway.log", f"http://{address}/"):
        yield f"http://{address}"
