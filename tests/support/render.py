"""Renders the template as it stands in the working tree, as a stranger's Copier would: no trust, no unknown keys."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from copier import Settings, run_copy

ROOT = Path(__file__).resolve().parents[2]
STALE_SECONDS = 86400
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


@functools.cache
def _trees() -> Path:
    """Return the folder for trees of the template as it stands: another state of it, or of Copier, has another one."""
    digest = hashlib.sha256(version("copier").encode())
    for path in sorted([ROOT / "copier.yml", *(ROOT / "template").rglob("*")]):
        if path.is_file():
            digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_mode}\0".encode() + path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"goldenpath-trees-{os.getuid()}"
    current = folder / digest.hexdigest()[:16]
    current.mkdir(parents=True, exist_ok=True)
    for other in folder.iterdir():
        if other != current and time.time() - other.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
    return current


def rendered(**answers: Any) -> Path:  # noqa: ANN401
    """Return a tree for tests that only read: rendered once for all test processes, and for later runs.

    Args:
        answers: As for `render`.

    Returns:
        A folder that nobody may change; copy it to change it.
    """
    key = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()[:16]
    target = _trees() / key
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=_trees()) as temporary:
            tree = render(Path(temporary) / "service", **answers)
            # Another process may have been faster: its tree is the same.
            with contextlib.suppress(OSError):
                tree.rename(target)
    return target
