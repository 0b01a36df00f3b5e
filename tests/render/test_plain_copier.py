"""Plain Copier, driven by pytest-copie, renders what the strict helper renders.

pytest-copie gives answers as a person's defaults, the way a `settings.yml` of Copier does. It trusts the template and
lets unknown keys pass, so everything else is tested with `support.render`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.render import render, template_dir

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_copie.plugin import Copie

ANSWERS = [
    {"platform": "render", "database": "postgres"},
    {"platform": "railway", "database": "none", "cache": "redis", "pipeline": "platform"},
    {"platform": "fly", "pipeline": "gitlab", "region": "ams"},
]


def _tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".copier-answers.yml"
    }


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda answers: answers["platform"])
def test_a_persons_defaults_give_the_same_tree_as_answers(
    copie: Copie, tmp_path: Path, answers: dict[str, str]
) -> None:
    result = copie.copy(extra_answers=answers, template_dir=template_dir())

    assert result.exception is None
    assert result.project_dir is not None
    assert result.answers | answers == result.answers
    assert _tree(result.project_dir) == _tree(render(tmp_path / "strict", **answers))


def test_a_refused_answer_stops_the_copy(copie: Copie) -> None:
    result = copie.copy(extra_answers={"service_name": "Bad_Name"}, template_dir=template_dir())

    assert result.exit_code != 0
    assert "order-api" in str(result.exception)
