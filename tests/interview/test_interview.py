"""The interview in a real terminal, driven by keys."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pexpect  # type: ignore[import-untyped] # it ships no types
import pytest

from goldenpath.errors import UsageProblems
from goldenpath.interview import interview
from goldenpath.questionnaire import Questionnaire
from support.render import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = f"""
import json, pathlib, sys
from goldenpath.errors import Interrupted
from goldenpath.interview import interview
from goldenpath.questionnaire import Questionnaire
questionnaire = Questionnaire.load(pathlib.Path({str(ROOT)!r}))
try:
    answers = interview(questionnaire, json.loads(sys.argv[1]), {{"platform": lambda values: print("OPTIONS TABLE")}})
except Interrupted as stopped:
    sys.exit(int(stopped.exit_code))
print("ANSWERS=" + json.dumps(answers, separators=(",", ":")) + "=END")
"""
ENTER, DOWN, UP, CTRL_C = "\r", "\x1b[B", "\x1b[A", "\x03"
WAIT = 15


def _start(given: dict[str, str]) -> pexpect.spawn[str]:
    return pexpect.spawn(
        sys.executable, ["-c", SCRIPT, json.dumps(given)], encoding="utf-8", timeout=WAIT, dimensions=(50, 2000)
    )


def _answers(terminal: pexpect.spawn[str]) -> dict[str, str]:
    terminal.expect("ANSWERS=(.*)=END")
    assert terminal.match is not None
    found: dict[str, str] = json.loads(terminal.match[1])
    return found


def _prompt(terminal: pexpect.spawn[str], title: str, keys: str) -> None:
    terminal.expect(rf"\?\S* {title}")
    terminal.send(keys)


def test_enter_takes_every_default_in_six_prompts() -> None:
    terminal = _start({})
    for title in ("Service name", "Stage", "Requests per day", "Database"):
        _prompt(terminal, title, ENTER)
    terminal.expect("OPTIONS TABLE")
    _prompt(terminal, "Platform", ENTER)
    _prompt(terminal, "Customise", ENTER)

    assert _answers(terminal) == {
        "service_name": "my-service",
        "stage": "mvp",
        "requests_per_day": "5k",
        "database": "postgres",
        "platform": "render",
    }


def test_going_back_asks_the_question_before_again() -> None:
    terminal = _start({"service_name": "order-api", "platform": "fly"})
    _prompt(terminal, "Stage", ENTER)
    _prompt(terminal, "Requests per day", "<" + ENTER)
    _prompt(terminal, "Stage", ENTER)
    _prompt(terminal, "Requests per day", ENTER)
    _prompt(terminal, "Database", UP + ENTER)
    _prompt(terminal, "Requests per day", "0" + ENTER)
    terminal.expect("Use a number such as")
    terminal.send("\x7f" * 3 + "7000" + ENTER)
    _prompt(terminal, "Database", DOWN + ENTER)
    _prompt(terminal, "Customise", ENTER)

    answers = _answers(terminal)
    assert answers["requests_per_day"] == "7000"
    assert answers["database"] == "none"


def test_ctrl_c_stops_with_its_own_exit_code() -> None:
    terminal = _start({})
    _prompt(terminal, "Service name", ENTER)
    _prompt(terminal, "Stage", CTRL_C)
    terminal.expect(pexpect.EOF)
    terminal.close()

    assert terminal.exitstatus == 130


def test_customising_asks_the_rest() -> None:
    given = {"service_name": "order-api", "stage": "mvp", "requests_per_day": "5k", "database": "none"}
    rest = {"platform": "fly", "description": "Orders", "owner": "acme", "stack": "fastapi", "cache": "none"}
    terminal = _start({**given, **rest, "cloud": "any", "justification": "", "checklist": "mvp", "manage": "service"})
    _prompt(terminal, "Customise", "y")
    _prompt(terminal, "Needs", ENTER)
    _prompt(terminal, "Region", ENTER)
    _prompt(terminal, "Pipeline", DOWN + ENTER)
    _prompt(terminal, "Strategy", ENTER)

    assert _answers(terminal)["pipeline"] == "gitlab"


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def _hide() -> None:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    return _hide


def test_without_a_terminal_every_open_question_names_its_flag(no_terminal: Callable[[], None]) -> None:
    no_terminal()
    with pytest.raises(UsageProblems) as caught:
        interview(Questionnaire.load(ROOT), {"service_name": "order-api", "stage": "mvp"}, {})

    assert [problem.field for problem in caught.value.problems] == ["requests_per_day", "database", "platform"]
    assert all(f"--data {problem.field}=" in problem.remedy for problem in caught.value.problems)


def test_without_a_terminal_answers_that_are_all_given_need_no_prompt(no_terminal: Callable[[], None]) -> None:
    no_terminal()
    given = {"service_name": "a-service", "stage": "mvp", "requests_per_day": "5k", "database": "none"}

    assert interview(Questionnaire.load(ROOT), {**given, "platform": "fly"}, {}) == {**given, "platform": "fly"}
