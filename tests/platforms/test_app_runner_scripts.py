"""The App Runner scripts against a stand-in for AWS's command line; no emulator knows App Runner."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service  # type: ignore[import-not-found]

GOOD, BAD, OLD = "a" * 40, "b" * 40, "c" * 40
VARIABLES = {"AWS_ACCOUNT_ID": "123456789012", "SERVICE_URL": "http://127.0.0.1:9"}


def cloud(  # noqa: PLR0913 - each says how one thing in the account ends
    make: Callable[..., Service],
    history: list[str],
    *,
    current: str = "",
    before: str = "SUCCEEDED",
    after: str = "SUCCEEDED",
    code: int = 0,
) -> Service:
    """Return a service whose account knows these live versions; operations and migrations end as said."""
    service = make(platform="app_runner", needs=["app_runner_customer"], database="postgres")
    variables = {"RELEASE": current} if current else {}
    image = {"ImageConfiguration": {"RuntimeEnvironmentVariables": variables}}
    runtime = {
        "access_role": "arn:access",
        "variables": {"ENVIRONMENT": "production"},
        "secrets": {"PGPASSWORD": "arn:x"},
    }
    container = {"name": "migrate", "image": "placeholder", "environment": [], "command": ["alembic"]}
    answers = {
        "list-services": {
            "ServiceSummaryList": [{"ServiceName": "order-api", "Status": "RUNNING", "ServiceArn": "arn:s"}]
        },
        "describe-service": {"Service": {"SourceConfiguration": {"ImageRepository": image}}},
        "/runtime": {"Parameter": {"Value": json.dumps(runtime)}},
        "/network": {"Parameter": {"Value": "{}"}},
        "get-parameter": {"Parameter": {"Value": json.dumps(history)}},
        "batch-get-image": {"images": [{"imageId": {"imageDigest": "sha256:1"}}]},
        "describe-task-definition": {"taskDefinition": {"containerDefinitions": [container], "cpu": "256"}},
        "register-task-definition": {"taskDefinition": {"taskDefinitionArn": "arn:t"}},
        "run-task": {"tasks": [{"taskArn": "arn:task/1"}]},
        "describe-tasks": {"tasks": [{"lastStatus": "STOPPED", "containers": [{"name": "migrate", "exitCode": code}]}]},
        "update-service": {"OperationId": "new"},
        "list-operations": {
            "OperationSummaryList": [
                {"Id": "old", "StartedAt": 1, "Status": before},
                {"Id": "new", "StartedAt": 0, "Status": after},
            ]
        },
    }
    cases = "\n".join(f"*{name}*) cat <<'JSON'\n{json.dumps(answer)}\nJSON\n;;" for name, answer in answers.items())
    service.stub("aws", f'case "$*" in\n*put-parameter*) echo "{{}}" ;;\n{cases}\nesac')
    return service


def updates(service: Service) -> list[str]:
    """Return the orders that change what runs."""
    return [call for call in service.calls() if " update-service " in call]


def test_a_deploy_runs_the_digest_with_terraforms_settings(make: Callable[..., Service]) -> None:
    """After the migration, and into the history."""
    service = cloud(make, [OLD], current=OLD)
    done = service.run("deploy", "production", GOOD, **VARIABLES)
    assert done.returncode == 0, done.stderr
    (order,) = updates(service)
    assert "order-api@sha256:1" in order
    assert f'"ENVIRONMENT":"production","RELEASE":"{GOOD}"' in order
    calls = service.calls()
    assert calls.index(order) > next(place for place, call in enumerate(calls) if " run-task " in call)
    assert f'--value ["{GOOD}","{OLD}"]' in calls[-1]


def test_a_failed_migration_stops_the_deploy(make: Callable[..., Service]) -> None:
    """Nothing changes."""
    service = cloud(make, [OLD], current=OLD, code=1)
    assert service.run("deploy", "production", GOOD, **VARIABLES).returncode == 4
    assert updates(service) == []


@pytest.mark.parametrize("status", ["FAILED", "ROLLBACK_SUCCEEDED", "ROLLBACK_FAILED"])
def test_a_deploy_that_app_runner_ends_fails(make: Callable[..., Service], status: str) -> None:
    """And does not enter the history."""
    service = cloud(make, [OLD], current=OLD, after=status)
    done = service.run("deploy", "production", GOOD, **VARIABLES)
    assert done.returncode == 4
    assert status in done.stderr
    assert not any("put-parameter" in call for call in service.calls())


@pytest.mark.parametrize(
    ("history", "current", "expected"),
    [([BAD, GOOD, OLD], BAD, GOOD), ([BAD, GOOD, OLD], GOOD, OLD), ([BAD, BAD, GOOD], BAD, GOOD)],
    ids=["previous", "second-rollback", "deployed-twice"],
)
def test_a_rollback_returns_to_the_version_before(
    make: Callable[..., Service], history: list[str], current: str, expected: str
) -> None:
    """Without a migration."""
    service = cloud(make, history, current=current)
    done = service.run("rollback", "production", **VARIABLES)
    assert done.returncode == 0, done.stderr
    assert f'"RELEASE":"{expected}"' in updates(service)[0]
    assert not any(" run-task " in call for call in service.calls())


def test_a_rollback_after_a_failed_deploy_changes_nothing(make: Callable[..., Service]) -> None:
    """App Runner kept the good version already."""
    service = cloud(make, [GOOD, OLD], current=GOOD, before="ROLLBACK_SUCCEEDED")
    assert service.run("rollback", "production", **VARIABLES).returncode == 0
    assert updates(service) == []


@pytest.mark.parametrize("words", [[], [BAD]], ids=["previous", "named"])
def test_nothing_to_roll_back_to(make: Callable[..., Service], words: list[str]) -> None:
    """A first deploy has nothing before it."""
    service = cloud(make, [GOOD], current=GOOD)
    assert service.run("rollback", "production", *words, **VARIABLES).returncode == 7
    assert updates(service) == []


def test_status_and_migrate(make: Callable[..., Service]) -> None:
    """Both know the live version."""
    service = cloud(make, [GOOD], current=GOOD)
    assert f"live     {GOOD}" in service.run("status", "production", **VARIABLES).stdout
    assert service.run("migrate", "production", **VARIABLES).returncode == 0
