"""A service lives for years: plain `copier update` carries it along and keeps what its people wrote."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from support.render import ROOT
from support.tools import missing, tool

if TYPE_CHECKING:
    from pathlib import Path

# The first that asks only what a question file wants asked and works with the Git of Debian 12.
OLDEST_COPIER = "9.19.1"
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _commit(repository: Path, message: str) -> None:
    _run("git", "add", "--all", cwd=repository)
    _run("git", *IDENTITY, "commit", "--quiet", "--message", message, cwd=repository)


@pytest.fixture(params=["newest", OLDEST_COPIER])
def copier(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """The command line of the newest supported Copier, then of the oldest."""
    if request.param == "newest":
        return (tool("copier"),)
    uv = tool("uv")
    command = (uv, "tool", "run", "--quiet", "--from", f"copier=={OLDEST_COPIER}", "copier")
    if subprocess.run([*command, "--version"], cwd=tmp_path, check=False, capture_output=True).returncode != 0:
        missing(f"copier {OLDEST_COPIER}")
    return command


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template repository with two releases: v1.0.0 is the working tree, v1.1.0 adds a line to two files."""
    repository = tmp_path / "template"
    repository.mkdir()
    shutil.copy(ROOT / "copier.yml", repository)
    shutil.copytree(ROOT / "template", repository / "template")
    _run("git", "init", "--quiet", cwd=repository)
    _commit(repository, "First release")
    _run("git", "tag", "v1.0.0", cwd=repository)
    readme = repository / "template/layers/{{ at_documentation }}/README.md.jinja"
    readme.write_text(readme.read_text() + "\nA line of the second release.\n")
    ignore = next(repository.rglob(".dockerignore*"))
    ignore.write_text(ignore.read_text() + "second-release\n")
    _commit(repository, "Second release")
    _run("git", "tag", "v1.1.0", cwd=repository)
    return repository


def _generate(copier: tuple[str, ...], template: Path, service: Path, version: str, *data: str) -> None:
    options = [part for entry in data for part in ("--data", entry)]
    arguments = ("copy", "--quiet", "--defaults", "--vcs-ref", version, *options, str(template), str(service))
    _run(*copier, *arguments, cwd=template.parent)
    _run("git", "init", "--quiet", cwd=service)
    _commit(service, "Generated")


def _tree(service: Path) -> dict[str, str]:
    return {
        path.relative_to(service).as_posix(): path.read_text()
        for path in service.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(service).parts
    }


def test_update_brings_the_new_release_and_keeps_edits(copier: tuple[str, ...], template: Path, tmp_path: Path) -> None:
    service = tmp_path / "service"
    _generate(copier, template, service, "v1.0.0")
    readme = service / "README.md"
    readme.write_text(readme.read_text().replace("\n", "\n\nWritten by hand.\n", 1))
    (service / "app" / "own.py").write_text('"""Written by hand."""\n')
    _commit(service, "Own work")

    _run(*copier, "update", "--quiet", "--defaults", cwd=service)

    assert "Written by hand." in readme.read_text()
    assert "A line of the second release." in readme.read_text()
    assert "second-release" in (service / ".dockerignore").read_text()
    assert (service / "app" / "own.py").read_text() == '"""Written by hand."""\n'
    assert yaml.safe_load((service / ".copier-answers.yml").read_text())["_commit"] == "v1.1.0"
    assert "<<<<<<<" not in "".join(_tree(service).values())


def test_update_of_an_untouched_service_equals_a_fresh_copy(
    copier: tuple[str, ...], template: Path, tmp_path: Path
) -> None:
    _generate(copier, template, tmp_path / "old", "v1.0.0")
    _generate(copier, template, tmp_path / "fresh", "v1.1.0")
    _run(*copier, "update", "--quiet", "--defaults", cwd=tmp_path / "old")
    assert _tree(tmp_path / "old") == _tree(tmp_path / "fresh")


def test_switching_the_platform_removes_and_adds_its_files(
    copier: tuple[str, ...], template: Path, tmp_path: Path
) -> None:
    _generate(copier, template, tmp_path / "service", "v1.1.0", "platform=render")
    _generate(copier, template, tmp_path / "fresh", "v1.1.0", "platform=fly")
    arguments = ("update", "--quiet", "--defaults", "--vcs-ref", ":current:", "--data", "platform=fly")
    _run(*copier, *arguments, cwd=tmp_path / "service")
    tree = _tree(tmp_path / "service")
    assert "render.yaml" not in tree
    assert "fly.toml" in tree
    assert tree == _tree(tmp_path / "fresh")


def test_a_component_that_the_team_owns_is_left_alone(copier: tuple[str, ...], template: Path, tmp_path: Path) -> None:
    service = tmp_path / "service"
    managed = "manage=[service, pipeline, deployment, environment, monitoring, documentation]"
    _generate(copier, template, service, "v1.0.0", managed)
    assert not (service / "Dockerfile").exists()
    (service / "Dockerfile").write_text("FROM scratch\n")
    _commit(service, "Our own image")
    _run(*copier, "update", "--quiet", "--defaults", cwd=service)
    assert (service / "Dockerfile").read_text() == "FROM scratch\n"
    assert not (service / ".dockerignore").exists()
