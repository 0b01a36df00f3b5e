"""The project's own documents point only at what exists."""

from __future__ import annotations

import re

import pytest

from goldenpath.errors import ExitCode
from support.render import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(document: object) -> None:
    path = ROOT / str(document)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()) if "://" not in link]
    assert [link for link in links if link and not (path.parent / link).exists()] == []


def test_every_exit_code_is_documented() -> None:
    codes = re.findall(r"^\| (\d+) \|", (ROOT / "docs/new-service.md").read_text(), flags=re.MULTILINE)
    assert [int(code) for code in codes] == sorted(ExitCode)
