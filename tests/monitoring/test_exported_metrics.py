"""What rules and dashboard ask for is really there, with the labels that they ask for."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest
import yaml

from support.monitoring import free_port, pushgateway, running
from support.render import render
from support.service import running_service
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

# Prometheus makes these itself.
BUILT_IN = {"up", "ALERTS"}
SELECTOR = re.compile(r"\b([a-zA-Z_][a-zA-Z0-9_:]*)\{([^}]*)\}")
LABEL = re.compile(r'([a-z_]+)=~?"|([a-z_]+)!~"')


def _selectors(service: Path) -> dict[str, set[str]]:
    """Return every series that rules and dashboard ask for, with the labels that they choose by."""
    monitoring = service / "monitoring"
    dashboard = json.loads((monitoring / "grafana" / "dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    recorded = set()
    for path in (monitoring / "prometheus" / "rules").glob("*.yml"):
        for rule in [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]:
            expressions.append(rule["expr"])
            recorded.add(rule.get("record"))
    found: dict[str, set[str]] = {}
    for expression in expressions:
        for name, labels in SELECTOR.findall(expression):
            if name not in recorded | BUILT_IN:
                chosen = {equal or unequal for equal, unequal in LABEL.findall(labels)} - {"job"}
                found.setdefault(name, set()).update(chosen)
    return found


def _exported(*texts: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in "\n".join(texts).splitlines():
        series = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ", line)
        if series and not line.startswith("#"):
            found.setdefault(series[1], set()).update(re.findall(r'([a-z_]+)="', series[2] or ""))
    return found


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


@pytest.mark.parametrize(("database", "cache"), [("postgres", "redis"), ("none", "none")])
def test_everything_that_is_asked_for_is_exported(tmp_path: Path, database: str, cache: str) -> None:
    answers = {"platform": "fly", "checklist": "production", "database": database, "cache": cache}
    root = render(tmp_path / "service", **answers)
    # Nothing listens there: the service starts without its dependencies, and says so.
    variables = {"DATABASE_URL": "postgresql://app@127.0.0.1:1/app", "REDIS_URL": "redis://127.0.0.1:1/0"}
    blackbox = f"127.0.0.1:{free_port()}"
    config = root / "monitoring" / "blackbox" / "blackbox.yml"
    probe = [tool("prometheus-blackbox-exporter"), f"--config.file={config}", f"--web.listen-address={blackbox}"]
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running_service(root, tmp_path / "log", **variables))
        stack.enter_context(running(probe, tmp_path / "probe", f"http://{blackbox}/"))
        gateway = stack.enter_context(pushgateway(tmp_path))
        service.get("/items")
        environment = {"PATH": "/usr/bin:/bin", "METRICS_PUSH_URL": f"{gateway}/"}
        script = ". ops/lib.sh; environment=production; report deploy 0"
        subprocess.run(["sh", "-euc", script], cwd=root, env=environment, check=True)
        exported = _exported(
            service.get("/metrics")[1],
            _get(f"{gateway}/metrics"),
            _get(f"http://{blackbox}/probe?module=ready&target=http://127.0.0.1:{service.port}/health"),
        )
    # The one that only an address with TLS has; the live test meets it.
    asked = {name: labels for name, labels in _selectors(root).items() if name != "probe_ssl_earliest_cert_expiry"}
    assert {name for name in asked if name not in exported} == set()
    assert {name: labels - exported[name] for name, labels in asked.items() if labels - exported[name]} == {}
    assert len(asked) >= 12
    assert ("database_pool_connections" in exported) == (database == "postgres")


def test_a_report_that_nobody_takes_fails_nothing(tmp_path: Path) -> None:
    root = render(tmp_path / "service", platform="fly", checklist="production")
    script = ". ops/lib.sh; environment=production; report deploy 0; echo went on"
    environment = {"PATH": "/usr/bin:/bin", "METRICS_PUSH_URL": "http://user:s3cret@127.0.0.1:1"}
    done = subprocess.run(["sh", "-euc", script], cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "went on\n"
    assert "did not take the report" in done.stderr
    assert "s3cret" not in done.stderr
