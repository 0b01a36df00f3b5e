"""The scanners of the Production pipeline, run with the pipeline's own words: clean on first commit, and not blind."""

from __future__ import annotations

import shlex
import subprocess
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.pipelines import Repository
from support.render import ROOT, render
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

JOBS = {"bandit": "code-scan", "zizmor": "code-scan", "kingfisher": "secret-scan"}
PACKAGES = {"bandit": "bandit", "zizmor": "zizmor", "kingfisher": "kingfisher-bin"}
# A token of GitHub's form that never existed.
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]
SEEDS = {
    "bandit": ("app/seed.py", "import subprocess\n\nsubprocess.call(input(), shell=True)\n"),
    "zizmor": (
        ".github/workflows/seed.yml",
        """
on: issues
jobs:
  seed:
    runs-on: ubuntu-24.04
    steps:
      - run: echo ${{ github.event.issue.title }}
""",
    ),
    "kingfisher": ("app/seed.py", f'TOKEN = "{TOKEN}"\n'),
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    answers = {"platform": "fly", "cache": "redis", "checklist": "production"}
    return Repository(render(tmp_path / "service", **answers), tmp_path / "bin")


def words(repository: Repository, program: str) -> list[str]:
    """Return the command line of a scanner as the pipeline has it, with the program of this machine."""
    workflow: dict[str, Any] = yaml.safe_load((repository.root / ".github/workflows/ci.yml").read_text())
    runs = [step.get("run", "") for step in workflow["jobs"][JOBS[program]]["steps"]]
    parts = shlex.split(next(run for run in runs if program in run))
    position = next(index for index, part in enumerate(parts) if part.partition("@")[0] == program)
    return [tool(program), *parts[position + 1 :]]


def scan(repository: Repository, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words(repository, program), cwd=repository.root, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.proves("production:pipeline", "critical:hard-coded-secrets")
@pytest.mark.parametrize("program", JOBS)
def test_a_scanner_finds_nothing_in_the_first_commit_and_finds_what_is_planted(
    repository: Repository, program: str
) -> None:
    done = scan(repository, program)
    assert done.returncode == 0, done.stdout + done.stderr

    path, text = SEEDS[program]
    (repository.root / path).write_text(text)
    repository.commit("seed")
    done = scan(repository, program)
    assert done.returncode != 0, done.stdout


@pytest.mark.proves("critical:hard-coded-secrets")
def test_a_secret_that_was_removed_again_is_still_found(repository: Repository) -> None:
    path, text = SEEDS["kingfisher"]
    (repository.root / path).write_text(text)
    repository.commit("seed")
    (repository.root / path).unlink()
    repository.commit("removed")
    assert scan(repository, "kingfisher").returncode != 0


def test_the_scanners_are_tested_in_the_version_that_the_pipeline_runs() -> None:
    (pins,) = yaml.safe_load((ROOT / "template/catalog/versions.yml").read_text())
    assert {name: version(package) for name, package in PACKAGES.items()} == {name: pins[name] for name in PACKAGES}
