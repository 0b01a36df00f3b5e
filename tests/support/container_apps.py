"""A stand-in for Container Apps and its registry that runs what is deployed and shares the traffic out by weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.instances import CommandLine
from support.revisions import Revisions, digest
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

    from support.revisions import Revision

NAME = "order-api"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
FIRST_IMAGE = "mcr.microsoft.com/k8se/quickstart:latest"


class ContainerApps(Revisions):
    """What `az` and `docker` talk to: one container app, as Terraform left it before the first deploy.

    A revision's own address is https. `curl` is the text of a curl that says https and speaks plain HTTP to it.
    """

    https = True

    @staticmethod
    def curl() -> str:
        """Return the shell text of `curl`."""
        return f"""for word; do
    shift
    case $word in
    https://127.0.0.1:*) set -- "$@" --header 'X-Forwarded-Proto: https' "http://${{word#https://}}" ;;
    *) set -- "$@" "$word" ;;
    esac
done
exec {tool("curl")} "$@"
"""

    def __init__(self, service: Path, folder: Path, **variables: str) -> None:
        """Start with an app that nothing of ours was deployed to.

        Args:
            service: The rendered repository whose code runs.
            folder: For the logs of the instances.
            variables: Environment of every instance.
        """
        super().__init__(service, folder, **variables)
        self._tags: dict[str, str] = {}
        self._jobs: dict[str, str] = {}
        self._commands = CommandLine(self.command)
        self.place(f"{NAME}--0000001", FIRST_IMAGE)

    def script(self, program: str) -> str:
        """Return the shell text of `az` or `docker`."""
        return self._commands.script(program)

    def close(self) -> None:
        """End everything."""
        self._commands.close()
        super().close()

    def command(self, words: list[str]) -> tuple[bool, str]:
        """Do what one call of a command line asks for, and return whether it worked and its output."""
        program, *words = words
        if program == "docker":
            return self.publish(words)
        first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
        options = self._options(words[first:])
        assert options.pop("subscription") == [SUBSCRIPTION], words
        works, answer = self._answer(" ".join(words[:first]), options)
        match options.get("output"):
            case ["none"]:
                return works, ""
            case ["tsv"]:
                return works, str(answer)
        return works, json.dumps(answer)

    @staticmethod
    def _options(words: list[str]) -> dict[str, list[str]]:
        options: dict[str, list[str]] = {}
        values: list[str] = []
        for word in words:
            if word.startswith("--"):
                values = options.setdefault(word.removeprefix("--"), [])
            else:
                values.append(word)
        return options

    def _answer(  # noqa: PLR0911 - one for each command
        self, command: str, options: dict[str, list[str]]
    ) -> tuple[bool, Any]:
        match command:
            case "account show" | "acr login":
                return True, {}
            case "acr repository show":
                return self._image(options["image"][0])
            case "containerapp show":
                traffic = [{"revisionName": name, "weight": weight} for name, weight in self.weights.items()]
                return True, {"tags": self._tags, "properties": {"configuration": {"ingress": {"traffic": traffic}}}}
            case "containerapp revision list":
                return True, [self._listed(revision) for revision in self.revisions]
            case "containerapp update":
                (release,) = options["set-env-vars"]
                fresh = self.start(f"{NAME}--{len(self.revisions) + 1:07d}", options["image"][0])
                assert release == f"RELEASE={fresh.commit}"
                return True, {}
            case "containerapp revision activate":
                revision = self.named(options["revision"][0])
                assert revision.instance is None
                self.run(revision)
                return True, {}
            case "containerapp revision deactivate":
                return self._deactivate(self.named(options["revision"][0])), {}
            case "containerapp ingress traffic set":
                weights = dict(word.split("=") for word in options["revision-weight"])
                self.share({name: int(weight) for name, weight in weights.items()})
                return True, {}
            case "tag update":
                assert options["operation"] == ["Merge"]
                self._tags |= dict(word.split("=", 1) for word in options["tags"])
                return True, {}
        return self._job(command, options)

    def _job(self, command: str, options: dict[str, list[str]]) -> tuple[bool, Any]:
        match command:
            case "containerapp job show":
                return True, {}
            case "containerapp job update":
                self._jobs[options["name"][0]] = options["image"][0]
                return True, {}
            case "containerapp job start":
                assert self.commit_of(self._jobs["migrate"]) == self.published[-1][1]
                return True, "migrate-1"
            case "containerapp job execution show":
                return True, "Succeeded" if self.migrate() else "Failed"
        return False, f"unknown command {command}"

    def _image(self, image: str) -> tuple[bool, str]:
        if tuple(image.split(":")) in self.published:
            return True, digest(image)
        return False, f"ERROR: manifest tagged by '{image}' is not found."

    @staticmethod
    def _listed(revision: Revision) -> dict[str, Any]:
        return {
            "name": revision.name,
            "properties": {
                "createdTime": f"2026-11-01T00:{revision.number:02d}:00+00:00",
                "fqdn": revision.edge.url.removeprefix("http://"),
                "active": revision.active,
                "healthState": "Healthy" if revision.ready else "Unhealthy",
                "runningState": "Running" if revision.ready else "Failed",
                "provisioningState": "Provisioned",
                "template": {
                    "containers": [{"image": revision.image, "env": [{"name": "RELEASE", "value": revision.commit}]}]
                },
            },
        }

    def _deactivate(self, revision: Revision) -> bool:
        assert revision.name not in self.weights, f"{revision.name} has traffic"
        revision.active = False
        if revision.instance:
            revision.instance.stop()
            revision.instance = None
        return True
