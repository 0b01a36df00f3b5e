"""Every combination of answers renders a complete, consistent repository that independent linters accept."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from goldenpath.layers import layer_files
from goldenpath.questionnaire import Questionnaire
from support.combinations import combinations, name
from support.render import ROOT, render
from support.tools import tool

COMBINATIONS = combinations()
AWKWARD = {
    "service_name": "a1-b2-c3",
    "description": 'It\'s "quoted": yes & no – ünïcode #1',
    "owner": "acme/pay.team-1",
}
# `{{`, `{%` and `{#` of the template; GitHub's own `${{ }}` and shell's `${#var}` stay, and what Prometheus and
# Alertmanager fill in, such as `{{ $value }}`, `{{ .Status }}` and `{{ end }}`.
LEFTOVER = re.compile(r"(?<!\$)\{\{(?! (?:[$.]|if |range |else |end ))|\{%|(?<!\$)\{#|#\}|%\}")

pytestmark = pytest.mark.parametrize("answers", COMBINATIONS, ids=name)


@functools.cache
def _rendered(items: tuple[tuple[str, str], ...]) -> Path:
    return render(Path(tempfile.mkdtemp(prefix="goldenpath-matrix-")) / "service", **dict(items), **AWKWARD)


@pytest.fixture
def service(answers: dict[str, str]) -> Path:
    """The rendered repository of one combination."""
    return _rendered(tuple(answers.items()))


def _files(service: Path) -> list[Path]:
    return sorted(path for path in service.rglob("*") if path.is_file())


def _run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=cwd, check=False, capture_output=True, text=True)
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
        if text.startswith("\n") or "\n\n\n\n" in text:
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
    scripts = {
        path.relative_to(service).as_posix()
        for path in (service / "ops").iterdir()
        if path.is_file() and path.read_text().startswith("#!")
    }
    assert executable == scripts


def test_port_python_and_health_path_agree_across_files(service: Path, answers: dict[str, str]) -> None:
    dockerfile = (service / "Dockerfile").read_text()
    python = (service / ".python-version").read_text().strip()
    assert f"python:{python}-slim" in dockerfile
    assert "EXPOSE 8000" in dockerfile
    assert "/health" in dockerfile
    config = {"render": "render.yaml", "railway": ".railway/railway.ts", "fly": "fly.toml"}[answers["platform"]]
    text = (service / config).read_text()
    assert "8000" in text
    assert re.search(r"/(health|ready)\b", text)
    assert AWKWARD["service_name"] in text


def test_variables_in_configuration_are_known_to_the_settings(service: Path) -> None:
    known = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (service / ".env.example").read_text(), re.MULTILINE))
    compose = yaml.safe_load((service / "compose.yaml").read_text())
    used = set(compose["services"]["app"]["environment"])
    assert used
    assert used <= known


def test_yamllint_finds_nothing(service: Path) -> None:
    lengths = "indentation: {indent-sequences: whatever}, line-length: {max: 140}"
    rules = f"{{extends: default, rules: {{{lengths}, document-start: disable, truthy: {{check-keys: false}}}}}}"
    _run(
        tool("yamllint"),
        "--strict",
        "-d",
        rules,
        *[p for p in _files(service) if p.suffix in {".yml", ".yaml"}],
        cwd=service,
    )


def test_hadolint_finds_nothing(service: Path) -> None:
    dockerfiles = [path for path in _files(service) if "Dockerfile" in path.name]
    assert dockerfiles
    _run(tool("hadolint"), *dockerfiles, cwd=service)


def test_shellcheck_finds_nothing(service: Path) -> None:
    scripts = [
        path for path in (service / "ops").iterdir() if path.read_text().startswith("#!") or path.suffix == ".sh"
    ]
    _run(tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", *scripts, cwd=service)


def test_actionlint_and_zizmor_find_nothing(service: Path, answers: dict[str, str]) -> None:
    workflows = sorted((service / ".github" / "workflows").glob("*.yml"))
    assert bool(workflows) == (answers["pipeline"] != "gitlab")
    if workflows:
        _run(tool("zizmor"), "--offline", "--persona=regular", service / ".github", cwd=service)
        _run(tool("actionlint"), "-shellcheck", tool("shellcheck"), *workflows, cwd=service)


def test_pipelines_hold_to_their_schemas(service: Path) -> None:
    check = tool("check-jsonschema")
    for workflow in sorted((service / ".github" / "workflows").glob("*.yml")):
        _run(check, "--builtin-schema", "vendor.github-workflows", workflow, cwd=service)
        _run(check, "--builtin-schema", "custom.github-workflows-require-timeout", workflow, cwd=service)
    if (service / ".gitlab-ci.yml").exists():
        _run(check, "--builtin-schema", "vendor.gitlab-ci", service / ".gitlab-ci.yml", cwd=service)
    _run(check, "--builtin-schema", "vendor.renovate", service / "renovate.json", cwd=service)
    _run(check, "--builtin-schema", "vendor.compose-spec", service / "compose.yaml", cwd=service)


def test_checkov_fails_nothing(service: Path) -> None:
    _run(
        tool("checkov"), "--quiet", "--compact", "--directory", service,
        "--framework", "dockerfile", "github_actions", "gitlab_ci", "secrets",
        cwd=service,
    )  # fmt: skip
