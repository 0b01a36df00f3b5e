"""Says which files a service receives and which layer brings each, without rendering anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FLAG = re.compile(r"\{\{ (\w+) \}\}")
_ANSWERS_FILE = "{{ _copier_conf.answers_file }}"


@dataclass(frozen=True, slots=True)
class LayerFile:
    """One file of a service.

    Args:
        path: Its path in the service, with forward slashes.
        component: The component that brings it, such as `container`; empty for Copier's answers file.
        choices: The choices it depends on, outermost first, such as `("render", "postgres")`.
    """

    path: str
    component: str
    choices: tuple[str, ...]

    @property
    def why(self) -> str:
        """What the file is there for, in a few words."""
        if not self.component:
            return "answers, for updates"
        return self.component + (f", for {' and '.join(self.choices)}" if self.choices else "")


def layer_files(template: Path, values: Mapping[str, Any]) -> list[LayerFile]:
    """List the files that a template writes for one set of answers.

    Args:
        template: The folder that holds `copier.yml` and `template/`.
        values: Every answer and computed value by name; the flags among them are `.` (in) or empty (out).

    Returns:
        The files, sorted by path. A path that two layers bring is there twice.
    """
    return sorted(_walk(template / "template" / "layers", "", (), values), key=lambda file: file.path)


def _walk(folder: Path, prefix: str, flags: tuple[str, ...], values: Mapping[str, Any]) -> Iterator[LayerFile]:
    for entry in folder.iterdir():
        flag = _FLAG.fullmatch(entry.name)
        if flag is not None:
            if values[flag[1]]:
                yield from _walk(entry, prefix, (*flags, flag[1].removeprefix("at_")), values)
        elif entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/", flags, values)
        else:
            name = entry.name.replace(_ANSWERS_FILE, ".copier-answers.yml").removesuffix(".jinja")
            yield LayerFile(prefix + name, flags[0] if flags else "", flags[1:])
