"""The Terraform of both AWS platforms: format, the pinned provider's schema, the real provider, policies."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.render import ROOT, render
from support.terraform import fmt, parse, problems
from support.tools import missing, tool

SCHEMA = ROOT / "tests" / "schemas" / "terraform-aws.json"
PLUGINS = Path(os.environ.get("TERRAFORM_PLUGINS", "/opt/tf-plugins"))
ECS: dict[str, Any] = {"platform": "ecs"}
APP_RUNNER: dict[str, Any] = {"platform": "app_runner", "needs": ["app_runner_customer"]}
FULL = {"database": "postgres", "cache": "redis"}
BARE = {"database": "none", "cache": "none"}
COMBINATIONS = {
    "ecs-full": ECS | FULL | {"checklist": "production"},
    "ecs-bare-gitlab": ECS | BARE | {"pipeline": "gitlab"},
    "ecs-cache": ECS | {"database": "none", "cache": "redis"},
    "ecs-database-gitlab": ECS | {"database": "postgres", "cache": "none", "pipeline": "gitlab"},
    "app-runner-full": APP_RUNNER | FULL | {"checklist": "production"},
    "app-runner-bare-gitlab": APP_RUNNER | BARE | {"pipeline": "gitlab"},
    "app-runner-cache": APP_RUNNER | {"database": "none", "cache": "redis"},
}
STRATEGIES = {
    strategy: ECS | FULL | {"checklist": "production", "strategy": strategy} for strategy in ("blue_green", "canary")
}


def run(words: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program and return what became of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | variables
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("answers", (COMBINATIONS | STRATEGIES).values(), ids=(COMBINATIONS | STRATEGIES).keys())
def test_terraform_is_formatted_and_right_by_the_schema(tmp_path: Path, answers: dict[str, Any]) -> None:
    """Every resource, argument, block and reference is one that the pinned provider has, in every root."""
    root = render(tmp_path / "service", service_name="order-api", **answers)
    assert fmt(root / "terraform") == []
    assert problems(root / "terraform", SCHEMA) == []
    staging = answers.get("checklist") == "production"
    roots = {path.name for path in (root / "terraform/environments").iterdir()}
    assert roots == ({"staging", "production"} if staging else {"production"})
    for name in roots:
        folder = root / "terraform/environments" / name
        needed = {key for key, body in parse(folder)["variable"].items() if "default" not in body}
        assert needed <= set(re.findall(r"(?m)^(\w+) +=", (folder / "terraform.tfvars").read_text()))
    assert "terraform" in (root / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize(("strategy", "word"), [("blue_green", "BLUE_GREEN"), ("canary", "CANARY")])
def test_ecs_itself_shifts_the_traffic(tmp_path: Path, strategy: str, word: str) -> None:
    """With two target groups, one rule that it may change, and the alarm that takes it back."""
    module = parse(
        render(tmp_path / "service", **(STRATEGIES[strategy] | {"service_name": "order-api"}))
        / "terraform/modules/service"
    )
    service = module["resource"]["aws_ecs_service", "this"]
    (configuration,) = service["deployment_configuration"]
    assert configuration["strategy"] == word
    assert ("canary_configuration" in configuration) == (strategy == "canary")
    (balancer,) = service["load_balancer"]
    assert set(balancer["advanced_configuration"][0]) >= {
        "alternate_target_group_arn",
        "production_listener_rule",
        "role_arn",
    }
    assert service["alarms"][0]["rollback"] is True
    assert "deployment_circuit_breaker" not in service


@pytest.mark.parametrize("answers", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_terraform_is_valid_for_the_real_provider(tmp_path: Path, answers: dict[str, Any]) -> None:
    """For the version on this machine, which is older than the pin: the pin is lifted, nothing else."""
    terraform = tool("terraform")
    if not PLUGINS.is_dir():
        missing("the AWS provider in a filesystem mirror, TERRAFORM_PLUGINS")
    root = render(tmp_path / "service", service_name="order-api", **answers)
    for path in [root / "terraform/bootstrap", *(root / "terraform/environments").iterdir()]:
        versions = path / "versions.tf"
        pinned = versions.read_text()
        assert '">= 6.25, < 7.0"' in pinned
        versions.write_text(pinned.replace('">= 6.25, < 7.0"', '">= 5.100"'))
        done = run([terraform, "init", "-backend=false", f"-plugin-dir={PLUGINS}", "-no-color"], path)
        assert done.returncode == 0, done.stderr
        done = run([terraform, "validate", "-json"], path)
        assert json.loads(done.stdout)["diagnostics"] == []


CHECKED = {name: COMBINATIONS[name] for name in ("ecs-full", "ecs-bare-gitlab", "app-runner-full")} | STRATEGIES


@pytest.mark.parametrize("answers", CHECKED.values(), ids=CHECKED.keys())
def test_checkov_finds_nothing(tmp_path: Path, answers: dict[str, Any]) -> None:
    """What it does not see fit is skipped beside the resource, with the reason."""
    root = render(tmp_path / "service", service_name="order-api", **answers)
    done = run([tool("checkov"), "--directory", "terraform", "--framework", "terraform", "--output", "json"], root)
    summary = json.loads(done.stdout)
    failed = {(check["check_id"], check["resource"]) for check in summary["results"]["failed_checks"]}
    assert failed == set()
    assert summary["summary"]["parsing_errors"] == 0
    assert summary["summary"]["passed"] > 0
