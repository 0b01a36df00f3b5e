"""The pipelines run for real: jobs, conditions and scripts, against a stand-in for Fly.io with a service behind it."""

from __future__ import annotations

import json
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal

import pytest

from support.pipelines import Repository, Run
from support.render import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

Host = Literal["github", "gitlab"]
FLYCTL = """
    import json, pathlib, sys

    state = pathlib.Path({state!r})
    releases = json.loads(state.read_text())
    words = sys.argv[1:]
    if words[0] == "releases":
        print(json.dumps(releases))
    if words[0] == "deploy":
        commit = next(word.removeprefix("RELEASE=") for word in words if word.startswith("RELEASE="))
        works = commit not in pathlib.Path({refused!r}).read_text().split()
        image = f"registry.fly.io/order-api:{{commit}}@sha256:0"
        releases.append(
            {{"Version": len(releases) + 1, "Status": "complete" if works else "failed", "ImageRef": image}}
        )
        state.write_text(json.dumps(releases))
        sys.exit(0 if works else 1)
"""


class Platform:
    """A stand-in for Fly.io: its command line keeps a list of releases, and its edge serves the newest that works."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        """Put `flyctl` into the repository's stand-ins and start the edge."""
        folder.mkdir()
        self._state = folder / "releases.json"
        self._state.write_text("[]")
        self._refused = folder / "refused"
        self._refused.write_text("")
        self.broken: set[str] = set()
        script = folder / "flyctl.py"
        script.write_text(textwrap.dedent(FLYCTL).format(state=str(self._state), refused=str(self._refused)))
        repository.stub("flyctl", f'exec "{sys.executable}" "{script}" "$@"')
        platform = self

        class Edge(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                broken = self.path == "/ready" and platform.live() in platform.broken
                body = json.dumps({"status": "ok", "release": platform.live()}).encode()
                self.send_response(503 if broken else 200)
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("X-Request-ID", "0" * 32)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Edge)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop the edge."""
        self._server.shutdown()
        self._server.server_close()

    def refuse(self, commit: str) -> None:
        """Let deploys of a commit fail."""
        self._refused.write_text(self._refused.read_text() + f"{commit}\n")

    def live(self) -> str:
        """Return the commit that is served."""
        releases = [entry for entry in json.loads(self._state.read_text()) if entry["Status"] == "complete"]
        return str(releases[-1]["ImageRef"].split("@")[0].split(":")[-1]) if releases else ""


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest) -> Host:
    value: Host = request.param
    return value


@pytest.fixture
def repository(tmp_path: Path, host: Host) -> Repository:
    root = render(tmp_path / "service", service_name="order-api", platform="fly", pipeline=host, database="none")
    return Repository(root, tmp_path / "bin")


@pytest.fixture
def platform(repository: Repository, tmp_path: Path) -> Iterator[Platform]:
    running = Platform(repository, tmp_path / "platform")
    yield running
    running.close()


@pytest.fixture
def push(repository: Repository, platform: Platform, host: Host) -> Callable[[], Run]:
    """Give a function that runs the pipeline of a push to main."""
    token, variables = {"FLY_API_TOKEN": "fo1_secret"}, {"SERVICE_URL": platform.url}
    if host == "gitlab":
        return lambda: repository.run_gitlab(token | variables | {"SMOKE_TIMEOUT": "1"})
    return lambda: repository.run_github(secrets=token, variables=variables, environment={"SMOKE_TIMEOUT": "1"})


def rollbacks(run: Run) -> list[str]:
    """Return the jobs that rolled back."""
    return [job for job in run.jobs if job.startswith("rollback")]


def test_a_good_change_goes_live_and_nothing_is_rolled_back(
    push: Callable[[], Run], repository: Repository, platform: Platform
) -> None:
    run = push()
    assert run.code == 0, run.output
    assert platform.live() == repository.head
    assert run.jobs["deploy"] == run.jobs["smoke"] == "success"
    assert not rollbacks(run)


def test_a_change_whose_tests_fail_is_not_deployed(
    push: Callable[[], Run], repository: Repository, platform: Platform
) -> None:
    repository.stub("uv", 'case "$*" in *pytest*) exit 1 ;; esac')
    run = push()
    assert run.code != 0
    assert run.jobs["test"] == "failure"
    assert not {"deploy", "smoke"} & set(run.jobs)
    assert not rollbacks(run)
    assert platform.live() == ""


def test_a_change_that_fails_the_smoke_test_is_rolled_back_and_the_run_stays_red(
    push: Callable[[], Run], repository: Repository, platform: Platform
) -> None:
    good = repository.head
    assert push().code == 0
    bad = repository.commit("second")
    platform.broken.add(bad)

    run = push()

    assert run.code != 0
    assert run.jobs["deploy"] == "success"
    assert run.jobs["smoke"] == "failure"
    assert len(rollbacks(run)) == 1
    assert platform.live() == good
    assert "--skip-release-command" in repository.calls()[-1]


def test_a_deploy_that_the_platform_refuses_is_rolled_back(
    push: Callable[[], Run], repository: Repository, platform: Platform
) -> None:
    good = repository.head
    assert push().code == 0
    platform.refuse(repository.commit("second"))

    run = push()

    assert run.code != 0
    assert run.jobs["deploy"] == "failure"
    assert "smoke" not in run.jobs
    assert len(rollbacks(run)) == 1
    assert platform.live() == good


@pytest.mark.parametrize("host", ["github"], indirect=True)
def test_a_pull_request_is_tested_and_not_deployed(repository: Repository, platform: Platform) -> None:
    run = repository.run_github(event="pull_request", payload={"pull_request": {"number": 1}})
    assert run.code == 0, run.output
    assert run.jobs == {"test": "success", "image": "success"}
    assert platform.live() == ""
