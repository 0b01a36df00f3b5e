"""The documents of a generated service name only what that service has, for every combination of answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.combinations import combinations, name
from support.render import rendered

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = ("README.md", "DEPLOYMENT.md")
# Names of files that the reader makes or that live on the platform.
MADE_BY_THE_READER = {".env", "uv.lock"}
BACKUP_SCRIPTS = {"backup", "restore-drill"}
OTHERS = {"render": r"\bRender\b|render\.yaml", "railway": r"(?i)railway", "fly": r"Fly\.io|fly\.toml|flyctl"}


@pytest.fixture(scope="module", params=combinations(), ids=name)
def service(request: pytest.FixtureRequest) -> tuple[dict[str, str], Path]:
    """Return the answers and the rendered service."""
    return request.param, rendered(**request.param)


def _text(root: Path) -> str:
    return "\n".join((root / document).read_text() for document in DOCUMENTS)


def _anchors(markdown: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_ops_script_that_is_named_exists_and_is_executable(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    named = set(re.findall(r"\bops/([a-z-]+)\b(?!\.)", _text(root))) - BACKUP_SCRIPTS
    assert {"deploy", "rollback", "smoke", "status"} <= named
    assert [script for script in sorted(named) if not (root / "ops" / script).stat().st_mode & 0o100] == []


def test_the_backup_scripts_that_are_named_exist(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    named = set(re.findall(r"\bops/([a-z-]+)\b(?!\.)", _text(root))) & BACKUP_SCRIPTS
    assert [script for script in sorted(named) if not (root / "ops" / script).stat().st_mode & 0o100] == []


def test_every_path_in_backticks_exists(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    paths = set(re.findall(r"`((?:[\w.-]+/)+|(?:[\w.-]+/)*[\w-]*\.(?:py|ya?ml|toml|ts|json|md|ini))`", _text(root)))
    assert "app/main.py" in paths
    assert [path for path in sorted(paths - MADE_BY_THE_READER) if not (root / path).exists()] == []


def test_links_and_anchors_resolve(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    links = [
        (document, link)
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)]+)\)", (root / document).read_text())
        if "://" not in link
    ]
    assert links
    for document, link in links:
        path, _, anchor = link.partition("#")
        target = root / (path or document)
        assert target.is_file(), link
        assert not anchor or anchor in _anchors(target.read_text()), link


def test_every_variable_of_the_example_is_in_the_table_and_the_other_way_round(
    service: tuple[dict[str, str], Path],
) -> None:
    _, root = service
    example = set(re.findall(r"^(?:# )?([A-Z_]+)=", (root / ".env.example").read_text(), flags=re.MULTILINE))
    section = (root / "DEPLOYMENT.md").read_text().partition("## Environment variables")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", section, flags=re.MULTILINE)) == example


def test_documents_are_tidy(service: tuple[dict[str, str], Path]) -> None:
    _, root = service
    for document in DOCUMENTS:
        text = (root / document).read_text()
        assert "\n\n\n" not in re.sub(r"```.*?```", "code", text, flags=re.DOTALL), document
        assert "{{" not in text, document
        assert "{%" not in text, document
        assert text.endswith("\n"), document
        assert not text.endswith("\n\n"), document
        assert re.findall(r"[^\n]\n## ", text) == [], f"{document}: a heading without a blank line before it"


def test_only_the_chosen_database_and_platform_are_named(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    text = _text(root)
    if answers["database"] == "none":
        assert re.findall(r"(?i)postgres|alembic|DATABASE_|BACKUP_|ops/(?:backup|restore|migrate)", text) == []
    if answers["cache"] == "none":
        assert "redis" not in text.lower().replace("redirects", "")
    for platform, pattern in OTHERS.items():
        if platform != answers["platform"]:
            assert re.findall(pattern, text) == []


def test_checks_and_backups_are_described_where_they_run(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    text = (root / "DEPLOYMENT.md").read_text()
    gitlab, database = answers["pipeline"] == "gitlab", answers["database"] != "none"
    assert ("CHECK=uptime" in text, "`.github/workflows/uptime.yml`" in text) == (gitlab, not gitlab)
    assert ("CHECK=restore-drill" in text) == (gitlab and database)
    assert ("`.github/workflows/restore-drill.yml`" in text) == (database and not gitlab)
    assert ("--schedule daily" in text) == (database and answers["platform"] == "fly")
    assert ("The database is not rolled back" in " ".join(text.split())) == database


def test_the_owner_is_in_the_file_that_the_forge_reads(service: tuple[dict[str, str], Path]) -> None:
    answers, root = service
    found = [path for path in (".github/CODEOWNERS", ".gitlab/CODEOWNERS") if (root / path).exists()]
    assert found == [".gitlab/CODEOWNERS" if answers["pipeline"] == "gitlab" else ".github/CODEOWNERS"]
    assert (root / found[0]).read_text().splitlines()[-1] == "* @platform-team"
