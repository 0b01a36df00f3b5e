"""Writes docs/questions.md from the template's question files: `python docs/generate_questions.py`."""  # noqa: INP001 - a script

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.questionnaire import Questionnaire

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "questions.md"
_INTRODUCTION = """# Questions

Every answer of a service, in the order in which it is asked. Give one with `--data NAME=VALUE`, or several in a YAML
file with `--data-file`. The defaults shown are those of a service for which nothing else is answered. This page is
written by `python docs/generate_questions.py`.
"""


def page() -> str:
    """Return the page for the questions as they stand.

    Returns:
        Markdown that ends with one newline.
    """
    questionnaire = Questionnaire.load(ROOT)
    values = questionnaire.resolve({}).values
    names = [name for name, question in questionnaire.questions.items() if not question.computed]
    return (
        "\n".join([_INTRODUCTION, "\n".join(_section(questionnaire, name, values) for name in names)]).rstrip() + "\n"
    )


def _section(questionnaire: Questionnaire, name: str, values: Mapping[str, object]) -> str:
    question = questionnaire.questions[name]
    default = values[name]
    shown = ", ".join(map(str, default)) if isinstance(default, list) else str(default)
    asked = "always" if question.asked else "under Customise"
    facts = f"Asked {asked}. Default: {f'`{shown}`' if shown else 'empty'}."
    if question.multiselect:
        facts += f" A list: `{name}: [...]`, or `--data {name}=a,b`."
    lines = [f"## `{name}`", "", questionnaire.help(name, values), "", facts, ""]
    choices = questionnaire.choices(name, values)
    if choices:
        lines += ["| answer | meaning | note |", "|---|---|---|"]
        lines += [f"| `{choice.value}` | {choice.title} | {choice.refused} |" for choice in choices] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
