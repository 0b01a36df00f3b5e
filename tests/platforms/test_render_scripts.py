"""The Render scripts against a stand-in for Render's API, every request checked against its published description."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Api, Service  # type: ignore[import-not-found]

GOOD, BAD, OLD = "a" * 40, "b" * 40, "c" * 40
KEY = "rnd_secret"


def deploy(name: str, commit: str, status: str) -> dict[str, Any]:
    """Return an entry of Render's list of deploys."""
    return {"deploy": {"id": name, "commit": {"id": commit}, "status": status}, "cursor": name}


class Render:
    """What the stand-in knows: the services' deploys, and how a started deploy or job ends."""

    def __init__(self, api: Api, deploys: list[dict[str, Any]], ends: list[str]) -> None:
        """Answer `api`'s requests with `deploys` and, poll after poll, with the statuses `ends`."""
        self.deploys = deploys
        self.ends = ends
        api.answer = self.answer

    def answer(self, method: str, path: str, _body: Any) -> tuple[int, Any]:  # noqa: ANN401
        """Answer one request as Render does."""
        if path == "/services":
            details = {"url": "http://127.0.0.1:9"}
            service = {"id": "srv-1", "name": "order-api", "suspended": "not_suspended", "serviceDetails": details}
            return 200, [{"service": service, "cursor": "x"}]
        if method == "GET" and path == "/services/srv-1/deploys":
            return 200, self.deploys
        if method == "GET" and re.fullmatch(r"/services/srv-1/(deploys|jobs)/new", path):
            return 200, {"id": "new", "status": self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]}
        if method == "PATCH":
            return 200, {"autoDeploy": "no"}
        return 201, {"id": "new", "status": "created"}


@pytest.fixture
def service(make: Callable[..., Service]) -> Service:
    """Give a generated service on Render."""
    return make(platform="render", database="postgres", pipeline="github")


def run(service: Service, api: Api, *words: str, **variables: str) -> tuple[int, str]:
    """Run a script and return its exit code and everything it printed, which never holds the key."""
    done = service.run(*words, RENDER_API_URL=api.url, RENDER_API_KEY=KEY, **variables)
    assert KEY not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def test_deploy_sends_the_commit_and_waits_until_it_is_live(
    service: Service, api: Api, operations: Callable[[Api], list[str]]
) -> None:
    """The script returns only when Render says live."""
    Render(api, [], ["build_in_progress", "pre_deploy_in_progress", "live"])
    code, output = run(service, api, "deploy", "production", GOOD)
    assert code == 0, output
    assert api.changes() == [("POST", "/services/srv-1/deploys", {"commitId": GOOD})]
    assert api.authorizations == {f"Bearer {KEY}"}
    assert operations(api) == []


def test_deploy_takes_the_commit_that_is_checked_out(service: Service, api: Api) -> None:
    """VERSION may be left out."""
    Render(api, [], ["live"])
    assert run(service, api, "deploy", "production")[0] == 0
    assert api.changes()[0][2] == {"commitId": service.head}


@pytest.mark.parametrize("status", ["build_failed", "pre_deploy_failed", "update_failed", "canceled"])
def test_a_failed_deploy_is_an_error_that_names_its_status(service: Service, api: Api, status: str) -> None:
    """A failed migration is `pre_deploy_failed`."""
    Render(api, [], ["build_in_progress", status])
    code, output = run(service, api, "deploy", "production", GOOD)
    assert code == 4
    assert status in output


def test_a_deploy_that_never_ends_times_out(service: Service, api: Api) -> None:
    """The limit is DEPLOY_TIMEOUT."""
    Render(api, [], ["build_in_progress"])
    code, output = run(service, api, "deploy", "production", GOOD, DEPLOY_TIMEOUT="1")
    assert code == 5, output


def test_a_refusal_shows_what_render_said(service: Service, api: Api) -> None:
    """The message of the API reaches the person."""
    api.answer = lambda *_: (401, {"message": "Unauthorized key"})
    code, output = run(service, api, "deploy", "production", GOOD)
    assert code == 4
    assert "401" in output
    assert "Unauthorized key" in output


def test_an_unreachable_api_is_a_refusal(service: Service) -> None:
    """Nothing listens on the discard port."""
    done = service.run("deploy", "production", GOOD, RENDER_API_URL="http://127.0.0.1:9", RENDER_API_KEY=KEY)
    assert done.returncode == 4, done.stderr


