"""A stand-in for Fly.io that runs what is deployed: real processes of a service behind an edge, replaced one by one."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

from support.edge import Edge
from support.instances import CommandLine, Instance, start_instance
from support.service import install

if TYPE_CHECKING:
    from pathlib import Path


class FlyPlatform:
    """What `flyctl` talks to."""

    def __init__(self, service: Path, folder: Path, **variables: str) -> None:
        """Start with nothing deployed.

        Args:
            service: The rendered repository whose code runs.
            folder: For the logs of the instances.
            variables: Environment of every instance.
        """
        folder.mkdir()
        self._service, self._folder, self._variables = service, folder, variables
        self.edge = Edge()
        self.faulty: set[str] = set()
        """Commits that start `faulty` instead of `app`."""
        self.releases: list[dict[str, Any]] = []
        self._instances: list[Instance] = []
        self._commands = CommandLine(self.command)

    @property
    def flyctl(self) -> str:
        """Shell text of the command line."""
        return self._commands.script("flyctl")

    @property
    def live(self) -> str:
        """The commit that has the traffic."""
        complete = [release for release in self.releases if release["Status"] == "complete"]
        return str(complete[-1]["commit"]) if complete else ""

    def command(self, words: list[str]) -> tuple[bool, str]:
        """Do what one call of the command line asks for, and return whether it worked and its output."""
        if words[1] == "releases":
            return True, json.dumps(self.releases)
        if words[1] != "deploy":
            return False, f"unknown command {words[1]}"
        commit = next(word.removeprefix("RELEASE=") for word in words if word.startswith("RELEASE="))
        works = ("--skip-release-command" in words or self._prepare()) and self._roll(commit)
        self.releases.append(
            {
                "Version": len(self.releases) + 1,
                "Status": "complete" if works else "failed",
                "ImageRef": f"registry.fly.io/order-api:{commit}@sha256:0",
                "commit": commit,
            }
        )
        return (True, "deployed") if works else (False, "the release failed")

    def close(self) -> None:
        """End everything."""
        self._commands.close()
        self.edge.close()
        for instance in self._instances:
            instance.kill()

    def _prepare(self) -> bool:
        """Run the release command of fly.toml in the new version, before any of its machines starts."""
        settings = tomllib.loads((self._service / "fly.toml").read_text())
        program, *words = shlex.split(settings["deploy"].get("release_command", "python -c pass"))
        with (self._folder / "release.log").open("ab") as log:
            done = subprocess.run(
                [str(install(self._service) / program), *words],
                cwd=self._service,
                env={"PATH": os.environ["PATH"], **self._variables},
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return done.returncode == 0

    def _roll(self, commit: str) -> bool:
        """Replace two machines one by one: the new one has to be ready before the old one is told to stop."""
        module = "faulty" if commit in self.faulty else "app"
        for _ in range(2):
            fresh = start_instance(self._service, self._folder, module, {**self._variables, "RELEASE": commit})
            if fresh is None:
                return False
            old = self._instances.pop(0) if len(self._instances) >= 2 else None
            self._instances.append(fresh)
            self.edge.route({instance.port: 1 for instance in self._instances})
            if old:
                old.stop()
        return True
