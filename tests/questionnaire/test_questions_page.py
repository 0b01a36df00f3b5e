import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_questions_matches_the_question_files() -> None:
    page = runpy.run_path(str(DOCS / "generate_questions.py"))["page"]()

    assert (DOCS / "questions.md").read_text(encoding="utf-8") == page, "run python docs/generate_questions.py"
