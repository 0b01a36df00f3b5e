"""What all ops scripts have in common on every platform: help, usage, dry run, missing tools, shellcheck, smoke."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.render import render
from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Api, Service  # type: ignore[import-not-found]

PLATFORMS = ["render", "railway", "fly"]
SCRIPTS = ["deploy", "rollback", "migrate", "status"]
TOKENS = {"RENDER_API_KEY": "s", "RAILWAY_TOKEN": "s", "RAILWAY_API_TOKEN": "s", "FLY_API_TOKEN": "s"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_script_explains_itself_and_refuses_wrong_usage(make: Callable[..., Service], platform: str) -> None:
    """Help is 0, everything wrong is 2 and names what is wrong."""
    service = make(platform=platform, database="postgres")
    for script in [*SCRIPTS, "smoke"]:
        done = service.run(script, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith(f"Usage: ops/{script} ")
        assert "Exit codes:" in done.stdout
        assert "set -eu" not in done.stdout
        for words in ([], ["--wrong"], ["a", "b", "c"], ["Bad Name"]):
            assert service.run(script, *words, **TOKENS).returncode == 2, (script, words)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_dry_run_prints_commands_and_changes_nothing(make: Callable[..., Service], platform: str) -> None:
    """It needs neither a token nor the platform's program."""
    service = make(platform=platform, database="postgres")
    for name in ("flyctl", "railway", "curl"):
        service.stub(name, "exit 1")
    for script in SCRIPTS:
        done = service.run(script, "production", "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "order-api" in done.stdout
    assert service.calls() == []


@pytest.mark.parametrize(
    ("platform", "program", "variable"),
    [("render", "curl", "RENDER_API_KEY"), ("railway", "railway", "RAILWAY_TOKEN"), ("fly", "flyctl", "FLY_API_TOKEN")],
)
def test_what_is_missing_is_named(make: Callable[..., Service], platform: str, program: str, variable: str) -> None:
    """A missing program or variable is 3."""
    service = make(platform=platform, database="postgres")
    service.stub(program, "exit 1")
    for script in SCRIPTS:
        done = service.run(script, "production")
        assert done.returncode == 3, (script, done.stderr)
        assert variable in done.stderr
    path = service.path_without(program)
    for script in SCRIPTS:
        done = service.run(script, "production", PATH=path, **TOKENS)
        assert done.returncode == 3, (script, done.stderr)
        assert f"{program} is missing" in done.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("pipeline", ["github", "platform"])
def test_shellcheck_finds_nothing(tmp_path: Path, platform: str, pipeline: str) -> None:
    """In every script that the platform brings, with what it sources."""
    if (platform, pipeline) == ("fly", "platform"):
        pytest.skip("Fly.io does not deploy on push")
    root = render(tmp_path / "service", platform=platform, pipeline=pipeline, database="postgres")
    scripts = [f"ops/{name}" for name in [*SCRIPTS, "smoke", "lib.sh", "platform.sh"]]
    done = subprocess.run(
        [tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", "--shell=sh", *scripts],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


HEADERS = {"X-Content-Type-Options": "nosniff", "X-Request-ID": "1"}


def serve(api: Api, release: str = "abc", ready: int = 200, headers: dict[str, str] | None = None) -> None:
    """Let the stand-in answer as a service does."""
    sent = HEADERS if headers is None else headers
    api.answer = lambda _method, path, _body: (
        ready if path == "/ready" else 200,
        {"status": "ok", "release": release, "headers": dict(sent)},
    )


def test_smoke_passes_on_a_good_service(make: Callable[..., Service], api: Api) -> None:
    """With and without a version."""
    serve(api)
    service = make(platform="render")
    assert service.run("smoke", api.url).returncode == 0
    assert service.run("smoke", api.url, "abc").returncode == 0


@pytest.mark.parametrize(
    ("trouble", "words", "reason"),
    [
        ({"release": "old"}, ["abc"], "reports release 'old', expected 'abc'"),
        ({"ready": 503}, [], "/ready is not 200"),
        ({"headers": {"X-Request-ID": "1"}}, [], "x-content-type-options"),
    ],
)
def test_smoke_names_what_is_wrong(
    make: Callable[..., Service], api: Api, trouble: dict[str, object], words: list[str], reason: str
) -> None:
    """A failed verification is 6."""
    serve(api, **trouble)  # type: ignore[arg-type]
    done = make(platform="render").run("smoke", api.url, *words, SMOKE_TIMEOUT="0")
    assert done.returncode == 6
    assert reason in done.stderr


def test_smoke_waits_for_the_new_version(make: Callable[..., Service], api: Api) -> None:
    """The old version answers first."""
    left = ["old", "old"]

    def answer(_method: str, path: str, _body: object) -> tuple[int, dict[str, object]]:
        release = left.pop() if path == "/health" and left else "abc"
        return 200, {"release": release, "headers": dict(HEADERS)}

    api.answer = answer
    assert make(platform="render").run("smoke", api.url, "abc", SMOKE_TIMEOUT="20").returncode == 0


def test_smoke_fails_when_nothing_answers(make: Callable[..., Service]) -> None:
    """Nothing listens on the discard port."""
    assert make(platform="render").run("smoke", "http://127.0.0.1:9", SMOKE_TIMEOUT="0").returncode == 6
