"""Errors that a person caused or can mend: each says what is wrong and what to do, and carries the exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | a defect in goldenpath itself |
| 2 | wrong usage or a refused answer |
| 3 | the destination is not empty |
| 4 | a program that is needed (Git) is missing |
| 5 | the service was written, but its lock file could not be made |
| 6 | the template could not be fetched |
| 7 | the service could not be written |
| 8 | the service was written, but the first commit failed |
| 130 | interrupted |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    DESTINATION = 3
    TOOL_MISSING = 4
    LOCK_MISSING = 5
    TEMPLATE = 6
    GENERATION = 7
    COMMIT_FAILED = 8
    INTERRUPTED = 130


class GoldenpathError(Exception):
    """A problem that ends the command with a message on stderr.

    Args:
        message: What is wrong, in one sentence.
        remedy: What to do about it.
        exit_code: What the process exits with.
    """

    def __init__(self, message: str, *, remedy: str = "", exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return the message followed by the remedy."""
        return f"{self.message} {self.remedy}".strip()


@dataclass(frozen=True, slots=True)
class UsageProblem:
    """One refused answer or option.

    Args:
        field: The answer's or option's name, as the person wrote it.
        value: The refused value; `None` when there was none.
        problem: What is wrong with it.
        remedy: What to write instead.
    """

    field: str
    value: Any
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return one line that names the field, the value, the problem and the remedy."""
        value = "" if self.value is None else f" = {self.value!r}"
        return f"{self.field}{value}: {self.problem} {self.remedy}".strip()


class UsageProblems(GoldenpathError):  # noqa: N818 - reads as what it holds
    """All the refused answers of one command at once.

    Args:
        problems: At least one problem.
    """

    def __init__(self, problems: Sequence[UsageProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), exit_code=ExitCode.USAGE)
        self.problems = tuple(problems)


class Interrupted(GoldenpathError):  # noqa: N818 - the person's doing, not an error
    """The person stopped the command; nothing was written."""

    def __init__(self) -> None:
        super().__init__("Stopped; nothing was written.", exit_code=ExitCode.INTERRUPTED)
