"""Every combination of answers renders a complete, consistent repository that independent linters accept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from goldenpath.layers import layer_files
from goldenpath.questionnaire import Questionnaire
from support.combinations import AWKWARD, combinations, generated, name
from support.render import ROOT
from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Lint = Callable[..., None]

COMBINATIONS = combinations()
# `{{`, `{%` and `{#` of the template; GitHub's own `${{ }}` and shell's `${#var}` stay, and what Prometheus and
# Alertmanager fill in, such as `{{ $value }}`, `{{ .Status }}` and `{{ end }}`.
LEFTOVER = re.compile(r"(?<!\$)\{\{(?! (?:[$.]|if |range |else |end ))|\{%|(?<!\$)\{#|#\}|%\}")
# What tells each platform about the port and the probes, and the file that names the service.
CONFIGURATION: dict[str, tuple[dict[str, list[str]], str]] = {
    "render": ({"render.yaml": ['value: "8000"', "healthCheckPath: /health"]}, "render.yaml"),
    "railway": ({".railway/railway.ts": ['PORT: "8000"', 'healthcheck: "/ready"']}, ".railway/railway.ts"),
    "fly": ({"fly.toml": ["internal_port = 8000", 'PORT = "8000"', 'path = "/ready"']}, "fly.toml"),
    "cloud_run": (
        {"terraform/modules/service/main.tf": ["container_port = 8000", 'path = "/ready"', 'path = "/health"']},
        "terraform/environments/production/terraform.tfvars",
    ),
    "ecs": (
        {
            "terraform/modules/service/main.tf": ["containerPort = 8000", "container_port = 8000"],
            "terraform/modules/service/balancer.tf": ["port = 8000", 'path = "/ready"'],
        },
        "terraform/environments/production/terraform.tfvars",
    ),
    # App Runner asks for a connection alone, so that its first page may come up; ops/deploy asks for the rest.
    "app_runner": (
        {
            "terraform/modules/service/main.tf": ['port = "8000"', 'protocol = "TCP"'],
            "ops/platform.sh": ["Path=/ready"],
        },
        "terraform/environments/production/terraform.tfvars",
    ),
    "container_apps": (
        {"terraform/modules/service/main.tf": ["target_port = 8000", 'path = "/ready"', 'path = "/health"']},
        "terraform/environments/production/terraform.tfvars",
    ),
}
YAMLLINT = (
    "{extends: default, rules: {indentation: {indent-sequences: whatever}, line-length: {max: 140}, "
    "document-start: disable, truthy: {check-keys: false}}}"
)

pytestmark = pytest.mark.parametrize("answers", COMBINATIONS, ids=name)


@pytest.fixture
def service(answers: dict[str, str]) -> Path:
    """The rendered repository of one combination."""
    return generated(answers)


def _files(service: Path) -> list[Path]:
    return sorted(path for path in service.rglob("*") if path.is_file())


def _scripts(service: Path) -> list[Path]:
    return sorted(path for path in (service / "ops").iterdir() if path.is_file())


@pytest.fixture
def lint(service: Path, tmp_path_factory: pytest.TempPathFactory) -> Lint:
    """Runs a program on files of the repository, unless it accepted the same ones before in another combination."""
    base = tmp_path_factory.getbasetemp()
    accepted = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "accepted"
    accepted.mkdir(exist_ok=True)

    def run(command: list[str], paths: Iterable[Path], *, together: Iterable[Path] = ()) -> None:
        common = [path.read_bytes() for path in together]
        fresh = {}
        for path in paths:
            parts = [*command[1:], str(path.relative_to(service)), path.read_bytes(), *common]
            digest = hashlib.sha256(repr(parts).encode())
            mark = accepted / digest.hexdigest()
            if not mark.exists():
                fresh[path] = mark
        if fresh:
            _run(*command, *fresh, cwd=service)
        for mark in fresh.values():
            mark.touch()

    return run


def _run(*command: str | Path, cwd: Path) -> None:
    # Checkov has a fork of hcl2: it must not find ours.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_template_syntax_is_left(service: Path) -> None:
    left = {
        f"{path.relative_to(service)}:{number}": line
        for path in _files(service)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if LEFTOVER.search(line)
    }
    assert left == {}


def test_text_is_tidy(service: Path) -> None:
    untidy = []
    for path in _files(service):
        text = path.read_text()
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            untidy.append(f"{path.relative_to(service)}: ends with {text[-3:]!r}")
        untidy += [
            f"{path.relative_to(service)}:{number}: trailing white space"
            for number, line in enumerate(text.splitlines(), start=1)
            if line != line.rstrip()
        ]
        # Python alone has two blank lines between parts.
        blank = 4 if path.suffix in {".py", ".mako"} or "```python" in text else 3
        if text.startswith("\n") or "\n" * blank in text:
            untidy.append(f"{path.relative_to(service)}: blank lines left behind")
    assert untidy == []


def test_structured_files_parse(service: Path) -> None:
    parsers: dict[str, Any] = {
        ".yml": yaml.safe_load,
        ".yaml": yaml.safe_load,
        ".json": json.loads,
        ".toml": tomllib.loads,
    }
    seen = 0
    for path in _files(service):
        if path.suffix in parsers:
            assert parsers[path.suffix](path.read_text()), path
            seen += 1
    assert seen >= 3


def test_every_path_has_one_layer_and_the_preview_names_them_all(service: Path, answers: dict[str, str]) -> None:
    values = Questionnaire.load(ROOT).resolve({**answers, **AWKWARD}).values
    predicted = [file.path for file in layer_files(ROOT, values)]
    assert predicted == sorted(path.relative_to(service).as_posix() for path in _files(service))


def test_only_the_ops_scripts_are_executable(service: Path) -> None:
    executable = {path.relative_to(service).as_posix() for path in _files(service) if path.stat().st_mode & 0o111}
    scripts = {path.relative_to(service).as_posix() for path in _scripts(service) if path.read_text().startswith("#!")}
    assert executable == scripts


def test_port_python_and_health_path_agree_across_files(service: Path, answers: dict[str, str]) -> None:
    dockerfile = (service / "Dockerfile").read_text()
    python = (service / ".python-version").read_text().strip()
    assert f"python:{python}-slim" in dockerfile
    assert "EXPOSE 8000" in dockerfile
    assert "/health" in dockerfile
    files, names = CONFIGURATION[answers["platform"]]
    for path, expected in files.items():
        text = re.sub(r" +", " ", (service / path).read_text())
        assert [part for part in expected if part not in text] == [], path
    assert AWKWARD["service_name"] in (service / names).read_text()


def test_variables_in_configuration_are_known_to_the_settings(service: Path) -> None:
    known = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (service / ".env.example").read_text(), re.MULTILINE))
    compose = yaml.safe_load((service / "compose.yaml").read_text())
    used = set(compose["services"]["app"]["environment"])
    assert used
    assert used <= known


def test_yamllint_finds_nothing(service: Path, lint: Lint) -> None:
    paths = [path for path in _files(service) if path.suffix in {".yml", ".yaml"}]
    assert paths
    lint([tool("yamllint"), "--strict", "-d", YAMLLINT], paths)


def test_hadolint_finds_nothing(service: Path, lint: Lint) -> None:
    dockerfiles = [path for path in _files(service) if "Dockerfile" in path.name]
    assert dockerfiles
    lint([tool("hadolint")], dockerfiles)


def test_shellcheck_finds_nothing(service: Path, lint: Lint) -> None:
    scripts = [path for path in _scripts(service) if path.read_text().startswith("#!") or path.suffix == ".sh"]
    sourced = [path for path in scripts if path.suffix == ".sh"]
    lint([tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR"], scripts, together=sourced)


def test_actionlint_and_zizmor_find_nothing(service: Path, answers: dict[str, str], lint: Lint) -> None:
    workflows = sorted((service / ".github" / "workflows").glob("*.yml"))
    assert bool(workflows) == (answers["pipeline"] != "gitlab")
    lint([tool("zizmor"), "--offline", "--persona=regular"], workflows)
    lint([tool("actionlint"), "-shellcheck", tool("shellcheck")], workflows)


def test_pipelines_hold_to_their_schemas(service: Path, lint: Lint) -> None:
    workflows = sorted((service / ".github" / "workflows").glob("*.yml"))
    schemas = {
        "vendor.github-workflows": workflows,
        "custom.github-workflows-require-timeout": workflows,
        "vendor.gitlab-ci": list(service.glob(".gitlab-ci.yml")),
        "vendor.renovate": [service / "renovate.json"],
        "vendor.compose-spec": [service / "compose.yaml", *service.glob("monitoring/compose.yaml")],
    }
    for schema, paths in schemas.items():
        lint([tool("check-jsonschema"), "--builtin-schema", schema], paths)


def test_monitoring_comes_with_the_production_checklist(service: Path, answers: dict[str, str]) -> None:
    assert (service / "monitoring" / "compose.yaml").exists() == (answers["checklist"] == "production")
