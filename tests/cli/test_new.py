"""`new-service` from the outside: what it prints, what it exits with, and what is on the disk afterwards."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from goldenpath.generate import generate
from goldenpath.template import git_environment, open_template
from support.tools import tool

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--no-lock", "--no-git")


def _run(
    *arguments: str | Path, cwd: Path, program: str = "new-service", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool(program), *map(str, arguments)],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
    )


def test_defaults_write_a_service_named_after_its_folder(tmp_path: Path) -> None:
    done = _run("--defaults", *QUICK, "order-api", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers = yaml.safe_load((tmp_path / "order-api" / ".copier-answers.yml").read_text())
    assert answers["service_name"] == "order-api"
    assert "Monthly cost on Render" in done.stdout
    assert "Wrote" in done.stdout


def test_without_dest_the_folder_is_named_after_the_service(tmp_path: Path) -> None:
    done = _run("--defaults", *QUICK, "--data", "service_name=billing", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "billing" / "Dockerfile").is_file()


def test_goldenpath_new_is_the_same_command(tmp_path: Path) -> None:
    done = _run("new", "--defaults", *QUICK, "order-api", cwd=tmp_path, program="goldenpath")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "order-api" / "Dockerfile").is_file()


def test_next_steps_are_three_to_six(tmp_path: Path) -> None:
    done = _run("--defaults", *QUICK, "--format", "json", "order-api", cwd=tmp_path)
    steps = json.loads(done.stdout)["next_steps"]
    assert 3 <= len(steps) <= 6
    assert any("uv lock" in step for step in steps)


def test_json_names_answers_files_plan_and_steps(tmp_path: Path) -> None:
    done = _run("--defaults", *QUICK, "--format", "json", "order-api", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["answers"]["platform"] == "render"
    assert document["plan"]["recommended"] == "render"
    written = {path.relative_to(tmp_path / "order-api").as_posix() for path in (tmp_path / "order-api").rglob("*")}
    assert {file["path"] for file in document["files"]} <= written
    assert document["dry_run"] is False


def test_dry_run_says_what_and_why_and_writes_nothing(tmp_path: Path) -> None:
    done = _run("--defaults", "--dry-run", "order-api", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any(line.split() == ["render.yaml", "deployment,", "for", "render"] for line in done.stdout.splitlines())
    assert list(tmp_path.iterdir()) == []


def test_answers_come_from_a_file_and_data_wins(tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text("service_name: from-file\nplatform: fly\nrequests_per_day: 1500\nneeds: []\n")
    arguments = ("--defaults", *QUICK, "--data-file", "answers.yml", "--data", "service_name=from-data", "out")
    done = _run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers = yaml.safe_load((tmp_path / "out" / ".copier-answers.yml").read_text())
    assert (answers["service_name"], answers["platform"], answers["requests_per_day"]) == ("from-data", "fly", "1500")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["--data", "plaform=fly"], 2, ["plaform = 'fly'", "Did you mean platform?"], id="unknown key"),
        pytest.param(["--data", "with_postgres=true"], 2, ["with_postgres", "Leave it out"], id="computed key"),
        pytest.param(["--data", "platform"], 2, ["--data = 'platform'", "KEY=VALUE"], id="no value"),
        pytest.param(["--data", "requests_per_day=5x"], 2, ["requests_per_day = '5x'", "5k or 1.5M"], id="bad value"),
        pytest.param(["--data", "platform=heroku"], 2, ["platform = 'heroku'", "render"], id="no such choice"),
        pytest.param(["--data", "platform=app_runner"], 2, ["takes no new customers"], id="closed to new customers"),
        pytest.param(
            ["--data", "platform=fly", "--data", "pipeline=platform"], 2, ["pipeline", "Fly.io"], id="no deploy on push"
        ),
        pytest.param(["--data-file", "missing.yml"], 2, ["--data-file = 'missing.yml'"], id="no such file"),
        pytest.param(["--template", "nowhere.git"], 6, ["--template = 'nowhere.git'"], id="no such template"),
        pytest.param(["--vcs-ref", "v999", "--template", str(ROOT)], 6, ["v999"], id="no such version"),
        pytest.param(["--format", "xml"], 2, ["xml"], id="wrong option"),
    ],
)
def test_bad_input_is_named_on_stderr_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    done = _run("--defaults", *QUICK, *arguments, "out", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    data = ("--data", "plaform=fly", "--data", "requests_per_day=5x", "--data", "stage=huge")
    done = _run("--defaults", *QUICK, *data, "out", cwd=tmp_path)
    assert all(name in done.stderr for name in ("plaform", "requests_per_day", "stage"))


def test_without_a_terminal_the_open_questions_are_named(tmp_path: Path) -> None:
    done = _run(*QUICK, "order-api", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "--data stage=" in done.stderr
    assert "--defaults" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_destination_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = _run("--defaults", *QUICK, ".", cwd=tmp_path)
    assert done.returncode == 3
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_git_the_remedy_is_named(tmp_path: Path) -> None:
    done = _run("--defaults", *QUICK, "out", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert done.returncode == 4
    assert "Install Git" in done.stderr


def test_plain_copier_writes_the_same_tree(tmp_path: Path) -> None:
    answers = {"service_name": "order-api", "platform": "railway", "cache": "redis", "needs": []}
    with open_template() as template:
        generate(template, answers, tmp_path / "ours", lock=False, git=False)
        with git_environment(template) as environment, pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            data = [part for name, value in answers.items() for part in ("--data", f"{name}={value}")]
            command = [tool("copier"), "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD", *data]
            subprocess.run([*command, template.url, str(tmp_path / "plain")], check=True)
    trees = [
        {path.relative_to(side).as_posix(): path.read_bytes() for path in side.rglob("*") if path.is_file()}
        for side in (tmp_path / "ours", tmp_path / "plain")
    ]
    assert trees[0] == trees[1]


def test_a_template_without_a_catalog_is_refused(tmp_path: Path) -> None:
    fork = tmp_path / "fork"
    fork.mkdir()
    (fork / "copier.yml").write_text("name: {type: str, default: x}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=fork, check=True)
    subprocess.run(["git", "add", "."], cwd=fork, check=True)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, "commit", "--quiet", "-m", "Start"], cwd=fork, check=True)
    done = _run("--defaults", *QUICK, "--template", fork, "out", cwd=tmp_path)
    assert done.returncode == 6
    assert "Name a goldenpath template" in done.stderr


def test_a_fork_is_rendered_and_recorded(tmp_path: Path) -> None:
    fork = tmp_path / "fork"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(fork)], check=True)
    done = _run("--defaults", *QUICK, "--template", fork, "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((tmp_path / "out" / ".copier-answers.yml").read_text())["_src_path"] == str(fork)


def test_a_destination_with_dots_is_named_without_them(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = _run("--defaults", "../taken", cwd=tmp_path / "here")
    assert done.returncode == 3
    assert f"{tmp_path}/taken" in done.stderr
    assert ".." not in done.stderr
