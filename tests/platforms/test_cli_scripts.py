"""The Fly.io and Railway scripts against stand-ins for their command lines and for Railway's API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Api, Service  # type: ignore[import-not-found]

GOOD, BAD, OLD = "a" * 40, "b" * 40, "c" * 40
FLY = {"FLY_API_TOKEN": "fo1_secret"}


def release(version: int, commit: str, status: str = "complete") -> dict[str, Any]:
    """Return an entry of `flyctl releases --json`."""
    return {"Version": version, "Status": status, "ImageRef": f"registry.fly.io/order-api:{commit}@sha256:0"}


def fly(make: Callable[..., Service], releases: list[dict[str, Any]], *, deploys: bool = True) -> Service:
    """Return a service on Fly.io whose stub knows `releases` and whose deploys succeed or not."""
    service = make(platform="fly", database="postgres")
    answer = json.dumps(releases).replace("'", "")
    service.stub("flyctl", f"case $1 in releases) echo '{answer}' ;; *) exit {0 if deploys else 1} ;; esac")
    return service


def test_fly_deploy_labels_the_image_with_its_commit(make: Callable[..., Service]) -> None:
    """The label is what a rollback finds, RELEASE what /health reports."""
    service = fly(make, [])
    done = service.run("deploy", "production", **FLY)
    assert done.returncode == 0, done.stderr
    order = service.calls()[-1]
    assert f"--image-label {service.head}" in order
    assert f"--env RELEASE={service.head}" in order
    assert "--env ENVIRONMENT=production" in order
    assert "--app order-api " in order


def test_fly_staging_is_an_app_of_its_own(make: Callable[..., Service]) -> None:
    """Only production has the bare name."""
    service = fly(make, [])
    assert service.run("deploy", "staging", **FLY).returncode == 0
    assert "--app order-api-staging " in service.calls()[-1]
    assert "--env ENVIRONMENT=staging" in service.calls()[-1]


@pytest.mark.parametrize("platform", ["fly", "railway"])
def test_deploying_another_commit_than_the_one_checked_out_is_refused(
    make: Callable[..., Service], platform: str
) -> None:
    """What is checked out is uploaded, and would be labelled with the wrong commit."""
    service = make(platform=platform)
    for name in ("flyctl", "railway"):
        service.stub(name, "echo '[]'")
    done = service.run("deploy", "production", BAD, RAILWAY_TOKEN="x", **FLY)
    assert done.returncode == 2
    assert service.calls() == []


def test_fly_failed_deploy_is_an_error(make: Callable[..., Service]) -> None:
    """Flyctl's own failure is passed on."""
    assert fly(make, [], deploys=False).run("deploy", "production", **FLY).returncode == 4


def test_fly_deploy_before_the_app_exists_says_how_to_create_it(make: Callable[..., Service]) -> None:
    """Nothing exists yet on Fly.io."""
    service = make(platform="fly")
    service.stub("flyctl", "exit 1")
    done = service.run("deploy", "production", **FLY)
    assert done.returncode == 4
    assert "flyctl apps create order-api" in done.stderr


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([release(2, BAD), release(1, GOOD)], GOOD),
        ([release(3, BAD), release(2, OLD, "failed"), release(1, GOOD)], GOOD),
        ([release(3, BAD, "failed"), release(2, GOOD), release(1, OLD)], GOOD),
        ([release(4, GOOD), release(3, BAD), release(2, GOOD), release(1, OLD)], OLD),
        ([release(1, GOOD), release(2, BAD)], GOOD),
    ],
    ids=["previous", "skips-failed", "failed-newest", "second-rollback", "unsorted"],
)
def test_fly_rollback_returns_to_the_last_good_version(
    make: Callable[..., Service], history: list[dict[str, Any]], expected: str
) -> None:
    """It deploys an image that exists, without the release command that the old image could not run."""
    service = fly(make, history)
    done = service.run("rollback", "production", **FLY)
    assert done.returncode == 0, done.stderr
    order = service.calls()[-1]
    assert f"--image registry.fly.io/order-api:{expected}@sha256:0" in order
    assert f"--env RELEASE={expected}" in order
    assert "--skip-release-command" in order


@pytest.mark.parametrize("words", [[], [OLD]], ids=["previous", "named"])
def test_fly_rollback_without_an_earlier_version_changes_nothing(
    make: Callable[..., Service], words: list[str]
) -> None:
    """A first deploy has nothing before it, and a failed release is no version to name."""
    service = fly(make, [release(2, BAD), release(1, OLD, "failed")])
    assert service.run("rollback", "production", *words, **FLY).returncode == 7
    assert not any("deploy" in call.split()[:2] for call in service.calls())


def test_fly_migrate_runs_in_a_machine(make: Callable[..., Service]) -> None:
    """A console starts outside of the image's folder."""
    service = fly(make, [])
    assert service.run("migrate", "production", **FLY).returncode == 0
    assert "alembic upgrade head" in service.calls()[-1]


def test_fly_status_names_what_is_live(make: Callable[..., Service]) -> None:
    """A failed newest release is not what serves."""
    done = fly(make, [release(2, BAD, "failed"), release(1, GOOD)]).run(
        "status", "production", SERVICE_URL="http://127.0.0.1:9", **FLY
    )
    assert done.returncode == 0, done.stderr
    assert f"live     {GOOD}" in done.stdout
    assert f"newest   {BAD} failed" in done.stdout


