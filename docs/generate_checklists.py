"""Writes docs/checklists.md from the tests: `python docs/generate_checklists.py`."""  # noqa: INP001 - a script

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "checklists.md"
TITLES = {"mvp": "MVP checklist", "production": "Production checklist", "critical": "Critical issues"}
_INTRODUCTION = """# Checklists and their proofs

Every box of the checklists, and every critical issue, with the tests that execute it. A test names what it proves with
`@pytest.mark.proves("GROUP:BOX")`; the boxes are in `template/catalog/boxes.yml`. This page is written by
`python docs/generate_checklists.py`.

A service of the Production checklist fills the boxes of the MVP checklist too. A critical issue is listed with the
tests that show that a service does not have it. What could not be run for real is named in [testing](testing.md).
"""


def boxes() -> dict[str, str]:
    """Return the title of every box by its name, such as `mvp:backups`, in the order of the catalog."""
    catalog = yaml.safe_load((ROOT / "template/catalog/boxes.yml").read_text(encoding="utf-8"))
    return {f"{group}:{box['name']}": box["title"] for group, entries in catalog.items() for box in entries}


def proofs() -> dict[str, list[tuple[str, str]]]:
    """Return the tests of each box, as their file and name.

    Raises:
        ValueError: A test proves a box that does not exist.
    """
    found: dict[str, list[tuple[str, str]]] = {box: [] for box in boxes()}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for box in _proved(function):
                if box not in found:
                    message = f"{path}: {function.name} proves {box}, which is no box of template/catalog/boxes.yml"
                    raise ValueError(message)
                found[box].append((path.relative_to(ROOT).as_posix(), function.name))
    return found


def _proved(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def page() -> str:
    """Return the page for the tests as they stand.

    Returns:
        Markdown that ends with one newline.
    """
    titles, tests = boxes(), proofs()
    lines = [_INTRODUCTION]
    for group, title in TITLES.items():
        lines += [f"## {title}", "", "| box | executed by |", "|---|---|"]
        lines += [
            f"| {titles[box]} | {'<br>'.join(f'`{file}` {_sentence(name)}' for file, name in tests[box])} |"
            for box in titles
            if box.startswith(f"{group}:")
        ] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
