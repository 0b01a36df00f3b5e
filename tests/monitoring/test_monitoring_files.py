"""The rules, their tests, the routes and the dashboard: valid, complete and in agreement with each other."""

from __future__ import annotations

import ast
import functools
import itertools
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.render import ROOT, render
from support.tools import tool

SCHEMAS = Path(__file__).parents[1] / "schemas"
LONGEST_NAME = "a-name-of-thirty-characters-ok"
VARIANTS = [("postgres", "redis"), ("none", "none")]
SEVERITIES = ("critical", "high", "medium", "low")
RUNBOOKS = {
    *("deploy-failed", "error-spike", "latency", "saturation", "restart-loop", "certificate", "service-down"),
    *("disk-full", "secret-leaked", "region-down"),
}
DATABASE_RUNBOOKS = {"database-down", "pool-exhausted", "backup-failed"}
SLOS = yaml.safe_load((ROOT / "template" / "catalog" / "slos.yml").read_text())[0]


@functools.cache
def _rendered(database: str, cache: str) -> Path:
    target = Path(tempfile.mkdtemp(prefix="goldenpath-monitoring-")) / "service"
    return render(
        target, service_name=LONGEST_NAME, platform="fly", checklist="production", database=database, cache=cache
    )


@pytest.fixture(params=VARIANTS, ids="-".join)
def service(request: pytest.FixtureRequest) -> Path:
    """A rendered repository that meets the Production checklist."""
    database, cache = request.param
    return _rendered(database, cache)


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _alerts(service: Path) -> list[dict[str, Any]]:
    files = sorted((service / "monitoring" / "prometheus" / "rules").glob("*.yml"))
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _alert_tests(service: Path) -> list[dict[str, Any]]:
    files = sorted((service / "monitoring" / "prometheus" / "tests").glob("*.yml"))
    tests = [test for path in files for test in yaml.safe_load(path.read_text())["tests"]]
    return [case for test in tests for case in test["alert_rule_test"]]


def test_the_mvp_checklist_comes_without_them(tmp_path: Path) -> None:
    service = render(tmp_path / "service", platform="fly", checklist="mvp")
    assert not (service / "monitoring").exists()


def test_promtool_accepts_the_rules_and_the_configuration(service: Path) -> None:
    prometheus = service / "monitoring" / "prometheus"
    _run(tool("promtool"), "check", "rules", *sorted((prometheus / "rules").glob("*.yml")), cwd=prometheus)
    # The token's file is there in the container alone.
    _run(tool("promtool"), "check", "config", "--syntax-only", "prometheus.yml", cwd=prometheus)


@pytest.mark.proves("production:alerts")
@pytest.mark.parametrize("database", ["postgres", "none"])
def test_the_tests_of_the_rules_pass(database: str) -> None:
    tests = _rendered(database, "none") / "monitoring" / "prometheus" / "tests"
    _run(tool("promtool"), "test", "rules", *sorted(tests.glob("*.yml")), cwd=tests)


@pytest.mark.proves("production:alerts")
def test_every_alert_is_tested_firing_at_each_severity_and_silent(service: Path) -> None:
    fired = {
        (case["alertname"], alert["exp_labels"]["severity"])
        for case in _alert_tests(service)
        for alert in case["exp_alerts"]
    }
    silent = {case["alertname"] for case in _alert_tests(service) if not case["exp_alerts"]}
    assert fired == {(rule["alert"], rule["labels"]["severity"]) for rule in _alerts(service)}
    assert silent == {rule["alert"] for rule in _alerts(service)}


def test_a_test_fails_when_its_rule_stops_to_fire(tmp_path: Path) -> None:
    """What the tests say about the rules is not always true."""
    service = render(tmp_path / "service", platform="fly", checklist="production")
    tests = service / "monitoring" / "prometheus" / "tests"
    rules = tests.parent / "rules" / "service.yml"
    rules.write_text(rules.read_text().replace("or vector(0)) == 0", "or vector(0)) == 2"))
    command = [tool("promtool"), "test", "rules", "service.yml"]
    assert subprocess.run(command, cwd=tests, capture_output=True, check=False).returncode != 0


def test_every_alert_has_a_severity_and_a_runbook(service: Path) -> None:
    with_postgres = (service / "migrations").exists()
    allowed = RUNBOOKS | (DATABASE_RUNBOOKS if with_postgres else set())
    for rule in _alerts(service):
        assert rule["labels"]["severity"] in SEVERITIES, rule
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        runbook = re.fullmatch(r"docs/runbooks/([a-z-]+)\.md", rule["annotations"]["runbook_url"])
        assert runbook is not None, rule
        assert runbook[1] in allowed, rule
    assert any("database" in rule["expr"] for rule in _alerts(service)) == with_postgres


