"""Every box of the checklists is executed by a test, and the page says by which."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_box_and_every_critical_issue_is_executed_by_a_test() -> None:
    proofs = runpy.run_path(str(DOCS / "generate_checklists.py"))["proofs"]()
    assert [box for box, tests in proofs.items() if not tests] == []


def test_the_page_of_checklists_matches_the_tests() -> None:
    page = runpy.run_path(str(DOCS / "generate_checklists.py"))["page"]()
    assert (DOCS / "checklists.md").read_text(encoding="utf-8") == page, "run python docs/generate_checklists.py"
