"""The Terraform of Azure Container Apps: format, the provider's schema, policy, and agreement with the scripts."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.render import render
from support.terraform import fmt, parse, problems
from support.tools import tool

SCHEMA = Path(__file__).parents[1] / "schemas" / "terraform-azurerm.json"
COMBINATIONS = [
    pytest.param(dict(zip(("database", "cache", "checklist", "pipeline"), values, strict=True)), id="-".join(values))
    for values in itertools.product(
        ("postgres", "none"), ("redis", "none"), ("production", "mvp"), ("github", "gitlab")
    )
]


def generate(folder: Path, **answers: str) -> Path:
    """Render a service on Container Apps."""
    return render(folder / "service", platform="container_apps", service_name="order-api", owner="acme/pay", **answers)


@pytest.mark.parametrize("answers", COMBINATIONS)
def test_every_name_is_known_to_the_provider_and_every_reference_leads_somewhere(
    tmp_path: Path, answers: dict[str, str]
) -> None:
    """And `terraform fmt` changes nothing."""
    folder = generate(tmp_path, **answers) / "terraform"
    assert fmt(folder) == []
    assert problems(folder, SCHEMA) == []
    roots = {path.name for path in (folder / "environments").iterdir()}
    assert roots == ({"staging", "production"} if answers["checklist"] == "production" else {"production"})
    modules = {path.name for path in (folder / "modules").iterdir()}
    assert ("database" in modules) == ("job" in modules) == (answers["database"] == "postgres")
    assert ("cache" in modules) == (answers["cache"] == "redis")


def assigned(path: Path) -> dict[str, Any]:
    """Return what a tfvars file or a block of plain arguments assigns."""
    return {
        name: json.loads(value)
        for name, value in re.findall(r'^ *(\w+) += (".*"|\[.*\]|[0-9.]+|true|false)$', path.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("traffic", ["5k", "80k", "900k"])
def test_values_are_declared_sizes_are_legal_and_pools_fit_the_server(tmp_path: Path, traffic: str) -> None:
    """Azure refuses other pairs of cores and memory, and PostgreSQL more connections than its size allows."""
    root = generate(tmp_path, requests_per_day=traffic, cache="redis", checklist="production")
    limits = {"B_Standard_B1ms": 35, "B_Standard_B2s": 414, "GP_Standard_D2ds_v5": 844}
    for environment in ("staging", "production"):
        folder = root / "terraform" / "environments" / environment
        values = assigned(folder / "terraform.tfvars")
        variables = parse(folder)["variable"]
        assert set(values) <= set(variables)
        # What a person or the pipeline must give; everything else has a value.
        needed = {name for name, body in variables.items() if "default" not in body} - set(values)
        assert needed == {"subscription_id"}
        assert float(values["memory"].removesuffix("Gi")) == values["cpu"] * 2
        assert values["min_replicas"] <= values["max_replicas"]
        most = values["database_pool_max"] * values["max_replicas"] * 2
        assert most <= limits[values["database_sku"]]
        assert not (values["database_zone_redundant"] and values["database_sku"].startswith("B_"))
        assert values["resource_group"] == {"production": "order-api"}.get(environment, f"order-api-{environment}")


def test_names_agree_between_bootstrap_environments_and_scripts(tmp_path: Path) -> None:
    """Each is written in several files, and Azure limits its length."""
    root = generate(tmp_path, checklist="production")
    terraform = root / "terraform"
    bootstrap = assigned(terraform / "bootstrap" / "terraform.tfvars")
    assert f":-{bootstrap['registry']}}}" in (root / "ops" / "platform.sh").read_text()
    for environment in bootstrap["environments"]:
        folder = terraform / "environments" / environment
        assert assigned(folder / "terraform.tfvars")["registry"] == bootstrap["registry"]
        backend = assigned(folder / "backend.tf")
        assert backend["storage_account_name"] == bootstrap["state_account"]
        assert backend["container_name"] == environment
    longest = render(tmp_path / "longest", platform="container_apps", service_name="a" * 14 + "-" + "b" * 15)
    names = assigned(longest / "terraform" / "bootstrap" / "terraform.tfvars")
    assert re.fullmatch(r"[a-z0-9]{5,50}", names["registry"])
    assert re.fullmatch(r"[a-z0-9]{3,24}", names["state_account"])


@pytest.mark.parametrize("pipeline", ["github", "gitlab"])
def test_only_the_pipeline_of_this_repository_can_log_in_and_it_may_grant_nothing(
    tmp_path: Path, pipeline: str
) -> None:
    """Roles are assigned by the person who applies the bootstrap, so no environment's Terraform may assign one."""
    folder = generate(tmp_path, pipeline=pipeline, checklist="production", cache="redis") / "terraform"
    credential = parse(folder / "bootstrap")["resource"]["azurerm_federated_identity_credential", "pipeline"]
    assert "${var.repository}" in credential["subject"]
    assert ("githubusercontent" in credential["issuer"]) == (pipeline == "github")
    granted = set(re.findall(r'principal_id, "([^"]+)"', (folder / "bootstrap" / "main.tf").read_text()))
    assert granted <= {
        "Contributor", "Reader", "Key Vault Secrets Officer", "Key Vault Secrets User", "Storage Blob Data Contributor",
        "AcrPush", "AcrPull",
    }  # fmt: skip
    for path in folder.rglob("*.tf"):
        if "bootstrap" not in path.parts:
            assert "azurerm_role_assignment" not in path.read_text(), path


