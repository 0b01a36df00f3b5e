"""The platform files of every combination: valid, and in agreement with the rest of the repository."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.combinations import AWKWARD, combinations, generated, name
from support.render import rendered
from support.tools import missing, tool

SCHEMAS = Path(__file__).parents[1] / "schemas"
FILES = {"render": "render.yaml", "fly": "fly.toml"}
NAME = AWKWARD["service_name"]


def of(*platforms: str) -> list[Any]:
    """Return the combinations of some platforms as test parameters."""
    return [pytest.param(answers, id=name(answers)) for answers in combinations() if answers["platform"] in platforms]


@pytest.mark.parametrize("answers", of("render", "fly"))
def test_the_file_is_valid_by_the_published_schema(answers: dict[str, str]) -> None:
    """Both schemas refuse unknown keys."""
    root = generated(answers)
    schema = SCHEMAS / {"render": "render.yaml.schema.json", "fly": "fly.patched.schema.json"}[answers["platform"]]
    done = subprocess.run(
        [tool("check-jsonschema"), "--schemafile", str(schema), str(root / FILES[answers["platform"]])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@functools.cache
def railway_packages() -> Path:
    """Return the folder named by GOLDENPATH_NODE_MODULES, with `railway`, `typescript` and `@types/node`."""
    folder = Path(os.environ.get("GOLDENPATH_NODE_MODULES", "/nonexistent"))
    if not (folder / "railway").is_dir():
        missing("GOLDENPATH_NODE_MODULES, a node_modules folder with railway, typescript and @types/node")
    return folder


@pytest.mark.parametrize("answers", of("railway"))
def test_the_railway_program_has_the_right_types(tmp_path: Path, answers: dict[str, str]) -> None:
    """The compiler refuses unknown keys."""
    packages = railway_packages()
    folder = Path(shutil.copytree(generated(answers) / ".railway", tmp_path / ".railway"))
    (folder / "node_modules").symlink_to(packages)
    done = subprocess.run(
        [str(packages / ".bin" / "tsc"), "--noEmit"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("answers", of("render"))
def test_render_gives_each_environment_what_was_asked_for(answers: dict[str, str]) -> None:
    """Database, cache, backup, migration and auto-deploy follow the answers, and every reference has a target."""
    root = generated(answers)
    (project,) = yaml.safe_load((root / "render.yaml").read_text())["projects"]
    environments = {environment["name"]: environment for environment in project["environments"]}
    assert set(environments) == ({"production"} | ({"staging"} if answers["checklist"] == "production" else set()))
    for stage, environment in environments.items():
        app = NAME if stage == "production" else f"{NAME}-{stage}"
        services = {service["name"]: service for service in environment["services"]}
        databases = {database["name"] for database in environment.get("databases", [])}
        web = services.pop(app)
        with_postgres = answers["database"] == "postgres"
        assert ({f"{app}-db"} if with_postgres else set()) == databases
        assert with_postgres == ("preDeployCommand" in web)
        # What staging holds can be made again.
        backups = {f"{app}-backup"} if with_postgres and stage == "production" else set()
        caches = {f"{app}-cache"} if answers["cache"] == "redis" else set()
        assert set(services) == backups | caches
        assert web["autoDeployTrigger"] == ("checksPass" if answers["pipeline"] == "platform" else "off")
        for service in [web, *services.values()]:
            for variable in service.get("envVars", []):
                if "fromDatabase" in variable:
                    assert variable["fromDatabase"]["name"] in databases
                if "fromService" in variable:
                    assert variable["fromService"]["name"] in services
        variables = {variable["key"]: variable.get("value") for variable in web["envVars"]}
        assert variables["ENVIRONMENT"] == stage
        assert f"EXPOSE {variables['PORT']}" in (root / "Dockerfile").read_text()
        assert web["maxShutdownDelaySeconds"] >= int(variables["DRAIN_SECONDS"]) + int(variables["SHUTDOWN_SECONDS"])


def test_render_gives_staging_the_smallest_plans() -> None:
    """Whatever production carries."""
    root = rendered(platform="render", checklist="production", requests_per_day="500k")
    staging, production = yaml.safe_load((root / "render.yaml").read_text())["projects"][0]["environments"]
    assert (staging["services"][0]["plan"], staging["databases"][0]["plan"]) == ("starter", "basic-256mb")
    assert (production["services"][0]["plan"], production["databases"][0]["plan"]) == ("standard", "basic-1gb")


@pytest.mark.parametrize("answers", of("fly"))
def test_fly_ports_and_times_agree(answers: dict[str, str]) -> None:
    """One port for traffic, one for Fly.io's scraper, and time to finish before the kill."""
    root = generated(answers)
    config = tomllib.loads((root / "fly.toml").read_text())
    ports = {str(config["http_service"]["internal_port"]), config["env"]["PORT"]}
    assert len(ports) == 1
    assert str(config["metrics"]["port"]) == config["env"]["METRICS_PORT"]
    assert config["env"]["METRICS_PORT"] not in ports
    assert f"EXPOSE {ports.pop()}" in (root / "Dockerfile").read_text()
    assert config["kill_signal"] == "SIGTERM"
    assert config["kill_timeout"] >= int(config["env"]["DRAIN_SECONDS"]) + int(config["env"]["SHUTDOWN_SECONDS"])
    assert ("release_command" in config["deploy"]) == (answers["database"] == "postgres")
    assert config["deploy"]["strategy"] == answers["strategy"].replace("_", "")
    # One at a time where machines are replaced in place; blue-green replaces none.
    assert config["deploy"].get("max_unavailable") == (None if answers["strategy"] == "blue_green" else 1)


@pytest.mark.parametrize("answers", of("railway"))
def test_railway_waits_for_the_service_to_finish(answers: dict[str, str]) -> None:
    """Railway kills at once unless told otherwise."""
    text = (generated(answers) / ".railway" / "railway.ts").read_text()
    figures = {key: int(value) for key, value in re.findall(r'(\w+): "?(\d+)"?,', text)}
    assert figures["drainingSeconds"] >= figures["DRAIN_SECONDS"] + figures["SHUTDOWN_SECONDS"]
    assert ("preDeploy:" in text) == (answers["database"] == "postgres")
    assert ("checkSuites: true" in text) == (answers["pipeline"] == "platform")


@pytest.mark.parametrize(
    ("checklist", "replicas"), [("mvp", "2"), ("production", 'environment === "production" ? 2 : 1')]
)
def test_railway_gives_staging_one_instance(checklist: str, replicas: str) -> None:
    """Whatever production carries."""
    root = rendered(platform="railway", checklist=checklist, requests_per_day="500k")
    assert f"replicas: {{ [region]: {replicas} }}" in (root / ".railway" / "railway.ts").read_text()
