"""A stand-in for Cloud Run and Artifact Registry that runs what is deployed and shares the traffic out by weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.instances import CommandLine
from support.revisions import Revisions, digest

if TYPE_CHECKING:
    from pathlib import Path

    from support.revisions import Revision

NAME = "order-api"
FIRST_IMAGE = "us-docker.pkg.dev/cloudrun/container/hello"


class CloudRun(Revisions):
    """What `gcloud` and `docker` talk to: one service, as Terraform left it before the first deploy."""

    def __init__(self, service: Path, folder: Path, **variables: str) -> None:
        """Start with a service that nothing of ours was deployed to.

        Args:
            service: The rendered repository whose code runs.
            folder: For the logs of the instances.
            variables: Environment of every instance.
        """
        super().__init__(service, folder, **variables)
        self._tags: dict[str, str] = {}
        self._to_latest = True
        self._job_images: dict[str, str] = {}
        self._commands = CommandLine(self.command)
        self.place(f"{NAME}-00001-abc", FIRST_IMAGE)

    def script(self, program: str) -> str:
        """Return the shell text of `gcloud` or `docker`."""
        return self._commands.script(program)

    def close(self) -> None:
        """End everything."""
        self._commands.close()
        super().close()

    def command(self, words: list[str]) -> tuple[bool, str]:  # noqa: PLR0911 - one for each command
        """Do what one call of a command line asks for, and return whether it worked and its output."""
        program, *words = words
        if program == "docker":
            return self.publish(words)
        plain = [word for word in words if not word.startswith("-")]
        options = dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("-"))
        assert options.pop("project") == "acme", words
        options.pop("quiet")
        match plain:
            case ["artifacts", "docker", "tags", "list", image]:
                return True, json.dumps(self._images(image))
            case ["run", "services", "describe", name] if name == NAME:
                return True, json.dumps(self._described())
            case ["run", "revisions", "list"] if options["service"] == NAME:
                return True, json.dumps([self._listed(revision) for revision in self.revisions])
            case ["run", "services", "update", name] if name == NAME:
                return self._deploy(options)
            case ["run", "services", "update-traffic", name] if name == NAME:
                return self._move(options)
            case ["run", "jobs", "update", name]:
                self._job_images[name] = options["image"]
                return True, ""
            case ["run", "jobs", "execute", name] if "wait" in options:
                assert self.commit_of(self._job_images[name]) == self.published[-1][1]
                return self.migrate(), "the job has ended"
        return False, f"unknown command {words}"

    def _images(self, image: str) -> list[dict[str, str]]:
        repository = image.rpartition("/")[2]
        return [
            {"tag": f"{image}/tags/{commit}", "version": f"{image}/versions/{digest(f'{repository}:{commit}')}"}
            for found, commit in self.published
            if found == repository
        ]

    def _described(self) -> dict[str, Any]:
        ready = [revision.name for revision in self.revisions if revision.ready]
        traffic: list[dict[str, Any]] = [
            {"revisionName": name, "percent": weight} | ({"latestRevision": True} if self._to_latest else {})
            for name, weight in self.weights.items()
        ]
        traffic += [
            {"revisionName": name, "tag": tag, "url": self.named(name).edge.url} for tag, name in self._tags.items()
        ]
        names = {"latestCreatedRevisionName": self.revisions[-1].name, "latestReadyRevisionName": ready[-1]}
        return {"status": {**names, "url": self.edge.url, "traffic": traffic}}

    @staticmethod
    def _listed(revision: Revision) -> dict[str, Any]:
        return {
            "metadata": {
                "name": revision.name,
                "creationTimestamp": f"2026-11-01T00:{revision.number:02d}:00.000000Z",
            },
            "spec": {"containers": [{"image": revision.image}]},
            "status": {"conditions": [{"type": "Ready", "status": "True" if revision.ready else "False"}]},
        }

    def _deploy(self, options: dict[str, str]) -> tuple[bool, str]:
        assert "no-traffic" in options, options
        # From now on the traffic stays where it is.
        self._to_latest = False
        fresh = self.start(f"{NAME}-{len(self.revisions) + 1:05d}-abc", options["image"])
        if not fresh.ready:
            return False, "The user-provided container failed to start and listen on the port"
        self._tags[options["tag"]] = fresh.name
        return True, "deployed"

    def _move(self, options: dict[str, str]) -> tuple[bool, str]:
        options.pop("region")
        match options:
            case {"update-tags": tags}:
                tag, _, name = tags.partition("=")
                self._tags[tag] = self.named(name).name
            case {"to-latest": _}:
                self._to_latest = True
                self.share({[revision.name for revision in self.revisions if revision.ready][-1]: 100})
            case {"to-revisions": target}:
                self._to_latest = False
                name, _, percent = target.partition("=")
                self.share(self._rest({self.named(name).name: int(percent)}))
            case _:
                return False, f"unknown options {options}"
        return True, ""

    def _rest(self, weights: dict[str, int]) -> dict[str, int]:
        """Leave what is left to the others, in proportion to what they had."""
        others = {name: weight for name, weight in self.weights.items() if name not in weights}
        left, total = 100 - sum(weights.values()), sum(others.values())
        return weights | {name: left * weight // total for name, weight in others.items() if total}
