"""A service is written whole or not at all, wherever the generator was installed from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from goldenpath.errors import ExitCode, GoldenpathError
from goldenpath.generate import generate
from goldenpath.template import canonical_url, open_template

IDENTITY = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
}


@pytest.fixture(autouse=True)
def _git_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


def _write(destination: Path, *, git: bool = True) -> None:
    with open_template() as template:
        generate(template, {"service_name": "order-api"}, destination, lock=False, git=git)


def test_writes_a_service_and_commits_it(tmp_path: Path) -> None:
    with open_template() as template:
        result = generate(template, {"service_name": "order-api"}, tmp_path / "new", lock=False)
    assert result.exit_code is ExitCode.OK
    assert result.done == ["git", "commit"]
    assert "Dockerfile" in result.files
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tmp_path / "new", check=True, capture_output=True, text=True
    )
    assert status.stdout == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["new"]


def test_records_the_canonical_url_and_a_version_that_git_knows(tmp_path: Path) -> None:
    _write(tmp_path / "new", git=False)
    answers = yaml.safe_load((tmp_path / "new" / ".copier-answers.yml").read_text())
    assert answers["_src_path"] == canonical_url()
    assert canonical_url().startswith("https://")
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{answers['_commit']}^{{commit}}"],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert known.returncode == 0


def test_writes_into_an_empty_folder_that_exists_without_replacing_it(tmp_path: Path) -> None:
    before = tmp_path.stat().st_ino
    _write(tmp_path, git=False)
    assert tmp_path.stat().st_ino == before
    assert (tmp_path / "Dockerfile").is_file()


def test_makes_missing_parent_folders(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "b", git=False)
    assert (tmp_path / "a" / "b" / "Dockerfile").is_file()


@pytest.mark.parametrize("kind", ["full folder", "file", "broken link"])
def test_refuses_a_destination_that_holds_something(tmp_path: Path, kind: str) -> None:
    destination = tmp_path / "taken"
    if kind == "full folder":
        destination.mkdir()
        (destination / "mine.txt").write_text("mine")
    elif kind == "file":
        destination.write_text("mine")
    else:
        destination.symlink_to(tmp_path / "nowhere")
    with pytest.raises(GoldenpathError, match="DEST") as raised:
        _write(destination)
    assert raised.value.exit_code is ExitCode.DESTINATION
    assert len(list(tmp_path.iterdir())) == 1


def test_leaves_nothing_behind_when_an_answer_is_refused(tmp_path: Path) -> None:
    with open_template() as template, pytest.raises(GoldenpathError, match="service_name") as raised:
        generate(template, {"service_name": "Not A Name"}, tmp_path / "new", lock=False)
    assert raised.value.exit_code is ExitCode.GENERATION
    assert list(tmp_path.iterdir()) == []


def test_leaves_nothing_behind_when_interrupted(tmp_path: Path) -> None:
    def interrupt(step: str) -> None:
        if "commit" in step:
            raise KeyboardInterrupt

    with open_template() as template, pytest.raises(KeyboardInterrupt):
        generate(template, {"service_name": "order-api"}, tmp_path / "new", lock=False, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_service_is_written_and_the_missing_lock_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty-cache"))
    with open_template() as template:
        result = generate(template, {"service_name": "order-api"}, tmp_path / "new")
    assert result.exit_code is ExitCode.LOCK_MISSING
    assert "uv lock" in result.warnings[0]
    assert result.done == ["git", "commit"]
    assert (tmp_path / "new" / "pyproject.toml").is_file()


def test_a_failed_commit_is_said_and_the_service_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho 'not today' >&2\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hooks))
    with open_template() as template:
        result = generate(template, {"service_name": "order-api"}, tmp_path / "new", lock=False)
    assert result.exit_code is ExitCode.COMMIT_FAILED
    assert "not today" in result.warnings[0]
    assert (tmp_path / "new" / "Dockerfile").is_file()


def test_the_environment_is_as_before_afterwards(tmp_path: Path) -> None:
    before = dict(os.environ)
    _write(tmp_path / "new", git=False)
    assert dict(os.environ) == before


@pytest.mark.system
def test_an_installed_wheel_writes_the_same_tree_without_a_network(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
    subprocess.run([*build, "--wheel-dir", str(tmp_path / "wheels"), str(clone)], check=True)
    wheel = next((tmp_path / "wheels").glob("*.whl"))
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)
    program = (
        "import sys; from goldenpath.cli import new_service; sys.argv[0] = 'new-service'; "
        "import goldenpath; assert 'site' in goldenpath.__file__; new_service()"
    )
    # A proxy that does not exist stands for the missing network.
    environment = {**os.environ, "PYTHONPATH": str(site), "https_proxy": "http://127.0.0.1:9"}
    arguments = ["--defaults", "--no-lock", "--no-git", "--data", "service_name=order-api", str(tmp_path / "new")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = yaml.safe_load((tmp_path / "new" / ".copier-answers.yml").read_text())
    assert answers["_src_path"] == canonical_url()
    with open_template() as template:
        generate(template, {"service_name": "order-api"}, tmp_path / "checkout", lock=False, git=False)
    tree = [
        {path.relative_to(side).as_posix(): path.read_bytes() for path in side.rglob("*") if path.is_file()}
        for side in (tmp_path / "new", tmp_path / "checkout")
    ]
    assert tree[0] == tree[1]
