"""What all ops scripts have in common on every platform: help, usage, dry run, missing tools, smoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Api, Service  # type: ignore[import-not-found]

# The program and the variable without which no script of a platform gets anywhere.
NEEDS = {
    "render": ("curl", "RENDER_API_KEY"),
    "railway": ("railway", "RAILWAY_TOKEN"),
    "fly": ("flyctl", "FLY_API_TOKEN"),
    "cloud_run": ("gcloud", "GCP_PROJECT"),
    "ecs": ("aws", "AWS_ACCOUNT_ID"),
    "app_runner": ("aws", "AWS_ACCOUNT_ID"),
    "container_apps": ("az", "AZURE_SUBSCRIPTION_ID"),
}
PLATFORMS = list(NEEDS)
VARIABLES = {**{variable: "s" for _, variable in NEEDS.values()}, "RAILWAY_API_TOKEN": "s"}
# Words that each script takes; `publish` and `shift` exist where the platform runs images and splits traffic.
USAGE = {
    "deploy": ["production"],
    "rollback": ["production"],
    "migrate": ["production"],
    "status": ["production"],
    "publish": [],
    "shift": ["production", "10"],
}
MISUSE = {
    "publish": [["--wrong"], ["a", "b"], ["bad version"]],
    "shift": [[], ["--wrong"], ["production"], ["production", "101"], ["production", "x"], ["Bad Name", "10"]],
}


def answers(platform: str, **more: str) -> dict[str, Any]:
    """Return answers that give a platform all the scripts that it can have."""
    with_traffic = {"strategy": "canary"} if platform in {"cloud_run", "container_apps"} else {}
    customer = {"needs": ["app_runner_customer"]} if platform == "app_runner" else {}
    return {"platform": platform, "database": "postgres", "checklist": "production", **with_traffic, **customer, **more}


def scripts(service: Service) -> dict[str, list[str]]:
    """Return the platform's scripts with words that they take."""
    return {script: words for script, words in USAGE.items() if (service.root / "ops" / script).exists()}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_brings_its_scripts(make: Callable[..., Service], platform: str) -> None:
    """Images are published where the platform builds none, and traffic is shifted where it has weights."""
    found = set(scripts(make(**answers(platform))))
    builds_itself = platform in {"render", "railway", "fly"}
    splits_traffic = platform in {"cloud_run", "container_apps"}
    assert {"deploy", "rollback", "migrate", "status"} <= found
    assert ("publish" in found) == (not builds_itself)
    assert ("shift" in found) == splits_traffic


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_script_explains_itself_and_refuses_wrong_usage(make: Callable[..., Service], platform: str) -> None:
    """Help is 0, everything wrong is 2 and names what is wrong."""
    service = make(**answers(platform))
    everything = [path.name for path in (service.root / "ops").iterdir() if path.read_text().startswith("#!")]
    assert {"smoke", "release", "watch", "notify", "backup", "restore-drill"} <= set(everything)
    for script in everything:
        done = service.run(script, "--help")
        assert done.returncode == 0, (script, done.stderr)
        assert done.stdout.startswith(f"Usage: ops/{script}"), script
        assert "Exit codes:" in done.stdout, script
        assert "set -eu" not in done.stdout, script
    for script in [*scripts(service), "smoke", "release"]:
        for words in MISUSE.get(script, [[], ["--wrong"], ["a", "b", "c"], ["Bad Name"]]):
            assert service.run(script, *words, **VARIABLES).returncode == 2, (script, words)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_dry_run_prints_commands_and_changes_nothing(make: Callable[..., Service], platform: str) -> None:
    """It needs neither a token nor the platform's program."""
    service = make(**answers(platform))
    for name in {"curl", "docker", *(program for program, _ in NEEDS.values())}:
        service.stub(name, "exit 1")
    for script, words in {**scripts(service), "release": ["staging"]}.items():
        done = service.run(script, *words, "--dry-run")
        assert done.returncode == 0, (script, done.stderr)
        assert "order-api" in done.stdout, script
    assert service.calls() == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_missing_is_named(make: Callable[..., Service], platform: str) -> None:
    """A missing program or variable is 3."""
    program, variable = NEEDS[platform]
    service = make(**answers(platform))
    service.stub(program, "exit 1")
    for script, words in scripts(service).items():
        done = service.run(script, *words)
        assert done.returncode == 3, (script, done.stderr)
        assert variable in done.stderr
    path = service.path_without(program)
    for script, words in scripts(service).items():
        done = service.run(script, *words, PATH=path, **VARIABLES)
        assert done.returncode == 3, (script, done.stderr)
        assert f"{program} is missing" in done.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_release_names_what_it_lacks(make: Callable[..., Service], platform: str) -> None:
    """Without the service's address it could not tell whether the release works, so it does not begin."""
    service = make(**answers(platform))
    done = service.run("release", "staging", **VARIABLES)
    assert done.returncode == 3, done.stderr
    assert "SERVICE_URL" in done.stderr


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
