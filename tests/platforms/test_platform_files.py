"""The platform files of every combination: valid, and in agreement with the rest of the repository."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.combinations import combinations, name
from support.render import render
from support.tools import missing, tool

SCHEMAS = Path(__file__).parents[1] / "schemas"
FILES = {"render": "render.yaml", "fly": "fly.toml"}


def of(*platforms: str) -> list[Any]:
    """Return the combinations of some platforms as test parameters."""
    return [pytest.param(answers, id=name(answers)) for answers in combinations() if answers["platform"] in platforms]


@pytest.mark.parametrize("answers", of("render", "fly"))
def test_the_file_is_valid_by_the_published_schema(tmp_path: Path, answers: dict[str, str]) -> None:
    """Both schemas refuse unknown keys."""
    root = render(tmp_path / "service", **answers)
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
    folder = render(tmp_path / "service", **answers) / ".railway"
    (folder / "node_modules").symlink_to(packages)
    done = subprocess.run(
        [str(packages / ".bin" / "tsc"), "--noEmit"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("answers", of("render"))
def test_render_gives_the_service_what_it_was_asked_for(tmp_path: Path, answers: dict[str, str]) -> None:
    """Database, cache, backup, migration and auto-deploy follow the answers, and every reference has a target."""
    root = render(tmp_path / "service", service_name="order-api", **answers)
    environment = yaml.safe_load((root / "render.yaml").read_text())["projects"][0]["environments"][0]
    services = {service["name"]: service for service in environment["services"]}
    databases = {database["name"] for database in environment.get("databases", [])}
    web = services["order-api"]
    with_postgres = answers["database"] == "postgres"
    assert ("order-api-backup" in services) == with_postgres == bool(databases) == ("preDeployCommand" in web)
    assert ("order-api-cache" in services) == (answers["cache"] == "redis")
    assert web["autoDeployTrigger"] == ("checksPass" if answers["pipeline"] == "platform" else "off")
    for service in services.values():
        for variable in service.get("envVars", []):
            if "fromDatabase" in variable:
                assert variable["fromDatabase"]["name"] in databases
            if "fromService" in variable:
                assert variable["fromService"]["name"] in services
    variables = {variable["key"]: variable.get("value") for variable in web["envVars"]}
    assert f"EXPOSE {variables['PORT']}" in (root / "Dockerfile").read_text()
    assert web["maxShutdownDelaySeconds"] >= int(variables["DRAIN_SECONDS"]) + int(variables["SHUTDOWN_SECONDS"])


@pytest.mark.parametrize("answers", of("fly"))
def test_fly_ports_and_times_agree(tmp_path: Path, answers: dict[str, str]) -> None:
    """One port for traffic, one for Fly.io's scraper, and time to finish before the kill."""
    root = render(tmp_path / "service", service_name="order-api", **answers)
    config = tomllib.loads((root / "fly.toml").read_text())
    ports = {str(config["http_service"]["internal_port"]), config["env"]["PORT"]}
    assert len(ports) == 1
    assert str(config["metrics"]["port"]) == config["env"]["METRICS_PORT"]
    assert config["env"]["METRICS_PORT"] not in ports
    assert f"EXPOSE {ports.pop()}" in (root / "Dockerfile").read_text()
    assert config["kill_signal"] == "SIGTERM"
    assert config["kill_timeout"] >= int(config["env"]["DRAIN_SECONDS"]) + int(config["env"]["SHUTDOWN_SECONDS"])
    assert ("release_command" in config["deploy"]) == (answers["database"] == "postgres")


@pytest.mark.parametrize("answers", of("railway"))
def test_railway_waits_for_the_service_to_finish(tmp_path: Path, answers: dict[str, str]) -> None:
    """Railway kills at once unless told otherwise."""
    text = (render(tmp_path / "service", **answers) / ".railway" / "railway.ts").read_text()
    figures = {key: int(value) for key, value in re.findall(r'(\w+): "?(\d+)"?,', text)}
    assert figures["drainingSeconds"] >= figures["DRAIN_SECONDS"] + figures["SHUTDOWN_SECONDS"]
    assert ("preDeploy:" in text) == (answers["database"] == "postgres")
    assert ("checkSuites: true" in text) == (answers["pipeline"] == "platform")


def test_files_end_with_one_newline_and_hold_no_stray_blank_lines(tmp_path: Path) -> None:
    """In everything that the platforms bring."""
    for index, answers in enumerate(combinations()):
        root = render(tmp_path / str(index), **answers)
        files = [root / "render.yaml", root / "fly.toml", *(root / ".railway").glob("*"), *(root / "ops").glob("*")]
        for path in filter(Path.is_file, files):
            text = path.read_text()
            assert text.endswith("\n"), path
            assert not text.endswith("\n\n"), path
            assert "\n\n\n" not in text, path