def test_deploy_before_the_first_blueprint_says_how_to_create_it(service: Service, api: Api) -> None:
    """Nothing exists yet on Render."""
    api.answer = lambda *_: (200, [])
    code, output = run(service, api, "deploy", "production", GOOD)
    assert code == 4
    assert "New > Blueprint" in output


def test_rollback_returns_to_the_version_that_was_live_before(
    service: Service, api: Api, operations: Callable[[Api], list[str]]
) -> None:
    """A build that failed in between was never live and is skipped."""
    history = [
        deploy("d4", BAD, "live"),
        deploy("d3", OLD, "build_failed"),
        deploy("d2", GOOD, "deactivated"),
        deploy("d1", OLD, "deactivated"),
    ]
    Render(api, history, ["update_in_progress", "live"])
    code, output = run(service, api, "rollback", "production")
    assert code == 0, output
    assert api.changes() == [("POST", "/services/srv-1/rollback", {"deployId": "d2"})]
    assert operations(api) == []


def test_a_second_rollback_does_not_return_to_the_broken_version(service: Service, api: Api) -> None:
    """After a rollback the deploy before the live one is the broken one."""
    history = [
        deploy("d4", GOOD, "live"),
        deploy("d3", BAD, "deactivated"),
        deploy("d2", GOOD, "deactivated"),
        deploy("d1", OLD, "deactivated"),
    ]
    Render(api, history, ["live"])
    assert run(service, api, "rollback", "production")[0] == 0
    assert api.changes() == [("POST", "/services/srv-1/rollback", {"deployId": "d1"})]


def test_rollback_leaves_a_live_version_alone_when_the_newest_deploy_never_served(service: Service, api: Api) -> None:
    """Going further back would replace a version that works."""
    Render(
        api, [deploy("d2", BAD, "pre_deploy_failed"), deploy("d1", GOOD, "live"), deploy("d0", OLD, "deactivated")], []
    )
    code, output = run(service, api, "rollback", "production")
    assert code == 0
    assert api.changes() == []
    assert GOOD in output


def test_rollback_to_a_named_version(service: Service, api: Api) -> None:
    """Any version that was live may be named."""
    history = [deploy("d3", BAD, "live"), deploy("d2", GOOD, "deactivated"), deploy("d1", OLD, "deactivated")]
    Render(api, history, ["live"])
    assert run(service, api, "rollback", "production", OLD)[0] == 0
    assert api.changes() == [("POST", "/services/srv-1/rollback", {"deployId": "d1"})]


@pytest.mark.parametrize("version", [[], [OLD]])
def test_rollback_without_an_earlier_version_changes_nothing(service: Service, api: Api, version: list[str]) -> None:
    """A first deploy has nothing before it."""
    Render(api, [deploy("d1", BAD, "live")], ["live"])
    assert run(service, api, "rollback", "production", *version)[0] == 7
    assert api.changes() == []


def test_rollback_stops_auto_deploy_where_the_platform_deploys_on_push(
    make: Callable[..., Service], api: Api, operations: Callable[[Api], list[str]]
) -> None:
    """Otherwise the next push would bring the broken version back."""
    service = make(platform="render", pipeline="platform")
    Render(api, [deploy("d2", BAD, "live"), deploy("d1", GOOD, "deactivated")], ["live"])
    code, output = run(service, api, "rollback", "production")
    assert code == 0
    assert api.changes()[0] == ("PATCH", "/services/srv-1", {"autoDeploy": "no"})
    assert "switch it on again" in output
    assert operations(api) == []


@pytest.mark.parametrize(("end", "expected"), [("succeeded", 0), ("failed", 4), ("canceled", 4)])
def test_migrate_runs_a_job_and_reports_how_it_ended(
    service: Service, api: Api, operations: Callable[[Api], list[str]], end: str, expected: int
) -> None:
    """The job runs in the live version's image."""
    Render(api, [], ["pending", "running", end])
    assert run(service, api, "migrate", "production")[0] == expected
    assert api.changes() == [("POST", "/services/srv-1/jobs", {"startCommand": "alembic upgrade head"})]
    assert operations(api) == []


def test_status_names_what_is_live(service: Service, api: Api, operations: Callable[[Api], list[str]]) -> None:
    """A service that is down does not hide what the platform knows."""
    Render(api, [deploy("d2", BAD, "build_failed"), deploy("d1", GOOD, "live")], [])
    code, output = run(service, api, "status", "production")
    assert code == 0, output
    assert f"{GOOD} (d1)" in output
    assert "build_failed" in output
    assert "no answer" in output
    assert operations(api) == []
