"""What the ops scripts report to a Pushgateway when they end."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest

from support.combinations import combinations
from support.monitoring import pushgateway
from support.render import render, rendered
from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

PLATFORMS = sorted({answers["platform"] for answers in combinations()})


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """The address of an empty Pushgateway."""
    with pushgateway(tmp_path) as address:
        yield address


def _reported(gateway: str, job: str) -> dict[str, float]:
    """Return what a job of production reported, by the end of the series' names."""
    with urllib.request.urlopen(f"{gateway}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    labels = f'{{environment="production",instance="",job="{job}",service="order-api"}}'
    found = re.findall(rf"^ops_(\w+){re.escape(labels)} (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def _service(platform: str) -> Path:
    customer = {"needs": ["app_runner_customer"]} if platform == "app_runner" else {}
    return rendered(service_name="order-api", platform=platform, checklist="production", **customer)


def _run(root: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    tool("curl")
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        [str(root / "ops" / words[0]), *words[1:]],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("script", ["deploy", "rollback"])
def test_a_deploy_that_cannot_start_is_reported(gateway: str, platform: str, script: str) -> None:
    """On every platform: without its tokens nothing goes out, and that is a failure."""
    root = _service(platform)
    done = _run(root, script, "production", "4f2a9c1", METRICS_PUSH_URL=gateway)
    assert done.returncode == 3, done.stderr
    reported = _reported(gateway, script)
    assert reported["last_run_succeeded"] == 0
    assert "last_success_timestamp_seconds" not in reported


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("script", ["deploy", "rollback"])
def test_a_dry_run_reports_nothing(gateway: str, platform: str, script: str) -> None:
    root = _service(platform)
    done = _run(root, script, "--dry-run", "production", "4f2a9c1", METRICS_PUSH_URL=gateway)
    assert done.returncode == 0, done.stderr
    assert _reported(gateway, script) == {}


@pytest.mark.parametrize("job", ["backup", "restore-drill"])
def test_a_backup_that_cannot_start_is_reported(tmp_path: Path, gateway: str, job: str) -> None:
    root = render(tmp_path / "service", service_name="order-api", platform="fly", checklist="production")
    done = _run(root, job, "production", METRICS_PUSH_URL=f"{gateway}/")
    assert done.returncode == 3, done.stderr
    assert _reported(gateway, job)["last_run_succeeded"] == 0