def test_what_holds_data_is_protected_and_what_deploys_set_is_left_alone(tmp_path: Path) -> None:
    """A plan that would destroy data fails, and a plan after a deploy is empty."""
    modules = generate(tmp_path, cache="redis") / "terraform" / "modules"
    protected = {
        type_
        for folder in [*modules.iterdir(), modules.parent / "bootstrap"]
        for (type_, _), body in parse(folder)["resource"].items()
        if any(block.get("prevent_destroy") for block in body.get("lifecycle", []))
    }
    assert protected >= {
        "azurerm_postgresql_flexible_server", "azurerm_postgresql_flexible_server_database", "azurerm_key_vault",
        "azurerm_container_registry", "azurerm_storage_account", "azurerm_resource_group",
    }  # fmt: skip
    app = parse(modules / "service")["resource"]["azurerm_container_app", "this"]
    assert app["revision_mode"] == "Multiple"
    # The lifecycle ignores the first variable by its place.
    assert app["template"][0]["container"][0]["env"][0]["name"] == "RELEASE"
    ignored = " ".join(str(item) for item in app["lifecycle"][0]["ignore_changes"])
    for path in ("container[0].image", "env[0].value", "traffic_weight", "live-revisions", "pending-release"):
        assert path in ignored
    job = parse(modules / "job")["resource"]["azurerm_container_app_job", "this"]
    assert "image" in str(job["lifecycle"][0]["ignore_changes"])


def test_the_grace_period_covers_drain_and_shutdown(tmp_path: Path) -> None:
    """Azure kills what is still there after it."""
    text = (generate(tmp_path) / "terraform" / "modules" / "service" / "main.tf").read_text()
    grace = re.search(r"termination_grace_period_seconds = (\d+)", text)
    seconds = dict(re.findall(r'name  = "(DRAIN_SECONDS|SHUTDOWN_SECONDS)"\n +value = "(\d+)"', text))
    assert grace
    assert int(seconds["DRAIN_SECONDS"]) + int(seconds["SHUTDOWN_SECONDS"]) < int(grace[1])


@pytest.mark.parametrize("pipeline", ["github", "gitlab"])
def test_checkov_finds_nothing(tmp_path: Path, pipeline: str) -> None:
    """What is skipped carries its reason in the file."""
    folder = generate(tmp_path, pipeline=pipeline, checklist="production", cache="redis") / "terraform"
    done = subprocess.run(
        [tool("checkov"), "--directory", str(folder), "--framework", "terraform", "--quiet", "--output", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["failed"] == 0, [check["check_id"] for check in report["results"]["failed_checks"]]
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 20
    skips = [line for path in folder.rglob("*.tf") for line in path.read_text().splitlines() if "checkov:skip" in line]
    assert skips
    assert all(re.search(r"checkov:skip=\w+:\S.{15,}$", line) for line in skips)


@pytest.mark.parametrize("strategy", ["rolling", "blue_green", "canary"])
@pytest.mark.parametrize("database", ["postgres", "none"])
def test_shellcheck_finds_nothing(tmp_path: Path, strategy: str, database: str) -> None:
    """With what the scripts source."""
    root = generate(tmp_path, strategy=strategy, database=database)
    names = ["publish", "deploy", "shift", "rollback", "status", "lib.sh", "platform.sh"]
    scripts = [f"ops/{name}" for name in [*names, *(["migrate"] if database == "postgres" else [])]]
    done = subprocess.run(
        [tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", "--shell=sh", *scripts],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