def deployment(name: str, commit: str, status: str) -> dict[str, Any]:
    """Return an entry of `railway deployment list --json`."""
    return {"id": name, "status": status, "meta": {"cliMessage": commit}}


def railway(make: Callable[..., Service], before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Service:
    """Return a service on Railway whose stub lists `before`, and `after` once something was uploaded."""
    service = make(platform="railway", database="postgres")
    service.stub(
        "railway",
        f"case $1 in\nup) touch '{service.bin}/up' ;;\ndeployment) if [ -e '{service.bin}/up' ]; then echo "
        f"'{json.dumps(after)}'; else echo '{json.dumps(before)}'; fi ;;\nesac",
    )
    return service


RAILWAY = {"RAILWAY_TOKEN": "rail_secret"}


def test_railway_deploy_sets_the_release_uploads_and_waits(make: Callable[..., Service]) -> None:
    """The variable comes first and deploys nothing by itself."""
    service = railway(make, [deployment("1", GOOD, "SUCCESS")], [deployment("2", BAD, "SUCCESS")])
    done = service.run("deploy", "production", **RAILWAY)
    assert done.returncode == 0, done.stderr
    orders = [call for call in service.calls() if call.split()[1] in {"variables", "up"}]
    assert orders[0].startswith(f"railway variables --set RELEASE={service.head} --skip-deploys --service order-api ")
    assert orders[1].startswith("railway up --ci ")
    assert "--service order-api-backup" in orders[2]


@pytest.mark.parametrize(
    ("after", "expected"), [("FAILED", 4), ("CRASHED", 4), ("DEPLOYING", 5)], ids=["failed", "crashed", "never-ends"]
)
def test_railway_deploy_that_does_not_serve_is_an_error(
    make: Callable[..., Service], after: str, expected: int
) -> None:
    """An upload that was built has not been deployed yet."""
    service = railway(make, [], [deployment("2", BAD, after)])
    assert service.run("deploy", "production", DEPLOY_TIMEOUT="1", **RAILWAY).returncode == expected


def test_railway_upload_without_a_new_deployment_is_an_error(make: Callable[..., Service]) -> None:
    """The old deployment's success is not ours."""
    same = [deployment("1", GOOD, "SUCCESS")]
    assert railway(make, same, same).run("deploy", "production", **RAILWAY).returncode == 4


class Rollbacks:
    """Railway's API: which deployments it can roll back to."""

    def __init__(self, api: Api, possible: set[str]) -> None:
        """Answer `api`'s requests."""
        self.rolled_back: list[str] = []
        self.possible = possible
        api.answer = self.answer

    def answer(self, _method: str, _path: str, body: Any) -> tuple[int, Any]:  # noqa: ANN401
        """Answer one GraphQL request."""
        name = body["variables"]["id"]
        if body["query"].startswith("mutation"):
            self.rolled_back.append(name)
            return 200, {"data": {"deploymentRollback": {"id": "2"}}}
        return 200, {"data": {"deployment": {"canRollback": name in self.possible}}}


def roll_back(service: Service, api: Api, *words: str) -> int:
    """Run the rollback and return its exit code; the tokens stay out of what it prints."""
    done = service.run(
        "rollback", "production", *words, RAILWAY_API_URL=api.url, RAILWAY_API_TOKEN="api_secret", **RAILWAY
    )
    assert "secret" not in done.stdout + done.stderr
    return int(done.returncode)


def test_railway_rollback_takes_the_newest_earlier_deployment_that_is_still_kept(
    make: Callable[..., Service], api: Api
) -> None:
    """Railway forgets images after some days."""
    history = [
        deployment("4", BAD, "CRASHED"),
        deployment("3", OLD, "FAILED"),
        deployment("2", GOOD, "SUCCESS"),
        deployment("1", OLD, "REMOVED"),
    ]
    railway_api = Rollbacks(api, {"1", "2", "3"})
    assert roll_back(railway(make, history, history), api) == 0
    assert railway_api.rolled_back == ["2"]


def test_railway_rollback_leaves_a_live_version_alone_when_the_newest_never_served(
    make: Callable[..., Service], api: Api
) -> None:
    """A failed health check or migration leaves the old deployment serving."""
    railway_api = Rollbacks(api, {"1", "2"})
    history = [deployment("3", BAD, "FAILED"), deployment("2", GOOD, "SUCCESS"), deployment("1", OLD, "REMOVED")]
    assert roll_back(railway(make, history, history), api) == 0
    assert railway_api.rolled_back == []


def test_railway_rollback_with_nothing_kept_changes_nothing(make: Callable[..., Service], api: Api) -> None:
    """Everything earlier is past Railway's retention."""
    railway_api = Rollbacks(api, set())
    history = [deployment("3", BAD, "SUCCESS"), deployment("2", GOOD, "REMOVED")]
    assert roll_back(railway(make, history, history), api) == 7
    assert railway_api.rolled_back == []


def test_railway_refusal_in_the_answer_is_an_error(make: Callable[..., Service], api: Api) -> None:
    """GraphQL refuses with status 200."""
    api.answer = lambda *_: (200, {"errors": [{"message": "Not Authorized"}], "data": None})
    history = [deployment("3", BAD, "SUCCESS"), deployment("2", GOOD, "REMOVED")]
    assert roll_back(railway(make, history, history), api) == 4
