"""The plan follows the tier table at every boundary, and says what it costs and why."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from goldenpath.catalog import Catalog, load_catalog
from goldenpath.errors import GoldenpathError, UsageProblems
from goldenpath.plan import PlanRequest, monthly_cost, parse_requests, plan
from goldenpath.plan_report import as_json, as_text
from goldenpath.questionnaire import Questionnaire
from support.tools import tool

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "template" / "catalog"
CATALOG = load_catalog(FOLDER)
STAGES = ("mvp", "growth", "scale")
NEEDS = ((), ("custom_networking",), ("kubernetes_features",), ("app_runner_customer",))
CLOUDS = ("any", "gcp", "aws", "azure")
BOUNDARIES = {9_999: "mvp", 10_000: "growth", 100_000: "growth", 100_001: "scale"}
RECOMMENDED = {"mvp": "render", "growth": "cloud_run", "scale": "kubernetes"}


def _plan(requests: int = 5_000, stage: str = "mvp", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any keyword
    return as_json(plan(CATALOG, PlanRequest(stage=stage, requests_per_day=requests, **more)))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("requests", "row"), BOUNDARIES.items())
def test_traffic_decides_the_row_and_the_stage_the_checklist(requests: int, row: str, stage: str) -> None:
    found = _plan(requests, stage)
    assert found["recommended"] == RECOMMENDED[row]
    assert found["checklist"] == ("mvp" if stage == "mvp" else "production")
    assert any("disagree" in warning for warning in found["warnings"]) == (stage != row)


@pytest.mark.parametrize("requests", BOUNDARIES)
@pytest.mark.parametrize(
    ("need", "row"),
    [("custom_networking", "growth"), ("kubernetes_features", "scale"), ("app_runner_customer", "growth")],
)
def test_a_need_raises_the_row_and_never_lowers_it(requests: int, need: str, row: str) -> None:
    order = list(RECOMMENDED)
    expected = max(BOUNDARIES[requests], row, key=order.index)
    assert _plan(requests, needs=(need,))["recommended"] == RECOMMENDED[expected]


@pytest.mark.parametrize(
    ("cloud", "platform"), [("gcp", "cloud_run"), ("aws", "ecs"), ("azure", "container_apps"), ("any", "render")]
)
def test_a_cloud_in_use_decides_the_platform(cloud: str, platform: str) -> None:
    assert _plan(5_000, cloud=cloud)["recommended"] == platform


@pytest.mark.parametrize(
    ("requests", "stage", "needs", "cloud"), list(itertools.product([1, *BOUNDARIES, 10**9], STAGES, NEEDS, CLOUDS))
)
def test_a_plan_is_two_or_three_options_ranked_by_complexity(
    requests: int, stage: str, needs: tuple[str, ...], cloud: str
) -> None:
    found = _plan(requests, stage, needs=needs, cloud=cloud)
    options = found["options"]
    assert 2 <= len(options) <= 3
    assert [option["rank"] for option in options] == list(range(1, len(options) + 1))
    assert [option["complexity"] for option in options] == sorted(option["complexity"] for option in options)
    assert [option["platform"] for option in options if option["recommended"]] == [found["recommended"]]
    assert found["recommended"] != "app_runner"
    assert all(option["reasons"] and option["trade_offs"] and option["upgrade_when"] for option in options)
    shown = [option["platform"] for option in options]
    assert ("kubernetes" in shown) == (requests > 100_000 or "kubernetes_features" in needs)
    assert ("app_runner" in shown) <= ("app_runner_customer" in needs)


def test_an_app_runner_customer_on_aws_is_shown_app_runner_with_its_end() -> None:
    options = {option["platform"]: option for option in _plan(cloud="aws", needs=("app_runner_customer",))["options"]}
    assert any("no new customers" in trade_off for trade_off in options["app_runner"]["trade_offs"])


@pytest.mark.parametrize(
    ("stage", "requests", "needs", "cloud"),
    list(itertools.product(["mvp"], ["9999", "10k", "100k", "100001"], NEEDS, CLOUDS)),
)
def test_the_questionnaire_recommends_what_the_plan_recommends(
    stage: str, requests: str, needs: tuple[str, ...], cloud: str
) -> None:
    questionnaire = Questionnaire.load(ROOT)
    macro = questionnaire.environment.get_template("template/partials/platform.jinja").module
    values = questionnaire.resolve({"stage": stage, "requests_per_day": requests}).values
    name = str(
        macro.recommended(values["tiers"], values["catalog"], values["daily_requests"], list(needs), cloud)  # type: ignore[attr-defined]
    ).strip()
    assert name == _plan(parse_requests(requests), stage, needs=needs, cloud=cloud)["recommended"]


@pytest.mark.parametrize("text", ["1", "5000", "5k", "5K", "1.5M", "0.5k", "999.999k", " 20k ", "1000M"])
def test_traffic_is_read_alike_by_the_plan_and_the_questionnaire(text: str) -> None:
    assert Questionnaire.load(ROOT).resolve({"requests_per_day": text}).values["daily_requests"] == parse_requests(text)


@pytest.mark.parametrize("text", ["", "k", "-5", "5 k", "1e3", "5g", "1,000", "0", "0.1", "1001M", "١٢"])
def test_traffic_that_is_no_number_is_refused_by_both(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Use "):
        parse_requests(text)
    problems = Questionnaire.load(ROOT).resolve({"requests_per_day": text}).problems
    assert "requests_per_day" in [problem.field for problem in problems]


# The totals that the platforms' facts come to, service and database without a cache, in USD a month.
TOTALS: dict[str, dict[int, int | tuple[int, int]]] = {
    "render": {1_000: 13, 10_000: 13, 50_000: 44, 100_000: (69, 94), 1_000_000: (240, 260)},
    "railway": {1_000: 5, 10_000: (5, 7), 50_000: (8, 10), 100_000: 20, 1_000_000: (75, 90)},
    "fly": {1_000: 43, 10_000: 47, 50_000: 47, 100_000: 87, 1_000_000: 315},
    "cloud_run": {1_000: (10, 20), 10_000: (10, 20), 50_000: (30, 40), 100_000: (58, 67), 1_000_000: 300},
    "ecs": {1_000: 50, 10_000: 50, 50_000: (63, 77), 100_000: 75, 1_000_000: 215},
    "container_apps": {1_000: (20, 30), 50_000: (20, 30), 100_000: (60, 85), 1_000_000: (310, 410)},
    "kubernetes": {100_000: (200, 300), 1_000_000: (350, 600)},
}


@pytest.mark.parametrize(
    ("platform", "requests", "total"),
    [(platform, requests, total) for platform, row in TOTALS.items() for requests, total in row.items()],
)
def test_costs_come_to_the_known_totals(platform: str, requests: int, total: int | tuple[int, int]) -> None:
    low, high = total if isinstance(total, tuple) else (total, total)
    cost = monthly_cost(CATALOG.platforms[platform], PlanRequest(stage="mvp", requests_per_day=requests))
    assert cost.low >= low * 0.85 - 1
    assert cost.high <= high * 1.15 + 1
    assert sum(item.high for item in cost.items) == pytest.approx(cost.high)
    assert all(item.basis and item.source for item in cost.items)


@pytest.mark.parametrize("platform", CATALOG.platforms)
def test_database_and_cache_cost_only_when_asked_for(platform: str) -> None:
    def total(database: str, cache: str) -> float:
        request = PlanRequest(stage="mvp", requests_per_day=10_000, database=database, cache=cache)
        return monthly_cost(CATALOG.platforms[platform], request).high

    assert total("none", "none") < total("postgres", "none") < total("postgres", "redis")


def test_moving_to_a_dearer_platform_is_flagged_with_both_figures_and_the_steps() -> None:
    found = _plan(5_000, from_platform="railway")
    jump = [warning for warning in found["warnings"] if warning.startswith("Cost rises")]
    assert any("Railway to Fly.io" in warning and "48" in warning for warning in jump)
    migration = {option["platform"]: option["migration"] for option in found["options"]}
    assert migration["railway"] == []
    assert len(migration["fly"]) >= 3


def test_moving_to_a_cheaper_platform_is_not_flagged() -> None:
    assert not any("Railway" in warning for warning in _plan(5_000, from_platform="fly")["warnings"])


def test_platforms_that_cannot_be_generated_yet_are_said() -> None:
    warnings = _plan(500_000, "scale")["warnings"]
    assert any("Kubernetes with Terraform cannot be generated" in warning for warning in warnings)


def test_kubernetes_below_its_row_asks_for_a_justification() -> None:
    assert any("justification" in warning for warning in _plan(needs=("kubernetes_features",))["warnings"])


def test_text_fits_a_terminal_and_names_the_recommendation() -> None:
    text = as_text(plan(CATALOG, PlanRequest(stage="mvp", requests_per_day=5_000, from_platform="fly")))
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "1. Render (recommended), 14 USD a month" in text


@pytest.mark.parametrize(
    ("file", "before", "after", "words"),
    [
        ("platforms/fly.yml", "complexity: 3", "complexity: high", ["platforms/fly.yml", "high"]),
        ("platforms/fly.yml", "available: true", "available: maybe", ["maybe"]),
        ("platforms/fly.yml", "currency: USD", "", ["currency"]),
        ("platforms/fly.yml", "up_to: 50000, low: 6.38", "up_to: 50000, low: 99", ["low"]),
        ("tiers.yml", "[render, railway, fly]", "[render, heroku]", ["heroku"]),
        ("tiers.yml", "- name: mvp", "- name: [", ["tiers.yml"]),
    ],
)
def test_a_malformed_catalog_is_named_by_file_and_key(
    tmp_path: Path, file: str, before: str, after: str, words: list[str]
) -> None:
    shutil.copytree(FOLDER, tmp_path / "catalog")
    path = tmp_path / "catalog" / file
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(GoldenpathError) as raised:
        load_catalog(tmp_path / "catalog")
    assert all(word in str(raised.value) for word in words)


def test_every_platform_has_what_the_layers_read() -> None:
    for path in sorted((FOLDER / "platforms").glob("*.yml")):
        entry = yaml.safe_load(path.read_text())
        assert entry["name"] == path.stem
        assert entry["default_region"] in [region["name"] for region in entry["regions"]]
        assert entry["drain_seconds"] < entry["grace_seconds"]
        assert set(entry["proxy"]) == {"trusted_proxy_hops", "client_ip_header"}
        assert "NAME" in entry["default_url"]
        assert "release_variable" in entry


def test_all_wrong_options_are_reported_at_once() -> None:
    with pytest.raises(UsageProblems) as raised:
        PlanRequest.parse(
            CATALOG,
            stage="huge",
            requests_per_day="many",
            needs=["magic"],
            cloud="oracle",
            database="mysql",
            cache="disk",
            from_platform="heroku",
        )
    assert len(raised.value.problems) == 7


def test_the_command_prints_json_and_refuses_with_exit_code_2(tmp_path: Path) -> None:
    arguments = [tool("goldenpath"), "plan", "--stage", "growth", "--requests-per-day", "50k"]
    done = subprocess.run([*arguments, "--format", "json"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert list(document) == ["stage", "requests_per_day", "checklist", "recommended", "options", "warnings"]
    option_keys = "platform title rank recommended complexity reasons trade_offs monthly_cost upgrade_when migration"
    assert list(document["options"][0]) == option_keys.split()
    cost = document["options"][0]["monthly_cost"]
    assert list(cost) == ["low", "high", "currency", "as_of", "items"]
    assert list(cost["items"][0]) == ["name", "low", "high", "basis", "source"]
    done = subprocess.run([*arguments, "--cloud", "moon"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--cloud = 'moon'" in done.stderr


def test_the_catalog_is_plain_data() -> None:
    assert isinstance(CATALOG, Catalog)
    assert set(CATALOG.platforms) == {name for tier in CATALOG.tiers for name in tier.platforms}
