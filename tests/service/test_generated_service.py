"""The generated project is clean and its own tests pass on the first commit, in every variant."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from support.render import ROOT, render
from support.service import install

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = [
    (database, cache, checklist)
    for database in ("postgres", "none")
    for cache in ("redis", "none")
    for checklist in ("mvp", "production")
]
CHECKS = {
    "lint": ("ruff", "check", "--no-cache"),
    "format": ("ruff", "format", "--check", "--no-cache"),
    "types": ("mypy",),
    "tests": ("pytest", "-q", "-p", "no:cacheprovider"),
}


@pytest.mark.parametrize(("database", "cache", "checklist"), VARIANTS)
def test_the_first_commit_passes_its_own_checks(tmp_path: Path, database: str, cache: str, checklist: str) -> None:
    service = render(
        tmp_path / "service",
        database=database,
        cache=cache,
        checklist=checklist,
        service_name="a1-b2-c3",
        description='It\'s "quoted": yes & no \\ ünïcode 😀 #1',
        owner="acme/pay.team-1",
    )
    programs = install(service)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TEST_"))}
    failed = {}
    for name, (program, *arguments) in CHECKS.items():
        command = [str(programs / program), *arguments]
        done = subprocess.run(command, cwd=service, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            failed[name] = done.stdout + done.stderr
    assert failed == {}


@pytest.mark.proves("mvp:environment")
@pytest.mark.parametrize(("database", "cache", "checklist"), VARIANTS)
def test_the_example_environment_lists_exactly_the_applicable_variables(
    tmp_path: Path, database: str, cache: str, checklist: str
) -> None:
    service = render(tmp_path / "service", database=database, cache=cache, checklist=checklist)
    applicable = {"always", database, cache, f"{checklist}_checklist"}
    catalog = yaml.safe_load((ROOT / "template" / "catalog" / "settings.yml").read_text())
    expected = [variable["name"] for variable in catalog if variable["when"] in applicable]
    lines = (service / ".env.example").read_text().splitlines()
    documented = [match[1] for line in lines if (match := re.match(r"(?:# )?([A-Z_]+)=", line))]
    assert documented == expected
    settings = (service / "app" / "settings.py").read_text()
    assert [name for name in expected if f"    {name.lower()}: " in settings] == expected


def test_without_postgres_and_redis_no_trace_of_them_is_left(tmp_path: Path) -> None:
    service = render(tmp_path / "service", database="none", cache="none")
    for folder in ("app", "tests"):
        for path in (service / folder).rglob("*.py"):
            text = path.read_text().lower()
            assert "psycopg" not in text, path
            assert "redis.asyncio" not in text, path
    assert not (service / "migrations").exists()
    assert "psycopg" not in (service / "pyproject.toml").read_text()