def test_the_promises_are_those_of_the_catalog(service: Path) -> None:
    """Each one has an alert for each burn rate, at its severity, and its threshold is a bucket of the histogram."""
    alerts = {(rule["alert"], rule["labels"]["severity"]) for rule in _alerts(service)}
    metrics = ast.parse((service / "app" / "operations" / "metrics.py").read_text())
    assigned = [node for node in metrics.body if isinstance(node, ast.Assign)]
    buckets = next(ast.literal_eval(node.value) for node in assigned if ast.unparse(node.targets[0]) == "BUCKETS")
    for objective in SLOS["objectives"]:
        assert {(objective["alert"], burn["severity"]) for burn in SLOS["burn_rates"]} <= alerts
        assert objective.get("slower_than", buckets[0]) in buckets
        assert max(burn["rate"] for burn in SLOS["burn_rates"]) * (1 - objective["good"]) < 1


def test_burn_rates_spend_what_the_catalog_says() -> None:
    spent = [burn["rate"] * burn["hours"] / (30 * 24) for burn in SLOS["burn_rates"]]
    assert [round(share, 3) for share in spent] == [0.02, 0.05, 0.1, 0.1]


def test_files_hold_to_their_schemas(service: Path) -> None:
    monitoring = service / "monitoring"
    for schema, files in {
        "prometheus.rules.schema.json": sorted((monitoring / "prometheus" / "rules").glob("*.yml")),
        "prometheus.rules.test.schema.json": sorted((monitoring / "prometheus" / "tests").glob("*.yml")),
        "prometheus.alertmanager.schema.json": [monitoring / "alertmanager" / "alertmanager.yml"],
    }.items():
        _run(tool("check-jsonschema"), "--schemafile", SCHEMAS / schema, *files, cwd=service)
    compose = monitoring / "compose.yaml"
    _run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", compose, cwd=service)
    _run(
        tool("prometheus-blackbox-exporter"), "--config.check", f"--config.file={monitoring}/blackbox/blackbox.yml",
        cwd=service,
    )  # fmt: skip


def test_yaml_is_tidy_whatever_the_name(service: Path) -> None:
    rules = (
        "{extends: default, rules: {indentation: {indent-sequences: whatever}, line-length: {max: 140},"
        " document-start: disable, truthy: {check-keys: false}}}"
    )
    files = sorted(path for path in (service / "monitoring").rglob("*") if path.suffix in {".yml", ".yaml"})
    assert len(files) > 10
    _run(tool("yamllint"), "--strict", "-d", rules, *files, cwd=service)


def test_alerts_reach_the_receiver_of_their_severity(service: Path) -> None:
    config = service / "monitoring" / "alertmanager" / "alertmanager.yml"
    _run(tool("amtool"), "check-config", config, cwd=service)
    for rule in _alerts(service):
        labels = [f"{name}={value}" for name, value in {"alertname": rule["alert"], **rule["labels"]}.items()]
        routed = _run(tool("amtool"), "config", "routes", "test", f"--config.file={config}", *labels, cwd=service)
        assert routed.strip() == rule["labels"]["severity"]
    lost = _run(tool("amtool"), "config", "routes", "test", f"--config.file={config}", "alertname=Unknown", cwd=service)
    assert lost.strip() == "high"
    receivers = {entry["name"]: entry for entry in yaml.safe_load(config.read_text())["receivers"]}
    assert tuple(receivers) == SEVERITIES
    assert [name for name in SEVERITIES if "pagerduty_configs" in receivers[name]] == ["critical"]


def test_no_file_holds_a_secret(service: Path) -> None:
    """What is secret comes from files that compose makes out of variables."""
    monitoring = service / "monitoring"
    compose = yaml.safe_load((monitoring / "compose.yaml").read_text())
    named = {f"/run/secrets/{name}" for name in compose["secrets"]}
    read = set()
    for path in monitoring.rglob("*"):
        if path.is_file():
            read |= set(re.findall(r"/run/secrets/\w+", path.read_text()))
    assert read == named
    assert all(list(secret) == ["environment"] for secret in compose["secrets"].values())
    for name, one in compose["services"].items():
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", one["image"]), name
        # Compose cannot put such a secret into a container that it cannot write to.
        assert not (one.get("secrets") and one.get("read_only")), name


def test_compose_mounts_what_is_there(service: Path) -> None:
    compose = yaml.safe_load((service / "monitoring" / "compose.yaml").read_text())
    for mount in [mount for one in compose["services"].values() for mount in one.get("volumes", [])]:
        for targets in ("local", "production"):
            source = mount.replace("${TARGETS:-local}", targets).partition(":")[0]
            assert (service / source).exists() if source.startswith("./") else source in compose["volumes"], mount


def test_the_dashboard_has_the_four_signals(service: Path) -> None:
    dashboard = json.loads((service / "monitoring" / "grafana" / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    expressions = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    for needed in ("rate(http_request_duration_seconds_count", '5.."', "0.50,", "0.95,", "0.99,", "cpu", "memory"):
        assert needed in expressions
    boxes = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [
        (box["x"] + column, box["y"] + line)
        for box in boxes
        for column, line in itertools.product(range(box["w"]), range(box["h"]))
    ]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < 24
