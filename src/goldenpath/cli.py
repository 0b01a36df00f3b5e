"""The command line: thin commands that parse options, call one module each, and turn errors into exit codes."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from goldenpath.errors import ExitCode, GoldenpathError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

EPILOG = (
    "Exit codes: 0 done, 1 a defect in goldenpath, 2 wrong usage or a refused answer, 3 DEST is not empty, 4 Git is "
    "missing, 5 written without its lock file, 6 the template could not be fetched, 7 not written, 8 written but not "
    "committed, 130 interrupted."
)


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


app = typer.Typer(
    help="Golden paths: services that are ready for production, written, checked and carried along.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
service = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only --version needs it

        typer.echo(f"goldenpath {version('goldenpath')}")
        raise typer.Exit


@app.callback()
def _goldenpath(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def new(
    dest: Annotated[
        Path | None,
        typer.Argument(metavar="DEST", help="Folder to write; it also names the service."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="KEY=VALUE", help="Answer a question. Repeat for more."),
    ] = None,
    data_file: Annotated[
        Path | None, typer.Option("--data-file", help="YAML file with answers; --data wins over it.")
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", "-l", help="Ask nothing; take the default answers.")] = False,
    template: Annotated[
        str | None, typer.Option("--template", help="Git URL or folder of another template, such as your fork.")
    ] = None,
    vcs_ref: Annotated[
        str | None, typer.Option("--vcs-ref", help="Tag, branch or commit of the template to use.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be written and why; write nothing.")
    ] = False,
    lock: Annotated[bool, typer.Option("--lock/--no-lock", help="Make the lock file of the dependencies.")] = True,
    git: Annotated[bool, typer.Option("--git/--no-git", help="Make a Git repository.")] = True,
    commit: Annotated[bool, typer.Option("--commit/--no-commit", help="Make the first commit.")] = True,
    format_: Annotated[Format, typer.Option("--format", help="How to print the result.")] = Format.TEXT,
) -> None:
    """Write a new service that is ready to deploy.

    Asks a few questions, shows what it would cost and what it would write, then writes it, locks its dependencies and
    makes the first commit.

    Examples:

      new-service my-api

      new-service my-api --defaults --data platform=fly --data region=ams

      new-service my-api --data-file answers.yml --format json

      new-service --defaults --dry-run
    """

    def body() -> ExitCode:
        from goldenpath import new as command  # noqa: PLC0415 - `--help` need not pay for it

        return command.run(
            command.Request(
                destination=dest,
                data=tuple(data or ()),
                data_file=data_file,
                defaults=defaults,
                template=template,
                vcs_ref=vcs_ref,
                dry_run=dry_run,
                lock=lock,
                git=git,
                commit=commit and git,
                as_json=format_ is Format.JSON,
            )
        )

    _guard(body)


app.command("new", epilog=EPILOG)(new)
service.command("new-service", epilog=EPILOG)(new)


@app.command("plan", epilog=EPILOG)
def plan(
    stage: Annotated[str, typer.Option(help="mvp, growth or scale.")],
    requests_per_day: Annotated[str, typer.Option(help="Requests a day, such as 5000, 5k or 1.5M.")],
    need: Annotated[
        list[str] | None,
        typer.Option(help="custom_networking, kubernetes_features, app_runner_customer; repeatable."),
    ] = None,
    cloud: Annotated[str, typer.Option(help="A cloud already in use: any, gcp, aws or azure.")] = "any",
    database: Annotated[str, typer.Option(help="postgres or none.")] = "postgres",
    cache: Annotated[str, typer.Option(help="redis or none.")] = "none",
    from_: Annotated[
        str | None, typer.Option("--from", help="Today's platform: flags a jump in cost and adds the migration steps.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print the plan.")] = Format.TEXT,
) -> None:
    """Rank two or three platforms, with reasons, monthly cost and what makes you leave each.

    Examples:

      goldenpath plan --stage mvp --requests-per-day 5k

      goldenpath plan --stage growth --requests-per-day 50k --cloud gcp --from render --format json
    """

    def body() -> ExitCode:
        from goldenpath import plan as planner  # noqa: PLC0415 - `--help` need not pay for it
        from goldenpath import plan_report  # noqa: PLC0415
        from goldenpath.catalog import load_catalog  # noqa: PLC0415
        from goldenpath.template import own_directory  # noqa: PLC0415

        catalog = load_catalog(own_directory() / "template" / "catalog")
        request = planner.PlanRequest.parse(
            catalog,
            stage=stage,
            requests_per_day=requests_per_day,
            needs=need or (),
            cloud=cloud,
            database=database,
            cache=cache,
            from_platform=from_,
        )
        result = planner.plan(catalog, request)
        if format_ is Format.JSON:
            typer.echo(json.dumps(plan_report.as_json(result), indent=2, ensure_ascii=False))
        else:
            typer.echo(plan_report.as_text(result))
        return ExitCode.OK

    _guard(body)


def main() -> None:
    """Run `goldenpath`."""
    app()


def new_service() -> None:
    """Run `new-service`, which is `goldenpath new`."""
    service()


def _guard(body: Callable[[], ExitCode]) -> NoReturn:
    """Run a command's body and leave the process with its exit code; problems go to stderr, never as a traceback."""
    try:
        code = body()
    except GoldenpathError as error:
        code = _complain(error)
    except KeyboardInterrupt:
        code = _complain(Interrupted())
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, left; nothing more can be said.
        sys.stderr.close()
        code = ExitCode.OK
    raise typer.Exit(int(code))


def _complain(error: GoldenpathError) -> ExitCode:
    for line in str(error).splitlines():
        typer.echo(f"{typer.style('error:', fg='red', bold=True)} {line}", err=True)
    return error.exit_code
