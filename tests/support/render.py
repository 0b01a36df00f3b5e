"""Renders the template as it stands in the working tree, as a stranger's Copier would: no trust, no unknown keys."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from copier import Settings, run_copy

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]
QUESTION_FILES = sorted((ROOT / "template" / "questions").glob("*.yml"))


class _Loader(yaml.SafeLoader):
    """Reads question files without following their includes."""


_Loader.add_constructor("!include", lambda _loader, node: node.value)


@functools.cache
def questions() -> dict[str, dict[str, Any]]:
    """Return every question of the template by name, in file order, includes left as their path."""
    found: dict[str, dict[str, Any]] = {}
    for line in (ROOT / "copier.yml").read_text().splitlines():
        if line.startswith("!include "):
            found |= yaml.load((ROOT / line.removeprefix("!include ")).read_text(), _Loader)
    return found


@functools.cache
def template_dir() -> Path:
    """Return a plain copy of the template, which Copier renders without cloning anything."""
    target = Path(tempfile.mkdtemp(prefix="goldenpath-template-"))
    shutil.copy(ROOT / "copier.yml", target)
    shutil.copytree(ROOT / "template", target / "template")
    return target


def render(destination: Path, **answers: Any) -> Path:  # noqa: ANN401
    """Render a service into `destination` and return it.

    Args:
        destination: A folder that does not exist or is empty.
        answers: Answers by question name; what is missing takes its default.

    Returns:
        `destination`.

    Raises:
        KeyError: An answer names no question, or a computed one.
        ValueError: Copier refused an answer.
    """
    for name in answers:
        if questions()[name].get("when") is False:
            message = f"{name} is computed and cannot be answered"
            raise KeyError(message)
    run_copy(
        str(template_dir()),
        destination,
        data=answers,
        settings=Settings(),
        defaults=True,
        quiet=True,
        unsafe=False,
    )
    return destination


def shared(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder that all processes of this test run have in common."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


def rendered(factory: pytest.TempPathFactory, **answers: Any) -> Path:  # noqa: ANN401
    """Return a service that is rendered once for all tests of this run, so it must be left as it is."""
    key = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()[:16]
    service = shared(factory, "rendered") / key
    if not service.exists():
        own = render(factory.mktemp("own") / "service", **answers)
        try:
            own.rename(service)
        except OSError:
            # Another process was faster. What it rendered is the same.
            shutil.rmtree(own)
    return service
