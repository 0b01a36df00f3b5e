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
        self.messages: list[str] = []
        script = folder / "flyctl.py"
        script.write_text(textwrap.dedent(FLYCTL).format(state=str(self._state), refused=str(self._refused)))
        repository.stub("flyctl", f'exec "{sys.executable}" "{script}" "$@"')
        platform = self

        class Edge(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                broken = self.path == "/ready" and platform.live() in platform.broken
                body = json.dumps({"status": "ok", "release": platform.live()}).encode()
                if self.path == "/metrics":
                    body = f'service_release{{release="{platform.live()}",instance="a"}} 1.0\n'.encode()
                self.send_response(503 if broken else 200)
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("X-Request-ID", "0" * 32)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                platform.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

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
def checklist(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "mvp"))


@pytest.fixture
def repository(tmp_path: Path, host: Host, checklist: str) -> Repository:
    answers = {"platform": "fly", "pipeline": host, "database": "none", "checklist": checklist}
    return Repository(render(tmp_path / "service", service_name="order-api", **answers), tmp_path / "bin")


@pytest.fixture
def platform(repository: Repository, tmp_path: Path) -> Iterator[Platform]:
    running = Platform(repository, tmp_path / "platform")
    yield running
    running.close()


@pytest.fixture
def push(repository: Repository, platform: Platform, host: Host) -> Callable[..., Run]:
    """Give a function that runs the pipeline of a push to main; with GitLab it can also start a manual job."""
    secrets = {"FLY_API_TOKEN": "fo1_secret", "METRICS_TOKEN": "m3trics", "NOTIFY_WEBHOOK_URL": f"{platform.url}/hook"}
    variables = {"SERVICE_URL": platform.url, "WATCH_SECONDS": "1"}
    if host == "gitlab":
        return lambda *jobs: repository.run_gitlab(secrets | variables | {"SMOKE_TIMEOUT": "1"}, *jobs)
    return lambda: repository.run_github(secrets=secrets, variables=variables, environment={"SMOKE_TIMEOUT": "1"})


def rollbacks(run: Run) -> list[str]:
    """Return the jobs that rolled back."""
    return [job for job in run.jobs if job.startswith("rollback")]


@pytest.mark.proves("mvp:deploy-after-tests", "production:pipeline", "critical:no-pipeline")
def test_a_good_change_goes_live_and_nothing_is_rolled_back(
    push: Callable[[], Run], repository: Repository, platform: Platform
) -> None:
    run = push()
    assert run.code == 0, run.output
    assert platform.live() == repository.head
    assert run.jobs["deploy"] == run.jobs["smoke"] == "success"
    assert not rollbacks(run)


@pytest.mark.proves("mvp:deploy-after-tests", "production:pipeline", "critical:no-pipeline")
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


@pytest.mark.proves("production:pipeline", "production:rollback", "critical:no-rollback")
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


@pytest.mark.parametrize("checklist", ["production"], indirect=True)
class TestProduction:
    """The pipeline of the Production checklist."""

    def test_a_good_change_goes_through_staging_to_production(
        self, push: Callable[..., Run], repository: Repository, platform: Platform, host: Host
    ) -> None:
        run = push()
        if host == "gitlab":  # where production waits for a person
            assert "production" not in run.jobs
            run = push("production")
        assert run.code == 0, run.output
        deploys = [call for call in repository.calls() if call.startswith("flyctl deploy")]
        assert [word for call in deploys for word in call.split() if word.startswith("order-api")] == [
            "order-api-staging",
            "order-api",
        ]
        assert platform.live() == repository.head
        assert [message.rpartition(" ")[2] for message in platform.messages] == ["staging", "production"]

    @pytest.mark.parametrize("program", ["ruff", "mypy", "bandit", "kingfisher", "pip-audit"])
    def test_a_change_that_fails_a_check_is_released_nowhere_and_the_team_is_told(
        self, push: Callable[[], Run], repository: Repository, platform: Platform, program: str
    ) -> None:
        for name in ("uv", "uvx"):
            repository.stub(name, f'case "$*" in *{program}*) exit 1 ;; esac')
        run = push()
        assert run.code != 0
        assert not {"staging", "production"} & set(run.jobs)
        assert platform.live() == ""
        assert len(platform.messages) == 1
        assert "failed its checks" in platform.messages[0]

    def test_a_change_that_fails_in_staging_never_reaches_production(
        self, push: Callable[[], Run], repository: Repository, platform: Platform
    ) -> None:
        platform.broken.add(repository.head)
        run = push()
        assert run.code != 0
        assert run.jobs["staging"] == "failure"
        assert "production" not in run.jobs
        assert "staging" in platform.messages[-1]
