"""The questionnaire agrees with Copier, for answers that are taken and for answers that are refused."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from copier import Settings, run_copy

from goldenpath.errors import GoldenpathError
from goldenpath.questionnaire import Questionnaire, parse_data, read_data_file
from support.render import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS_FILE = "{{ _copier_conf.answers_file }}.jinja"
TAKEN: list[dict[str, Any]] = [
    {},
    {"service_name": "order-api", "requests_per_day": 5000},
    {"requests_per_day": "1.5M", "platform": "fly"},
    {"platform": "railway", "pipeline": "platform", "cache": "redis", "database": "none"},
    {"platform": "fly", "region": "ams", "description": 'Says "hi": ü # {x}'},
    {"manage": ["container", "service"]},
    {"manage": '["pipeline", "service"]'},
    {"needs": []},
]
REFUSED: list[dict[str, Any]] = [
    {"service_name": "Bad_Name"},
    {"service_name": None},
    {"service_name": ["a"]},
    {"requests_per_day": "many"},
    {"requests_per_day": 0},
    {"platform": "kubernetes"},
    {"platform": "heroku"},
    {"platform": "fly", "pipeline": "platform"},
    {"platform": "fly", "region": "oregon"},
    {"manage": ["everything"]},
    {"description": ""},
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template's questions with the answers file as their only layer."""
    target = tmp_path_factory.mktemp("template")
    shutil.copy(ROOT / "copier.yml", target)
    for part in ("questions", "partials", "catalog"):
        shutil.copytree(ROOT / "template" / part, target / "template" / part)
    layer = target / "template" / "layers" / ANSWERS_FILE
    layer.parent.mkdir()
    layer.write_text("{{ _copier_answers | to_nice_yaml }}")
    return target


def _copier(template: Path, destination: Path, answers: dict[str, Any]) -> dict[str, Any]:
    run_copy(str(template), destination, data=answers, settings=Settings(), defaults=True, quiet=True)
    stored = yaml.safe_load((destination / ".copier-answers.yml").read_text())
    return {name: value for name, value in stored.items() if not name.startswith("_")}


@pytest.mark.parametrize("answers", TAKEN, ids=str)
def test_records_the_same_answers_as_copier(template: Path, tmp_path: Path, answers: dict[str, Any]) -> None:
    resolution = Questionnaire.load(template).resolve(answers)

    assert resolution.problems == []
    assert resolution.answers == _copier(template, tmp_path / "service", answers)


@pytest.mark.parametrize("answers", REFUSED, ids=str)
def test_refuses_what_copier_refuses(template: Path, tmp_path: Path, answers: dict[str, Any]) -> None:
    resolution = Questionnaire.load(template).resolve(answers)

    assert [problem.field for problem in resolution.problems][:1] == list(answers)[-1:]
    with pytest.raises((ValueError, TypeError)):
        _copier(template, tmp_path / "service", answers)


def test_names_every_problem_at_once_with_its_remedy() -> None:
    problems = Questionnaire.load(ROOT).resolve({"plattform": "fly", "at_fly": ".", "service_name": "X", "cache": "y"})

    found = {problem.field: problem for problem in problems.problems}
    assert set(found) == {"plattform", "at_fly", "service_name", "cache"}
    assert found["plattform"].remedy == "Did you mean platform?"
    assert "cannot be given" in found["at_fly"].problem
    assert "order-api" in found["service_name"].problem
    assert found["cache"].problem == "It is not one of redis, none."


def test_gives_the_choices_own_reason_for_refusing_it() -> None:
    (problem,) = Questionnaire.load(ROOT).resolve({"platform": "fly", "pipeline": "platform"}).problems

    assert "choose github or gitlab" in problem.problem


def test_a_list_may_be_written_with_commas_and_takes_the_order_of_the_choices() -> None:
    resolution = Questionnaire.load(ROOT).resolve({"manage": "container,service"})

    assert resolution.problems == []
    assert resolution.answers["manage"] == ["service", "container"]


def test_works_for_any_template(tmp_path: Path) -> None:
    (tmp_path / "copier.yml").write_text(
        "_envops: {undefined: jinja2.StrictUndefined}\ncolour: {type: str, choices: [red, blue]}\n"
        "size: {type: int, default: 3}\nloud: {type: bool, default: '{{ size > 2 }}'}\n"
    )
    questionnaire = Questionnaire.load(tmp_path)

    assert [problem.field for problem in questionnaire.resolve({}).problems] == ["colour"]
    assert questionnaire.resolve({"colour": "red", "size": "2"}).answers == {"colour": "red", "size": 2, "loud": False}


def test_data_keeps_everything_after_the_first_equals_sign() -> None:
    assert parse_data(["description=a=b", "platform=fly", "platform=render"]) == {
        "description": "a=b",
        "platform": "render",
    }


@pytest.mark.parametrize("entry", ["platform", "=fly"])
def test_data_without_a_key_and_a_value_is_refused(entry: str) -> None:
    with pytest.raises(GoldenpathError, match="not KEY=VALUE"):
        parse_data([entry])


@pytest.mark.parametrize(("text", "problem"), [("- a", "no mapping"), ("a: [", "not YAML")])
def test_a_data_file_that_holds_no_answers_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "answers.yml"
    file.write_text(text)

    with pytest.raises(GoldenpathError, match=problem):
        read_data_file(file)
