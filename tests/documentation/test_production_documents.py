"""The documents of the Production checklist name only what a service has, and everything that they name exists."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.combinations import combinations
from support.combinations import name as combination
from support.render import ROOT, render, rendered
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

RUNBOOKS = {
    "deploy-failed",
    "error-spike",
    "latency",
    "service-down",
    "restart-loop",
    "saturation",
    "disk-full",
    "certificate",
    "secret-leaked",
    "region-down",
}
DATABASE_RUNBOOKS = {"database-down", "pool-exhausted", "backup-failed"}
PAGES = {
    "architecture",
    "capacity",
    "costs",
    "disaster-recovery",
    "incident-response",
    "postmortem-template",
    "scaling",
    "secrets",
    "security",
}
SECTIONS = ["Impact", "First look", "Decide", "Mend", "Verify", "Afterwards"]
# What only one platform has: its command, its name, its files.
MARKS = {
    "render": r"\bRender\b|\brender (?:logs|psql|kv-cli)|render\.(?:yaml|com)|RENDER_",
    "railway": r"(?i)railway",
    "fly": r"Fly\.io|fly\.(?:toml|dev)|flyctl|\bfly [a-z]+|FLY_API",
    "cloud_run": r"\bgcloud\b|Cloud (?:Run|SQL)|GCP_|Google",
    "ecs": r"\baws ecs\b|\bECS\b|Fargate",
    "app_runner": r"apprunner|App Runner",
    "container_apps": r"\baz [a-z]+|Container ?Apps?|Azure|AZURE_",
}
AWS = r"(?m)^aws |\bRDS\b|AWS_|Secrets Manager|ElastiCache|CloudWatch"
# Scripts that every deployment has.
SCRIPTS = {"deploy", "rollback", "smoke", "status"}
# Shell variables that a block sets or asks the reader for, and names inside of other programs.
READERS = {"SECRET", "NEW_DATABASE_URL", "NEW_PASSWORD", "SERVICE_URL"}


def _entry(platform: str) -> dict[str, Any]:
    entry: dict[str, Any] = yaml.safe_load((ROOT / f"template/catalog/platforms/{platform}.yml").read_text())
    return entry


COMBINATIONS = [answers for answers in combinations() if answers["checklist"] == "production"]


@pytest.fixture(scope="module", params=COMBINATIONS, ids=combination)
def service(request: pytest.FixtureRequest) -> tuple[dict[str, str], Path]:
    """Return the answers and the rendered service."""
    return request.param, rendered(**request.param)


def _pages(root: Path) -> dict[Path, str]:
    pages = {path: path.read_text() for path in sorted((root / "docs").rglob("*.md"))}
    assert pages
    return pages


def _documents(root: Path) -> dict[Path, str]:
    deployment = root / "DEPLOYMENT.md"
    return _pages(root) | {deployment: deployment.read_text()}


def _blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def _anchors(markdown: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_each_document_and_runbook_that_applies_is_there_and_no_other(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    expected = RUNBOOKS | (DATABASE_RUNBOOKS if answers["database"] == "postgres" else set())
    assert {path.stem for path in (root / "docs/runbooks").iterdir()} == expected
    assert {path.stem for path in (root / "docs").glob("*.md")} == PAGES


def test_every_runbook_leads_through_the_same_steps_and_is_short(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    for path in (root / "docs/runbooks").iterdir():
        text = path.read_text()
        headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
        assert [heading for heading in headings if heading in SECTIONS] == SECTIONS, path.name
        assert re.search(r"^\| .*\b(?:critical|high|medium|low)\b.* \|", text, flags=re.MULTILINE), path.name
        assert len(text.splitlines()) < 130, path.name
        first_look = text.partition("## First look")[2].partition("\n## ")[0]
        assert _blocks(first_look, "sh"), path.name


def test_documents_are_tidy(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    for path, text in _documents(root).items():
        assert "\n\n\n" not in re.sub(r"```.*?```", "code", text, flags=re.DOTALL), path
        assert not re.search(r"\{\{|\{%|\{#", text.replace("${{", "")), path
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert re.findall(r"[^\n]\n#+ ", re.sub(r"```.*?```", "", text, flags=re.DOTALL)) == [], path
        assert re.findall(r"(?m)[ \t]+$", text) == [], path
        assert (
            re.findall(r"\.\.(?!\.)(?<!\.\.\.)(?![/.])", re.sub(r"\]\([^)]*\)|```.*?```", "", text, flags=re.DOTALL))
            == []
        ), path
        assert text.count("```") % 2 == 0, path
        for line, following in itertools.pairwise(text.splitlines()):
            if line.startswith("|") and following.startswith("|"):
                assert _cells(line) == _cells(following), f"{path}: {following}"


def _cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", row)))


def test_every_link_and_anchor_resolves(service: tuple[dict[str, str], Path]) -> None:
    _answers, root = service
    seen = 0
    for path, text in _documents(root).items():
        for link in re.findall(r"\]\(([^)]+)\)", text):
            if "://" in link:
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), f"{path.name}: {link}"
            assert not anchor or anchor in _anchors(target.read_text()), f"{path.name}: {link}"
            seen += 1
    assert seen > len(RUNBOOKS)


def test_every_page_can_be_reached_from_incident_response_or_the_deployment(
    service: tuple[dict[str, str], Path],
) -> None:
    _answers, root = service
    response = (root / "docs/incident-response.md").read_text()
    assert {f"runbooks/{path.name}" for path in (root / "docs/runbooks").iterdir()} <= set(
        re.findall(r"\]\(([^)#]+)\)", response)
    )
    named = set(re.findall(r"\]\(docs/([^)#/]+)\)", (root / "DEPLOYMENT.md").read_text()))
    assert {f"{page}.md" for page in PAGES} == named


def test_every_script_that_is_named_exists(service: tuple[dict[str, str], Path]) -> None:
    _answers, root = service
    named = set(re.findall(r"\bops/([a-z-]+)\b(?!\.)", "\n".join(_documents(root).values())))
    assert named >= SCRIPTS
    assert [script for script in sorted(named) if not (root / "ops" / script).stat().st_mode & 0o100] == []


def test_every_file_that_is_named_exists(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    text = "\n".join(_pages(root).values())
    named = set(re.findall(r"`((?:[\w.-]+/)*[\w.-]*\.(?:py|ya?ml|toml|ts|json|sh)|[\w.-]+(?:/[\w.-]+)+/?)`", text))
    named -= {".env", "uv.lock"}
    assert {"app/settings.py", "app/operations/layer.py"} <= named
    assert [path for path in sorted(named) if path.startswith(("app/", "ops/", "terraform/", ".")) or "." in path
            if not (root / path).exists() and "DATE-" not in path] == []  # fmt: skip


def test_every_variable_that_is_named_is_one_of_the_service_or_of_its_deployment(
    service: tuple[dict[str, str], Path],
) -> None:
    _answers, root = service
    known = set(re.findall(r"^(?:# )?([A-Z_]+)=", (root / ".env.example").read_text(), flags=re.MULTILINE))
    for path in [root / "DEPLOYMENT.md", *(root / "ops").iterdir()]:
        known |= set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", path.read_text()))
    for path, text in _pages(root).items():
        named = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", text))
        named |= set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text))
        named |= set(re.findall(r"\bexport ([A-Z_]+)=", text))
        assert named - known - READERS == set(), path.name


def test_other_platforms_and_their_commands_are_not_named(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    text = "\n".join(_pages(root).values())
    for platform, pattern in MARKS.items():
        found = re.findall(pattern, text)
        if platform == answers["platform"]:
            assert found
        # Migrations and backups of App Runner are tasks of ECS.
        elif (answers["platform"], platform) != ("app_runner", "ecs"):
            assert found == [], platform
    if answers["platform"] not in {"ecs", "app_runner"}:
        assert re.findall(AWS, text) == []


def test_what_was_not_chosen_is_not_named(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    text = "\n".join(_pages(root).values())
    if answers["database"] == "none":
        found = re.findall(
            r"(?i)postgres|alembic|DATABASE_|BACKUP_|\bpool\b|max_connections|\bsql\b|\bdump|(?<!no )\bdatabase", text
        )
        assert found == []
    if answers["cache"] == "none":
        assert re.findall(r"(?i)\bredis|REDIS_URL|\bthe cache\b|elasticache|memorystore|upstash|key value", text) == []
    other = "GitHub" if answers["pipeline"] == "gitlab" else "GitLab"
    assert other not in text
    if answers.get("strategy", "rolling") == "rolling":
        assert re.findall(r"(?i)blue-green|canary", text) == []


def test_the_strategy_that_was_chosen_is_described(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    title = {"rolling": "rolling", "blue_green": "blue-green", "canary": "canary"}[answers.get("strategy", "rolling")]
    assert f"| {title} releases |" in (root / "docs/architecture.md").read_text()
    deployment = (root / "DEPLOYMENT.md").read_text()
    table = deployment.partition("## Risk decides how it is released")[2].partition("\n## ")[0]
    rows = [row.split(" | ") for row in table.splitlines() if row.startswith("| ")][1:]
    assert [row[0].strip("| ") for row in rows] == ["low", "medium", "high", "critical"]
    assert all(title in row[2] for row in rows)


@pytest.mark.proves("production:documents")
def test_shell_blocks_parse(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    blocks = [block for text in _documents(root).values() for block in _blocks(text, "sh")]
    assert len(blocks) > len(RUNBOOKS)
    shell = subprocess.run(
        [tool("bash"), "-n"], input="\n".join(dict.fromkeys(blocks)), capture_output=True, text=True, check=False
    )
    assert shell.stderr == ""


def test_the_architecture_is_a_diagram_whose_parts_are_all_connected(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    (diagram,) = _blocks((root / "docs/architecture.md").read_text(), "mermaid")
    lines = [line.strip() for line in diagram.splitlines()]
    assert lines[0] == "flowchart LR"
    depth, nodes, ends = 0, {"platform"}, set()
    for line in lines[1:]:
        edge = re.fullmatch(r'(\w+) -->(?:\|[^|"]+\|)? (\w+)', line)
        node = re.fullmatch(r'(\w+)(?:\["[^"\]]+"\]|\(\["?[^"\]]+"?\]\)|\[\("[^"]+"\)\])?', line)
        if line.startswith("subgraph "):
            assert re.fullmatch(r'subgraph platform\["[^"]+"\]', line)
            depth += 1
        elif line == "end":
            depth -= 1
        elif edge:
            ends |= {edge[1], edge[2]}
        else:
            assert node, line
            nodes.add(node[1])
    assert depth == 0
    assert ends == nodes
    assert ("database" in nodes, "bucket" in nodes) == (answers["database"] == "postgres",) * 2
    assert ("cache" in nodes) == (answers["cache"] == "redis")


# Requests a day: average and peak requests a second, instances, connections, GB a month.
@pytest.mark.parametrize(
    ("requests", "figures"),
    [
        ("10k", ("0.12", "0.58", 2, 45, 3)),
        ("100k", ("1.16", "5.79", 2, 45, 30)),
        ("1M", ("11.57", "57.87", 3, 65, 304)),
        ("10M", ("115.74", "578.70", 21, 425, 3040)),
    ],
)
def test_the_capacity_plan_calculates_right(
    requests: str, figures: tuple[str, str, int, int, int], tmp_path: Path
) -> None:
    daily = int(float(requests[:-1]) * {"k": 1e3, "M": 1e6}[requests[-1]])
    average, peak, instances, connections, outbound = figures
    assert float(average) == pytest.approx(daily / 86400, abs=0.005)
    assert float(peak) == pytest.approx(daily / 86400 * 5, abs=0.005)
    assert instances == math.ceil(daily / 86400 * 5 / 30) + 1
    assert connections == instances * 10 * 2 + 5
    assert outbound == round(daily * 30.4 * 10_000 / 1e9)
    root = render(tmp_path / "it", platform="fly", checklist="production", requests_per_day=requests)
    text = (root / "docs/capacity.md").read_text()
    assert f"| average | {average} requests a second |" in text
    assert f"| peak | {peak} requests a second |" in text
    assert f"| to run | {instances} |" in text
    assert f"| all instances at most | {connections} |" in text
    assert f"| outbound traffic | {outbound} GB a month |" in text
    assert ("does not fit" in text) == (connections > 100)


def test_the_project_page_states_the_figures_that_services_get(tmp_path: Path) -> None:
    page = (ROOT / "docs/production-checklist.md").read_text()
    table = page.partition("## Capacity")[2].partition("## ")[0]
    rows = [[cell.strip() for cell in row.split("|")[3:6]] for row in table.splitlines() if row.startswith("| ")]
    columns = list(zip(*rows, strict=True))
    assert [column[0] for column in columns] == ["10k", "100k", "1M"]
    for requests, *figures in columns:
        root = render(tmp_path / requests, platform="fly", checklist="production", requests_per_day=requests)
        text = (root / "docs/capacity.md").read_text()
        for name, figure in zip(
            ("average", "peak", "to run", "all instances at most", "outbound traffic"), figures, strict=True
        ):
            assert re.search(rf"^\| {name} \| {re.escape(figure)}(?: |$)", text, flags=re.MULTILINE), (requests, name)


@pytest.mark.proves("production:documents")
def test_every_alert_links_to_a_runbook_that_names_it(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    page = (ROOT / "docs/production-checklist.md").read_text()
    for path in sorted((root / "monitoring").rglob("rules/*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" not in rule:
                    continue
                runbook = root / "docs" / rule["annotations"]["runbook_url"].partition("docs/")[2]
                assert f"`{rule['alert']}`" in runbook.read_text(), rule["alert"]
                assert re.search(rf"^\| `{runbook.stem}` \|.*`{rule['alert']}`", page, flags=re.MULTILINE), rule[
                    "alert"
                ]


def test_the_sum_of_the_costs_is_that_of_its_rows(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    rows = [
        [cell.strip(" *") for cell in row.split("|")[1:4]]
        for row in (root / "docs/costs.md").read_text().splitlines()
        if re.match(r"\| .+ \| \**[\d.]+\** \| \**[\d.]+\** \|", row)
    ]
    *parts, total = rows
    assert total[0] == "sum"
    for column in (1, 2):
        assert float(total[column]) == pytest.approx(sum(float(part[column]) for part in parts))


def test_the_mvp_checklist_has_none_of_it(tmp_path: Path) -> None:
    root = render(tmp_path / "it", platform="fly")
    assert not (root / "docs").exists()
    assert "docs/" not in (root / "DEPLOYMENT.md").read_text()
