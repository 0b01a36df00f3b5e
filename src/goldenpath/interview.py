"""Asks the questions in a terminal: few of them, with their defaults, and a way back."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from goldenpath.errors import Interrupted, UsageProblem, UsageProblems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from goldenpath.questionnaire import Question, Questionnaire

# So many names fit on one line of a narrow terminal.
SHOWN = 4
BACK = "<"
WIDTH = 100
_BACK_TITLE = "← back"


def interview(
    questionnaire: Questionnaire,
    given: Mapping[str, Any],
    before: Mapping[str, Callable[[dict[str, Any]], None]],
) -> dict[str, Any]:
    """Ask what is not given yet: the short questions, then the rest if the person wants to customise.

    Args:
        questionnaire: The template's questions.
        given: Answers that are not asked again.
        before: Called with the values so far before the question of that name is asked.

    Returns:
        The given answers and the person's, by name.

    Raises:
        UsageProblems: There is no terminal, or a given answer is refused.
        Interrupted: The person stopped.
    """
    resolution = questionnaire.resolve(given)
    refused = [problem for problem in resolution.problems if problem.field in given]
    if refused:
        raise UsageProblems(refused)
    short = [question for question in questionnaire.questions.values() if question.asked and question.name not in given]
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        if not short:
            return dict(given)
        raise UsageProblems(
            [
                UsageProblem(
                    question.name,
                    None,
                    "It is open, and there is no terminal to ask in.",
                    f"Answer it with --data {question.name}=VALUE, or take all defaults with --defaults.",
                )
                for question in short
            ]
        )
    print(f"Enter takes the default, {BACK} goes back, Ctrl-C stops. Every answer can be changed later.\n")  # noqa: T201
    answers = _ask_all(questionnaire, short, dict(given), before)
    rest = [
        question
        for question in questionnaire.questions.values()
        if not question.computed and not question.asked and question.name not in given
    ]
    open_names = {problem.field for problem in questionnaire.resolve(answers).problems}
    if rest and _customise(rest):
        return _ask_all(questionnaire, rest, answers, before)
    return _ask_all(questionnaire, [question for question in rest if question.name in open_names], answers, before)


def _customise(rest: list[Question]) -> bool:
    import questionary  # noqa: PLC0415 - 40 ms, and only a terminal needs it

    first = ", ".join(question.name.replace("_", " ") for question in rest[:SHOWN])
    more = f" and {len(rest) - SHOWN} more" if len(rest) > SHOWN else ""
    answer = questionary.confirm(f"Customise the rest ({first}{more})?", default=False).ask()
    if answer is None:
        raise Interrupted
    return bool(answer)


def _ask_all(
    questionnaire: Questionnaire,
    questions: list[Question],
    answers: dict[str, Any],
    before: Mapping[str, Callable[[dict[str, Any]], None]],
) -> dict[str, Any]:
    """Ask questions in order; going back forgets the answer before."""
    position = 0
    while position < len(questions):
        question = questions[position]
        values = questionnaire.resolve(answers).values
        if question.name in before:
            before[question.name](values)
        answer = _ask(questionnaire, question, values)
        if answer == BACK:
            position = max(position - 1, 0)
            answers.pop(questions[position].name, None)
        else:
            answers[question.name] = answer
            position += 1
    return answers


def _ask(questionnaire: Questionnaire, question: Question, values: dict[str, Any]) -> Any:  # noqa: ANN401 - any answer
    import questionary  # noqa: PLC0415 - imported once, by the first question

    earlier = _before(questionnaire, question.name, values)
    default = questionnaire.default_or_none(question.name, earlier)
    title = question.name.replace("_", " ").capitalize()
    width = min(shutil.get_terminal_size().columns, WIDTH)
    questionary.print(textwrap.fill(questionnaire.help(question.name, earlier), width), style="fg:ansibrightblack")
    if question.multiselect:
        answer = questionary.checkbox(
            title,
            choices=[
                questionary.Choice(
                    choice.title, choice.value, disabled=choice.refused or None, checked=choice.value in (default or [])
                )
                for choice in questionnaire.choices(question.name, earlier)
            ],
        ).ask()
    elif question.has_choices:
        choices = questionnaire.choices(question.name, earlier)
        answer = questionary.select(
            title,
            choices=[
                *(
                    questionary.Choice(choice.title, choice.value, disabled=choice.refused or None)
                    for choice in choices
                ),
                questionary.Choice(_BACK_TITLE, BACK),
            ],
            default=default if any(choice.value == default and not choice.refused for choice in choices) else None,
        ).ask()
    else:
        answer = questionary.text(
            title,
            default="" if default is None else str(default),
            validate=lambda text: _goes_back(text) or questionnaire.parse(question.name, text, earlier)[1] or True,
        ).ask()
        if answer is not None and _goes_back(answer):
            return BACK
    if answer is None:
        raise Interrupted
    return answer.strip() if isinstance(answer, str) else answer


def _goes_back(text: str) -> bool:
    """Say whether `<` was typed, alone or behind the default that the prompt already holds."""
    return text.rstrip().endswith(BACK)


def _before(questionnaire: Questionnaire, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the questions before one."""
    earlier: dict[str, Any] = {}
    for known in questionnaire.questions:
        if known == name:
            break
        if known in values:
            earlier[known] = values[known]
    return earlier
