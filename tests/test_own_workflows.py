"""The project's own workflows and update rules hold to what their linters and schemas ask for."""

from __future__ import annotations

import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

from support.render import ROOT
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
YAML_RULES = (
    "{extends: default, rules: {indentation: {indent-sequences: whatever}, line-length: {max: 140}, "
    "document-start: disable, truthy: {check-keys: false}}}"
)
EVERY_WORKFLOW = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_one_workflow_to_test_and_one_to_release() -> None:
    assert [path.name for path in WORKFLOWS] == ["release.yml", "test.yml"]


@EVERY_WORKFLOW
def test_actionlint_finds_nothing(workflow: Path) -> None:
    search = str(ROOT / ".cache" / "tools" / "bin")
    _run(tool("actionlint", path=search), "-shellcheck", tool("shellcheck"), workflow)


@EVERY_WORKFLOW
def test_zizmor_finds_nothing(workflow: Path) -> None:
    _run(tool("zizmor"), "--offline", "--persona=regular", workflow)


@EVERY_WORKFLOW
def test_yamllint_finds_nothing(workflow: Path) -> None:
    _run(tool("yamllint"), "--strict", "-d", YAML_RULES, workflow)


@EVERY_WORKFLOW
@pytest.mark.parametrize("schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"])
def test_workflows_hold_to_the_schema(workflow: Path, schema: str) -> None:
    _run(tool("check-jsonschema"), "--builtin-schema", schema, workflow)


def test_update_rules_hold_to_the_schema() -> None:
    _run(tool("check-jsonschema"), "--builtin-schema", "vendor.renovate", ROOT / "renovate.json")


def test_every_supported_python_and_the_oldest_copier_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    matrix = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]["versions"]["strategy"]["matrix"]
    prefix = "Programming Language :: Python :: "
    assert matrix["python"] == [c.removeprefix(prefix) for c in project["classifiers"] if c.startswith(prefix)]
    (copier,) = [requirement for requirement in project["dependencies"] if requirement.startswith("copier")]
    assert matrix["copier"] == [copier.partition(",")[0].replace(">=", "=="), copier]
