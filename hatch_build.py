"""Puts the template into the wheel: as files to read, and with its tags as a Git bundle to render and update."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateBundle(BuildHookInterface[Any]):
    """Fills `src/goldenpath/_bundled` before a wheel or source archive is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the bundle, unless this is an editable install, which reads the checkout itself.

        Args:
            version: `standard` or `editable`.
            build_data: What the builder packs; the bundle is added to it.

        Raises:
            RuntimeError: The project is neither a Git checkout nor a source archive that holds the bundle.
        """
        if version == "editable":
            return
        root = Path(self.root)
        bundled = root / "src" / "goldenpath" / "_bundled"
        if (root / ".git").exists():
            shutil.rmtree(bundled, ignore_errors=True)
            shutil.copytree(root / "template", bundled / "template")
            shutil.copy(root / "copier.yml", bundled)
            tags = subprocess.run(
                ["git", "tag", "--list", "v*", "--merged", "HEAD"],  # noqa: S607
                cwd=root,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()
            subprocess.run(  # noqa: S603
                ["git", "bundle", "create", "--quiet", str(bundled / "template.bundle"), "HEAD", *tags],  # noqa: S607
                cwd=root,
                check=True,
            )
        elif not (bundled / "template.bundle").is_file():
            message = "Build from a Git checkout, or from the source archive: the template bundle is made from Git."
            raise RuntimeError(message)
        build_data["artifacts"].append("src/goldenpath/_bundled/**")
