"""Finds the programs that only some machines have: missing ones skip a test by name, and fail it in CI."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def tool(name: str, *, path: str | None = None) -> str:
    """Return the path of a program, or skip the test that asked for it.

    Args:
        name: The program's name, as typed in a shell.
        path: Search path to use instead of `PATH`; the running interpreter's own folder always comes first.

    Returns:
        The program's absolute path.
    """
    folders = [str(Path(sys.executable).parent), path or os.environ.get("PATH", "")]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        missing(name)
    assert found is not None
    return found


def missing(what: str) -> None:
    """Skip the running test for want of `what`, or fail it where everything must be there (`CI=true`)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"needs {what}")
