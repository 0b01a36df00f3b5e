"""`goldenpath new`: interview, plan, choice, summary, then the service."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenpath import summary
from goldenpath.errors import ExitCode, Interrupted, UsageProblems
from goldenpath.generate import absolute, check_destination, generate
from goldenpath.layers import layer_files
from goldenpath.questionnaire import Questionnaire, parse_data, read_data_file
from goldenpath.template import open_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from goldenpath.plan import Plan
    from goldenpath.template import Template

NAME = "service_name"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for.

    Args:
        destination: The folder to write, or `None` for one named after the service.
        data: `KEY=VALUE` answers.
        data_file: A YAML file with answers, or `None`.
        defaults: Whether to take the defaults of all other questions.
        template: Another template's URL, or `None` for the one that ships with goldenpath.
        vcs_ref: A version of the template, or `None`.
        dry_run: Whether to write nothing.
        lock: Whether to make the lock file.
        git: Whether to make a repository.
        commit: Whether to make the first commit.
        as_json: Whether to print JSON.
    """

    destination: Path | None
    data: tuple[str, ...]
    data_file: Path | None
    defaults: bool
    template: str | None
    vcs_ref: str | None
    dry_run: bool
    lock: bool
    git: bool
    commit: bool
    as_json: bool


def run(request: Request) -> ExitCode:
    """Write a service, or say what would be written.

    Args:
        request: What the command line asked for.

    Returns:
        The exit code: done, or written without its lock file or first commit.

    Raises:
        GoldenpathError: Nothing was written; the message says why.
    """
    if request.destination is not None:
        check_destination(absolute(request.destination))
    given = {
        **(read_data_file(request.data_file) if request.data_file else {}),
        **parse_data(request.data),
    }
    with open_template(request.template, request.vcs_ref) as template:
        questionnaire = Questionnaire.load(template.directory)
        if request.destination is not None and NAME not in given and questionnaire.accepts(NAME, _name_of(request)):
            given[NAME] = _name_of(request)
        asked = not request.defaults
        answers = _ask(questionnaire, given, template) if asked else given
        resolution = questionnaire.resolve(answers)
        if resolution.problems:
            raise UsageProblems(resolution.problems)
        destination = request.destination or Path(str(resolution.values[NAME]))
        files = layer_files(template.directory, resolution.values)
        plan = _plan(template, resolution.values)
        if request.dry_run:
            if request.as_json:
                _print_json(summary.as_document(destination, files, resolution, plan, generated=None))
            else:
                print(summary.dry_run(files))
                print(summary.before(destination, files, resolution, plan))
            return ExitCode.OK
        if not request.as_json:
            print(summary.before(destination, files, resolution, plan))
        if asked and sys.stdin.isatty():
            _confirm(destination)
        with _progress(quiet=request.as_json) as progress:
            generated = generate(
                template,
                resolution.answers,
                destination,
                lock=request.lock,
                git=request.git,
                commit=request.commit,
                progress=progress,
            )
        steps = questionnaire.render_partial("next-steps.txt", {**resolution.values, "done": generated.done}).strip()
    if request.as_json:
        _print_json(summary.as_document(destination, files, resolution, plan, generated=generated, steps=steps))
    else:
        print(summary.after(generated, steps))
    for warning in generated.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return generated.exit_code


def _name_of(request: Request) -> str:
    return absolute(request.destination).name if request.destination else ""


def _ask(questionnaire: Questionnaire, given: Mapping[str, Any], template: Template) -> dict[str, Any]:
    from goldenpath.interview import interview  # noqa: PLC0415 - questionary takes 40 ms to import

    def show_options(values: dict[str, Any]) -> None:
        from goldenpath.plan_report import as_table  # noqa: PLC0415

        print(as_table(_plan_of(template, values)))

    return interview(questionnaire, given, {"platform": show_options})


def _plan(template: Template, values: Mapping[str, Any]) -> dict[str, Any]:
    from goldenpath.plan_report import as_json  # noqa: PLC0415 - as below

    return as_json(_plan_of(template, values))


def _plan_of(template: Template, values: Mapping[str, Any]) -> Plan:
    from goldenpath.catalog import load_catalog  # noqa: PLC0415 - the interview's first questions need no catalog
    from goldenpath.plan import PlanRequest, plan  # noqa: PLC0415

    catalog = load_catalog(template.catalog)
    return plan(
        catalog,
        PlanRequest.parse(
            catalog,
            stage=values["stage"],
            requests_per_day=values["requests_per_day"],
            needs=values["needs"],
            cloud=values["cloud"],
            database=values["database"],
            cache=values["cache"],
            from_platform=None,
        ),
    )


def _confirm(destination: Path) -> None:
    import questionary  # noqa: PLC0415 - imported by the interview already

    if not questionary.confirm(f"Write it to {destination}?", default=True).ask():
        raise Interrupted


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Any]:
    """Yield a function that shows the running step on stderr: a spinner on a terminal, a line elsewhere."""
    if quiet:
        yield lambda _step: None
    elif sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 - 60 ms, and only a terminal needs it

        with Console(stderr=True).status("") as status:
            yield lambda step: status.update(f"{step} …")
    else:
        yield lambda step: print(f"{step} …", file=sys.stderr)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))
