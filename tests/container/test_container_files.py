"""The container files of a generated service, read without building anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.render import render

if TYPE_CHECKING:
    from pathlib import Path


def _compose(folder: Path, **answers: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((render(folder, **answers) / "compose.yaml").read_text())
    return found


@pytest.mark.parametrize(("platform", "cached"), [("render", True), ("railway", False), ("fly", True)])
def test_dependencies_are_cached_where_the_platform_allows_it(tmp_path: Path, platform: str, *, cached: bool) -> None:
    dockerfile = (render(tmp_path / "service", platform=platform) / "Dockerfile").read_text()
    assert ("--mount=type=cache" in dockerfile) == cached
    assert dockerfile.count("uv sync --locked") == 1


@pytest.mark.parametrize("cache", ["redis", "none"])
@pytest.mark.parametrize("database", ["postgres", "none"])
def test_compose_runs_what_the_service_needs_and_nothing_else(tmp_path: Path, database: str, cache: str) -> None:
    services = _compose(tmp_path / "service", database=database, cache=cache)["services"]
    expected = {"app"}
    expected |= {"postgres", "migrate"} if database == "postgres" else set()
    expected |= {"redis"} if cache == "redis" else set()
    assert set(services) == expected


def test_every_compose_service_is_hardened(tmp_path: Path) -> None:
    services = _compose(tmp_path / "service", database="postgres", cache="redis")["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert "build" in service or service["image"].count(":") == 1, name


def test_compose_serves_only_a_migrated_database(tmp_path: Path) -> None:
    services = _compose(tmp_path / "service", database="postgres", cache="redis")["services"]
    assert services["migrate"]["command"] == ["alembic", "upgrade", "head"]
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["app"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "redis": {"condition": "service_healthy"},
    }
