"""Whoever leaves a part out of `manage` owns it, and no document names what would have been put there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from support.render import ROOT, render

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("container", "pipeline", "deployment", "monitoring", "documentation", "environment")
ALL = ("service", *PARTS)
# What is told of a part without the name of one of its files.
CLAIMS = {
    "container": r"docker compose (?!--project-directory)|docker build",
    "pipeline": r"\b[Tt]he pipeline (?:runs|asks?)\b|`(?:lint|unit|report)`|\*\*(?:Actions|Build > Pipelines)\*\*",
    "deployment": r"\bops/[a-z]",
    "monitoring": r"CHECK=|`(?:Deploy|Error|Latency|Service|Restart|Pool|Backup|Cpu)[A-Z][A-Za-z]+`|PAGERDUTY|GRAFANA_",
    "documentation": r"(?i)\brunbook",
    "environment": r"\.env\b",
}
# A path that another part has too.
SHARED = {"container": {"compose.yaml"}}


def _platform(part: str, checklist: str) -> tuple[str, str]:
    """Every part is left out on another platform, and each pipeline meets both checklists."""
    platforms = ("fly", "ecs", "cloud_run", "render", "railway", "container_apps")
    number = PARTS.index(part)
    return platforms[number], ("github", "gitlab")[(number + (checklist == "mvp")) % 2]


@pytest.fixture(scope="module", params=[(part, checklist) for part in PARTS for checklist in ("mvp", "production")],
                ids="-".join)  # fmt: skip
def services(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """Return the part, the service without it, and the whole service."""
    part, checklist = request.param
    platform, pipeline = _platform(part, checklist)
    folder = tmp_path_factory.mktemp("service")
    answers = {"platform": platform, "pipeline": pipeline, "checklist": checklist, "cache": "redis"}
    without = json.dumps([name for name in ALL if name != part])
    return part, render(folder / "without", manage=without, **answers), render(folder / "whole", **answers)


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def _documents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.md"))}


def test_no_document_names_a_part_that_is_left_out(services: tuple[str, Path, Path]) -> None:
    part, without, whole = services
    gone = _files(whole) - _files(without) - SHARED.get(part, set())
    assert gone
    for name, text in _documents(without).items():
        named = set(re.findall(r"(?<![\w/.])[\w.-]+(?:/[\w.-]+)*", text))
        assert named & gone == set(), name
        assert re.findall(CLAIMS[part], text) == [], name


def test_alerts_link_to_runbooks_that_exist(services: tuple[str, Path, Path]) -> None:
    _, without, _ = services
    for path in sorted((without / "monitoring").rglob("*.yml")):
        for runbook in re.findall(r"runbook_url: (\S+)", path.read_text()):
            assert (without / runbook).is_file(), f"{path.name}: {runbook}"


def test_links_between_documents_resolve(services: tuple[str, Path, Path]) -> None:
    _, without, _ = services
    for name, text in _documents(without).items():
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert "://" in link or (without / name).parent.joinpath(link).exists(), f"{name}: {link}"


def test_every_part_is_tried() -> None:
    components = yaml.safe_load((ROOT / "template/catalog/components.yml").read_text())
    assert set(ALL) == {component["name"] for component in components}
