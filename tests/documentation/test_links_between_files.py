"""Whatever one emitted file says of another is true: one walk over all links, on every platform."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.render import ROOT, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PLATFORMS = sorted(
    entry["name"]
    for path in (ROOT / "template/catalog/platforms").glob("*.yml")
    if (entry := yaml.safe_load(path.read_text()))["available"]
)
# Files that the reader, a tool or the first commit makes.
MADE_LATER = {".env", "uv.lock", "newest.dump", "terraform/bootstrap/terraform.tfstate", "requirements.txt", "FILE"}
# Words in capitals that the reader replaces, and shell variables that a document sets itself.
READERS = re.compile(
    r"NEW_\w+|ENV|COMMIT|ADDRESS|SECRET|VERSION|\w+_(?:ID|ARN|URL)|IMAGE|TAG|OWNER|GROUP|NAME|LOGIN|TEAM"
)
# Set by the forge or the tool itself.
BUILT_IN = re.compile(r"GITHUB_\w+|CI_\w+|CI|HOME|PWD|PATH|GH_TOKEN|PGPASSWORD|AWS_CONTAINER_CREDENTIALS_\w+")
TEXT = {".md", ".yml", ".yaml", ".toml", ".ts", ".tf", ".sh", ".py", ".json", ".Dockerfile", ".tfvars", ".example", ""}


@dataclass
class Repository:
    """A generated repository, and what in it leads nowhere."""

    root: Path
    broken: list[str] = field(default_factory=list)

    @cached_property
    def texts(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.root)): path.read_text()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.suffix in TEXT
        }

    @cached_property
    def documents(self) -> dict[str, str]:
        return {name: text for name, text in self.texts.items() if name.endswith(".md")}

    @cached_property
    def rest(self) -> str:
        return "\n".join(text for name, text in self.texts.items() if name not in self.documents)

    @cached_property
    def workflows(self) -> dict[str, dict[str, Any]]:
        """Return the files of the pipeline; GitHub's `on` is read as true, which nobody asks for."""
        names = [name for name in self.texts if re.match(r"\.github/workflows/|\.gitlab-ci\.yml|\.gitlab/.*yml", name)]
        return {name: yaml.safe_load(self.texts[name]) for name in names}

    @cached_property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """Return every job by its name, whichever file it is in."""
        keywords = {"stages", "include", "default", "workflow", "variables"}
        found: dict[str, dict[str, Any]] = {}
        for name, content in self.workflows.items():
            jobs = content["jobs"] if name.startswith(".github") else content
            found |= {job: entry for job, entry in jobs.items() if job not in keywords}
        return found

    def need(self, condition: object, message: str) -> None:
        if not condition:
            self.broken.append(message)

    def exists(self, path: str, where: str) -> None:
        self.need(path in MADE_LATER or (self.root / path).exists(), f"{where}: {path} does not exist")


