"""Writes a service: rendered beside its destination, locked and committed there, then moved into place in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenpath.errors import ExitCode, GoldenpathError
from goldenpath.template import git_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from goldenpath.template import Template

LOCK_TIMEOUT_SECONDS = 120
COMMIT_MESSAGE = "Start the service from its golden path"


@dataclass(slots=True)
class Generated:
    """What was written.

    Args:
        destination: The service's folder.
        files: Its files, relative to `destination`, sorted; without Git's own.
        done: Which steps ran: `lock`, `git`, `commit`.
        warnings: What did not work, each with its remedy.
        exit_code: What the process exits with.
    """

    destination: Path
    files: list[str]
    done: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    exit_code: ExitCode = ExitCode.OK


def generate(  # noqa: PLR0913 - one keyword for each step that can be declined
    template: Template,
    answers: Mapping[str, Any],
    destination: Path,
    *,
    lock: bool = True,
    git: bool = True,
    commit: bool = True,
    progress: Callable[[str], None] = lambda _step: None,
) -> Generated:
    """Write a service into a folder that is empty or does not exist yet.

    Args:
        template: What to render.
        answers: Validated answers by question name.
        destination: Where the service goes.
        lock: Whether to make the stack's lock file.
        git: Whether to make a Git repository.
        commit: Whether to make the first commit; needs `git`.
        progress: Called with the name of each step before it starts.

    Returns:
        What was written, and what did not work on the way.

    Raises:
        GoldenpathError: The destination is not empty, or the service could not be rendered; then nothing was written.
    """
    destination = absolute(destination)
    check_destination(destination)
    with _staging(destination) as staging:
        progress("Writing the files")
        render(template, answers, staging)
        result = Generated(destination, _files(staging))
        if lock and (staging / "pyproject.toml").is_file():
            progress("Locking the dependencies")
            _lock(staging, result)
        if git:
            progress("Making the first commit" if commit else "Making the repository")
            _make_repository(staging, result, commit=commit)
        _move(staging, destination)
    return result


def absolute(path: Path) -> Path:
    """Return a path as a person would name it: without `~` and `..`.

    Args:
        path: Any path; a symbolic link at its end stays one unless `..` has to be followed.

    Returns:
        The absolute path.
    """
    path = path.expanduser().absolute()
    return path.resolve() if ".." in path.parts else path


def check_destination(destination: Path) -> None:
    """Refuse a destination that holds anything.

    Args:
        destination: Where a service is about to be written.

    Raises:
        GoldenpathError: It is a file, or a folder with something in it.
    """
    if destination.is_dir():
        if not any(destination.iterdir()):
            return
        problem = "is not empty"
    elif destination.exists() or destination.is_symlink():
        problem = "is not a folder"
    else:
        return
    message = f"DEST = {str(destination)!r}: it {problem}."
    raise GoldenpathError(message, remedy="Name a folder that does not exist yet.", exit_code=ExitCode.DESTINATION)


def render(template: Template, answers: Mapping[str, Any], destination: Path) -> None:
    """Render a template with Copier, without trust and without asking anything.

    Args:
        template: What to render.
        answers: Validated answers by question name.
        destination: An empty folder.

    Raises:
        GoldenpathError: Copier could not render it; the message is Copier's.
    """
    with git_environment(template) as environment, _environ(environment):
        # After the environment is set: Copier's Git calls take the environment as it is when Copier is imported.
        import copier  # noqa: PLC0415
        from plumbum import local  # noqa: PLC0415 - comes with Copier

        try:
            with local.env(**environment):
                copier.run_copy(
                    template.url,
                    destination,
                    data=dict(answers),
                    vcs_ref=template.ref,
                    settings=copier.Settings(),
                    defaults=True,
                    overwrite=True,
                    quiet=True,
                )
        except Exception as error:
            message = f"The service could not be written: {str(error).strip() or type(error).__name__}"
            remedy = "Nothing was left behind."
            raise GoldenpathError(message, remedy=remedy, exit_code=ExitCode.GENERATION) from error


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _lock(project: Path, result: Generated) -> None:
    from uv import find_uv_bin  # noqa: PLC0415 - only this step needs it

    done = _run([find_uv_bin(), "lock", "--quiet", "--python", sys.executable], project, LOCK_TIMEOUT_SECONDS)
    if done is not None and done.returncode == 0:
        result.done.append("lock")
        result.files = sorted([*result.files, "uv.lock"])
        return
    reason = f"no answer within {LOCK_TIMEOUT_SECONDS} seconds" if done is None else _last_line(done.stderr)
    result.warnings.append(
        f"The lock file is missing ({reason}). Run `uv lock` in {result.destination} when the network is back, "
        "and commit uv.lock: the image and the pipeline need it."
    )
    result.exit_code = ExitCode.LOCK_MISSING


def _make_repository(project: Path, result: Generated, *, commit: bool) -> None:
    # The template's stand-in must not leak into the person's Git, and a template folder of theirs must not break ours.
    steps = [["git", "init", "--quiet", "--initial-branch", "main"]]
    if commit:
        steps += [["git", "add", "--all"], ["git", "commit", "--quiet", "--message", COMMIT_MESSAGE]]
    for step in steps:
        done = _run(step, project, LOCK_TIMEOUT_SECONDS)
        if done is None or done.returncode != 0:
            reason = "no answer" if done is None else _last_line(done.stderr)
            result.warnings.append(
                f"`{' '.join(step[:2])}` failed ({reason}). The service is written; make the commit yourself in "
                f"{result.destination}."
            )
            result.exit_code = ExitCode.COMMIT_FAILED
            return
        if step[1] in ("init", "commit"):
            result.done.append("git" if step[1] == "init" else "commit")


def _run(command: list[str], folder: Path, timeout: int) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(  # noqa: S603 - a fixed command line
            command, cwd=folder, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


@contextlib.contextmanager
def _environ(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _staging(destination: Path) -> Iterator[Path]:
    """Yield an empty folder on the destination's file system, which is gone afterwards."""
    nearest = next(parent for parent in destination.parents if parent.is_dir())
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=nearest))
    except OSError as error:
        message = f"DEST = {str(destination)!r}: {error.strerror} in {nearest}."
        remedy = "Name a folder that you may write to."
        raise GoldenpathError(message, remedy=remedy, exit_code=ExitCode.DESTINATION) from error
    try:
        staging.chmod(0o755)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move(staging: Path, destination: Path) -> None:
    """Move the finished service into place; an empty folder that exists stays the same folder: a shell may be in it."""
    if destination.is_dir():
        check_destination(destination)
        for entry in sorted(staging.iterdir()):
            entry.rename(destination / entry.name)
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(destination)
