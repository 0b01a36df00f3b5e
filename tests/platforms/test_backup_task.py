"""The daily backup as a task of ECS: it takes the passing credentials of the task's role."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.objects import KEY_ID, REGION, SECRET, object_store
from support.postgres import postgres_cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Api, Service  # type: ignore[import-not-found]

TOKEN = "a/passing+token=="
CREDENTIALS = {
    "RoleArn": "arn:aws:iam::1:role/order-api-backup",
    "AccessKeyId": KEY_ID,
    "SecretAccessKey": SECRET,
    "Token": TOKEN,
    "Expiration": "2030-01-01T00:00:00Z",
}


@pytest.fixture(params=["ecs", "app_runner"])
def service(make: Callable[..., Service], request: pytest.FixtureRequest) -> Service:
    """A service with a database; App Runner's jobs run on ECS too."""
    return make(platform=request.param, needs=["app_runner_customer"], database="postgres")


def ecs(api: Api) -> dict[str, str]:
    """Let ECS give credentials to the task at one address alone, and return what it sets for that."""
    api.answer = lambda _, path, __: (200, dict(CREDENTIALS)) if path == "/v2/one" else (404, {})
    return {"AWS_CONTAINER_CREDENTIALS_HOST": api.url, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/one"}


@pytest.mark.system
def test_a_task_stores_a_dump_with_the_credentials_of_its_role(service: Service, api: Api) -> None:
    """The bucket checks the signature of every request."""
    with postgres_cluster() as cluster, object_store() as store:
        cluster.psql("CREATE TABLE items (id int)", "postgres")
        done = service.run(
            "backup-task",
            "staging",
            PATH=os.pathsep.join([str(cluster.bindir), os.environ["PATH"]]),
            DATABASE_URL=cluster.url("postgres"),
            BACKUP_BUCKET_URL=store.url,
            BACKUP_REGION=REGION,
            **ecs(api),
        )
        assert done.returncode == 0, done.stderr
        assert store.named(".dump").startswith("/bucket/order-api-staging/")


def test_the_token_goes_with_the_keys(service: Service, api: Api) -> None:
    """Keys of a role are worth nothing without it."""
    backup = service.root / "ops" / "backup"
    backup.write_text('#!/bin/sh\necho "$*|$BACKUP_ACCESS_KEY_ID|$BACKUP_SECRET_ACCESS_KEY|$BACKUP_SESSION_TOKEN"\n')
    done = service.run("backup-task", "production", **ecs(api))
    assert done.stdout == f"production|{KEY_ID}|{SECRET}|{TOKEN}\n"


def test_no_backup_without_credentials(service: Service, api: Api) -> None:
    """Outside of ECS, or when ECS refuses."""
    variables = ecs(api)
    done = service.run("backup-task", "production", **(variables | {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}))
    assert done.returncode == 3
    assert "ECS gives no credentials" in done.stderr
    del variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    done = service.run("backup-task", "production", **variables)
    assert done.returncode == 3
    assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" in done.stderr


def test_a_dry_run_asks_nobody(service: Service, api: Api) -> None:
    """It shows what a backup would do."""
    done = service.run("backup-task", "--dry-run", "production", **ecs(api))
    assert done.returncode == 0, done.stderr
    assert "pg_dump" in done.stdout
    assert api.requests == []