def _anchors(markdown: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _links(it: Repository) -> None:
    for name, text in it.documents.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in link:
                continue
            file, _, anchor = link.partition("#")
            target = (it.root / name).parent / file if file else it.root / name
            if not target.exists():
                it.broken.append(f"{name}: {link}")
            elif anchor:
                it.need(anchor in _anchors(target.read_text()), f"{name}: {link} has no such heading")


def _scripts(it: Repository) -> None:
    for name, text in it.texts.items():
        for script in re.findall(r"(?<![\w/.-])ops/([a-z][a-z-]*(?:\.\w+)?)(?![\w/])", text):
            path = it.root / "ops" / script
            it.need(path.is_file(), f"{name}: ops/{script} does not exist")
            if path.is_file():
                it.need("." in script or path.stat().st_mode & 0o100, f"{name}: ops/{script} cannot be executed")
        if name.startswith("ops/"):
            for script in re.findall(r'"\$(?:here|\(dirname "\$0"\))"?/([\w.-]+)', text):
                it.exists(f"ops/{script}", name)


def _paths(it: Repository) -> None:
    pattern = r"`((?:[\w.-]+/)*[\w.-]*\.(?:py|ya?ml|toml|ts|tf|tfvars|json|sh|md|ini)|(?:[\w.-]+/)+)`"
    for name, text in it.documents.items():
        for path in re.findall(pattern, text):
            beside = ((it.root / name).parent / path).exists()
            placeholder = re.search(r"\bENV\b|DATE", path)
            there = beside or (it.root / path).exists() or any(f"/{path}" in f"/{known}" for known in it.texts)
            it.need(there or placeholder or path in MADE_LATER, f"{name}: {path} does not exist")
    for name, text in it.texts.items():
        for path in re.findall(r"(?<![\w/])\.(?:github|gitlab)/[\w/-]+(?:\.yml)?", text):
            it.exists(path, name)
        for path in re.findall(r"(?:--file|--dockerfile) ([\w./-]+)", text):
            it.exists(path, name)


def _jobs(it: Repository) -> None:
    stages = it.workflows.get(".gitlab-ci.yml", {}).get("stages", [])
    for name, job in it.jobs.items():
        needed = job.get("needs", [])
        for other in [needed] if isinstance(needed, str) else needed:
            it.need((other if isinstance(other, str) else other["job"]) in it.jobs, f"{name} needs {other}")
        it.need("extends" not in job or job["extends"] in it.jobs, f"{name} extends {job.get('extends')}")
        it.need("stage" not in job or job["stage"] in stages, f"{name}: stage {job.get('stage')}")
    for included in it.workflows.get(".gitlab-ci.yml", {}).get("include", []):
        it.exists(included["local"], ".gitlab-ci.yml")
    deployment = it.documents["DEPLOYMENT.md"]
    pipeline = deployment.partition("\n## Pipeline\n")[2].partition("\n### ")[0]
    if not pipeline:
        return
    rows = [row.split("|")[2] for row in pipeline.splitlines() if row.startswith("| ")][1:]
    named = set(re.findall(r"`([a-z-]+)`", " ".join(rows)))
    longest = re.findall(r"`([a-z-]+)`", pipeline.partition("The longest way is ")[2].partition(":")[0])
    for job in named | set(longest):
        it.need(job in it.jobs, f"DEPLOYMENT.md: no job {job}")
    needs = {name: _needs(job) for name, job in it.jobs.items()}
    for before, after in itertools.pairwise(longest):
        it.need(before in needs.get(after, []), f"DEPLOYMENT.md: {after} does not wait for {before}")
    before_release = needs[longest[longest.index("staging") - 1]] if "publish" in longest else needs["staging"]
    checks = {job for name in before_release for job in (name, *needs[name])}
    it.need(checks <= named, f"DEPLOYMENT.md leaves out {checks - named}")
    contexts = re.findall(r'\{"context": "([^"]+)"\}', deployment)
    if contexts:
        titles = [it.jobs[name]["name"] for name in checks]
        it.need(sorted(contexts) == sorted(titles), f"checks of the branch: {set(contexts) ^ set(titles)}")


def _needs(job: dict[str, Any]) -> list[str]:
    needed = job.get("needs", [])
    return [needed] if isinstance(needed, str) else [name if isinstance(name, str) else name["job"] for name in needed]


def _runbooks(it: Repository) -> None:
    for name, text in it.texts.items():
        if not name.startswith("monitoring/") or "/rules/" not in name:
            continue
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    url = rule["annotations"]["runbook_url"]
                    it.exists(url, rule["alert"])
                    it.need(f"`{rule['alert']}`" in it.texts.get(url, ""), f"{url} does not name {rule['alert']}")
    alerts = set(re.findall(r"alert: (\w+)", it.rest))
    for name, text in it.documents.items():
        table = re.search(r"^\| alert \|.*?\n\n", text, flags=re.MULTILINE | re.DOTALL)
        for alert in re.findall(r"^\| `(\w+)` \|", table[0] if table else "", flags=re.MULTILINE):
            it.need(alert in alerts, f"{name}: no alert {alert}")


def _secrets(it: Repository) -> None:
    deployment = it.documents["DEPLOYMENT.md"]
    used = set(re.findall(r"\b(?:secrets|vars)\.([A-Z_]+)", it.rest))
    for text in (text for name, text in it.texts.items() if name.startswith("ops/")):
        for names in re.findall(r"^\s*need_var ([A-Z_ ]+)", text, flags=re.MULTILINE):
            used |= set(names.split())
    for variable in sorted(used):
        it.need(
            re.search(rf"\b{variable}\b", deployment) or BUILT_IN.fullmatch(variable), f"{variable} is undocumented"
        )
    table = deployment.partition("\n### Secrets\n")[2].partition("\n### ")[0]
    for where, names in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", table, flags=re.MULTILINE):
        if "GitHub" in where or "GitLab" in where:
            for variable in re.findall(r"`([A-Z_]+)`", names):
                read = re.search(rf'\b{variable}\b|^variable "{variable.lower()}"', it.rest, flags=re.MULTILINE)
                it.need(read, f"DEPLOYMENT.md: nothing reads {variable}")


def _variables(it: Repository) -> None:
    for name, text in it.documents.items():
        named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`|\$\{?([A-Z][A-Z_]+)\b", text))
        for variable in {first or second for first, second in named}:
            known = (
                re.search(rf"\b{variable}\b", it.rest) or READERS.fullmatch(variable) or BUILT_IN.fullmatch(variable)
            )
            own = re.search(rf"(?:export .*\b|read -rs? |^){variable}\b", text, flags=re.MULTILINE)
            it.need(known or own, f"{name}: nothing reads {variable}")


def _terraform(it: Repository) -> None:
    outputs = {
        folder: set(re.findall(r'^output "(\w+)"', text, flags=re.MULTILINE))
        for name, text in it.texts.items()
        for folder, _, file in [name.rpartition("/")]
        if file == "outputs.tf"
    }
    for name, text in it.texts.items():
        for folder in re.findall(r"-chdir=([\w/-]+)(?=\s)", text):
            it.need("ENV" in folder or (it.root / folder).is_dir(), f"{name}: {folder} does not exist")
        for folder, output in re.findall(r"-chdir=([\w/-]+) output -raw (\w+)", text):
            it.need("ENV" in folder or output in outputs.get(folder, ()), f"{name}: {folder} has no output {output}")
        if name.endswith(".tf"):
            for source in re.findall(r'source += "(\.[^"]+)"', text):
                it.need(((it.root / name).parent / source).is_dir(), f"{name}: {source} does not exist")


def _monitoring(it: Repository) -> None:
    compose = it.texts.get("monitoring/compose.yaml")
    for volume in _volumes(yaml.safe_load(compose) if compose else {}):
        source = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", volume).partition(":")[0]
        if source.startswith("."):
            path = source.removeprefix("./")
            beside = (it.root / "monitoring" / path).exists()
            it.need(beside or (it.root / path).exists(), f"monitoring/compose.yaml: {source} does not exist")


def _volumes(compose: dict[str, Any]) -> Iterator[str]:
    for service in compose.get("services", {}).values():
        yield from (volume for volume in service.get("volumes", []) if isinstance(volume, str))


WALKS = (_links, _scripts, _paths, _jobs, _runbooks, _secrets, _variables, _terraform, _monitoring)


def _combinations() -> Iterable[tuple[str, str, str]]:
    return itertools.product(PLATFORMS, ("mvp", "production"), ("github", "gitlab"))


@pytest.mark.proves("production:documents")
@pytest.mark.parametrize(("platform", "checklist", "pipeline"), _combinations())
def test_every_link_between_emitted_files_resolves(
    platform: str, checklist: str, pipeline: str, tmp_path: Path
) -> None:
    answers = {"platform": platform, "checklist": checklist, "pipeline": pipeline, "cache": "redis"}
    if platform == "app_runner":
        answers["needs"] = json.dumps(["app_runner_customer"])
    it = Repository(render(tmp_path / "it", **answers))
    for walk in WALKS:
        walk(it)
    assert it.broken == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    root = render(tmp_path / "it", platform="fly", checklist="production")
    spoilt = {
        "DEPLOYMENT.md": "[x](docs/gone.md) [y](README.md#gone) `ops/gone` `app/gone.py` `GONE_TOKEN`"
        " -chdir=terraform/gone ",
        ".github/workflows/uptime.yml": "# ${{ secrets.GONE_SECRET }}",
    }
    for name, text in spoilt.items():
        path = root / name
        path.write_text(path.read_text() + f"\n{text}\n")
    deploy_failed = root / "docs/runbooks/deploy-failed.md"
    deploy_failed.write_text(deploy_failed.read_text().replace("`DeployFailed`", "`DeployGone`"))
    (root / "docs/runbooks/latency.md").unlink()
    workflow = root / ".github/workflows/ci.yml"
    workflow.write_text(workflow.read_text().replace("needs: staging", "needs: gone"))
    it = Repository(root)
    for walk in WALKS:
        walk(it)
    found = "\n".join(it.broken)
    expected = ["docs/gone.md", "README.md#gone", "ops/gone", "app/gone.py", "GONE_TOKEN", "GONE_SECRET"]
    expected += ["terraform/gone", "no alert DeployGone", "docs/runbooks/latency.md does not exist"]
    expected += ["production needs gone"]
    assert [text for text in expected if text not in found] == []
