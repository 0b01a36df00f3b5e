"""The Terraform of Cloud Run: format, schema, references, policies, and agreement with the rest of the repository."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.render import ROOT, render
from support.terraform import fmt, parse, problems
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = ROOT / "tests" / "schemas" / "terraform-google.json"
COMBINATIONS = [
    {"database": database, "cache": cache, "checklist": checklist, "pipeline": pipeline, "requests_per_day": requests}
    for (database, cache, pipeline), (checklist, requests) in itertools.product(
        [
            ("postgres", "redis", "github"),
            ("postgres", "none", "gitlab"),
            ("none", "redis", "github"),
            ("none", "none", "gitlab"),
        ],
        [("production", "1000000"), ("mvp", "1000")],
    )
]
BIGGEST = COMBINATIONS[0]


@pytest.mark.parametrize("answers", COMBINATIONS, ids=lambda answers: "-".join(answers.values()))
def test_terraform_is_formatted_and_right_by_the_schema(tmp_path: Path, answers: dict[str, str]) -> None:
    """Every resource, argument, block and reference is one that exists, and every file ends as it should."""
    root = render(tmp_path / "service", platform="cloud_run", **answers)
    assert fmt(root / "terraform") == []
    assert problems(root / "terraform", SCHEMA) == []
    assert (root / "terraform/environments/staging").exists() == (answers["checklist"] == "production")
    assert (root / "terraform/modules/database").exists() == (answers["database"] == "postgres")
    assert (root / "terraform/modules/cache").exists() == (answers["cache"] == "redis")
    for path in filter(lambda path: path.is_file(), (root / "terraform").rglob("*")):
        text = path.read_text()
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert "\n\n\n" not in text, path
    for folder in (root / "terraform/environments").iterdir():
        given = set(re.findall(r"(?m)^(\w+) +=", (folder / "terraform.tfvars").read_text()))
        assert given == set(parse(folder)["variable"]) - {"project_id", "alert_email"}


def test_the_service_stops_in_time_and_its_probes_ask_for_what_exists(tmp_path: Path) -> None:
    """Cloud Run kills ten seconds after SIGTERM."""
    root = render(tmp_path / "service", platform="cloud_run", **BIGGEST)
    text = (root / "terraform/modules/service/main.tf").read_text()
    seconds = {name: int(value) for name, value in re.findall(r'(\w+_SECONDS) += "(\d+)"', text)}
    assert seconds["DRAIN_SECONDS"] + seconds["SHUTDOWN_SECONDS"] < 10
    port = re.findall(r"container_port = (\d+)", text)[0]
    assert f"EXPOSE {port}" in (root / "Dockerfile").read_text()
    assert "ENV RELEASE=$RELEASE" in (root / "Dockerfile").read_text()
    assert "ignore_changes = [template[0].containers[0].image, traffic" in text


def test_data_is_private_protected_and_backed_up(tmp_path: Path) -> None:
    """The database has no public address, and nobody deletes it by mistake."""
    modules = render(tmp_path / "service", platform="cloud_run", **BIGGEST) / "terraform/modules"
    database = parse(modules / "database")["resource"]["google_sql_database_instance", "this"]
    settings = database["settings"][0]
    assert settings["ip_configuration"][0]["ipv4_enabled"] is False
    assert settings["backup_configuration"][0]["point_in_time_recovery_enabled"] is True
    assert "deletion_protection" in str(database["deletion_protection"])
    cache = parse(modules / "cache")["resource"]["google_redis_instance", "this"]
    assert cache["auth_enabled"] is True
    assert cache["transit_encryption_mode"] == "SERVER_AUTHENTICATION"


@pytest.mark.parametrize("pipeline", ["github", "gitlab"])
def test_only_one_repository_may_log_in(tmp_path: Path, pipeline: str) -> None:
    """The provider would trust every repository of GitHub or GitLab without its condition."""
    root = render(tmp_path / "service", platform="cloud_run", pipeline=pipeline)
    provider = parse(root / "terraform/bootstrap")["resource"]["google_iam_workload_identity_pool_provider", "pipeline"]
    assert "${var.repository}" in provider["attribute_condition"]
    assert provider["workload_identity_pool_provider_id"] == pipeline


@pytest.mark.parametrize("pipeline", ["github", "gitlab"])
def test_checkov_finds_nothing(tmp_path: Path, pipeline: str) -> None:
    """What it does not understand is skipped beside the resource, with the reason."""
    root = render(tmp_path / "service", platform="cloud_run", **(BIGGEST | {"pipeline": pipeline}))
    words = ["--directory", "terraform", "--framework", "terraform", "--compact", "--quiet"]
    # Checkov has a fork of hcl2: it must not find ours.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [tool("checkov"), *words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
