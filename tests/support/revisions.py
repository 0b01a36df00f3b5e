"""What Cloud Run and Container Apps have in common: revisions of a service that share the traffic."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.edge import RequestEdge
from support.instances import Instance, start_instance
from support.service import install

if TYPE_CHECKING:
    from pathlib import Path

# What the first image answers, which Terraform starts: a page at every path.
PLACEHOLDER = """
import http.server, socket, sys


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Hello</html>")


listener = socket.socket(fileno=int(sys.argv[1]))
server = http.server.ThreadingHTTPServer(listener.getsockname(), Page, bind_and_activate=False)
server.socket = listener
server.serve_forever()
"""


def digest(image: str) -> str:
    """Return the digest of an image such as `order-api:COMMIT`."""
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


@dataclass
class Revision:
    """A version of the service as the platform keeps it."""

    name: str
    image: str
    commit: str
    number: int
    instance: Instance | None
    edge: RequestEdge
    """Its own address."""
    active: bool = True
    """Whether it is meant to run."""

    @property
    def ready(self) -> bool:
        """Whether it serves."""
        return self.instance is not None


class Revisions:
    """A registry, the revisions that were deployed from it, and a public edge that shares out the traffic."""

    https = False
    """Whether a revision's own address is https."""

    def __init__(self, service: Path, folder: Path, **variables: str) -> None:
        """Start with nothing deployed.

        Args:
            service: The rendered repository whose code runs.
            folder: For the logs of the instances.
            variables: Environment of every instance.
        """
        folder.mkdir()
        self.service, self.variables = service, variables
        self._folder = folder
        self.edge = RequestEdge()
        self.faulty: set[str] = set()
        """Commits that start `faulty` instead of `app`."""
        self.published: list[tuple[str, str]] = []
        """What is in the registry, as repository and commit."""
        self.revisions: list[Revision] = []
        self.weights: dict[str, int] = {}
        """Share of the traffic by name of the revision."""
        self.steps: list[dict[str, int]] = []
        """What the shares of the traffic changed to, each time, by commit."""

    @property
    def live(self) -> str:
        """The commit that has all of the traffic, or nothing when several share it."""
        found = self.traffic()
        return next(iter(found)) if len(found) == 1 else ""

    def traffic(self) -> dict[str, int]:
        """Return the share of each commit that has one."""
        shares: dict[str, int] = {}
        for name, weight in self.weights.items():
            commit = self.named(name).commit
            shares[commit] = shares.get(commit, 0) + weight
        return shares

    def named(self, name: str) -> Revision:
        """Return a revision."""
        return next(revision for revision in self.revisions if revision.name == name)

    def commit_of(self, image: str) -> str:
        """Return the commit that an image REPOSITORY@DIGEST was built from."""
        return next(commit for repository, commit in self.published if image.endswith(digest(f"{repository}:{commit}")))

    def publish(self, words: list[str]) -> tuple[bool, str]:
        """Take what `docker buildx build --push` builds."""
        if "buildx" in words:
            image = next(
                word.removeprefix("--tag=") if word.startswith("--tag=") else words[at + 1]
                for at, word in enumerate(words)
                if word.startswith("--tag")
            )
            repository, _, commit = image.rpartition("/")[2].partition(":")
            self.published.append((repository, commit))
        return True, ""

    def place(self, name: str, image: str) -> None:
        """Let the page that Terraform starts have all of the traffic."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            process = subprocess.Popen(
                [sys.executable, "-c", PLACEHOLDER, str(server.fileno())],
                pass_fds=[server.fileno()],
                stderr=subprocess.DEVNULL,
            )
            instance = Instance(process, server.getsockname()[1])
        self.revisions.append(Revision(name, image, "", 1, instance, RequestEdge(https=self.https)))
        self.share({name: 100})

    def start(self, name: str, image: str) -> Revision:
        """Start a revision; whether it got ready is for the caller to see."""
        commit = self.commit_of(image)
        edge = RequestEdge(https=self.https)
        revision = Revision(name, image, commit, len(self.revisions) + 1, None, edge)
        self.revisions.append(revision)
        self.run(revision)
        return revision

    def run(self, revision: Revision) -> None:
        """Let a revision that does not run run."""
        module = "faulty" if revision.commit in self.faulty else "app"
        variables = {**self.variables, "RELEASE": revision.commit}
        revision.active = True
        revision.instance = start_instance(self.service, self._folder, module, variables)
        if revision.instance:
            revision.edge.route({revision.instance.port: 1})

    def migrate(self) -> bool:
        """Run the migrations, and return whether they worked."""
        done = subprocess.run(
            [str(install(self.service) / "alembic"), "upgrade", "head"],
            cwd=self.service,
            env={"PATH": os.environ["PATH"], **self.variables},
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def share(self, weights: dict[str, int]) -> None:
        """Share out the traffic by name of the revision."""
        assert sum(weights.values()) == 100, weights
        before = self.traffic()
        self.weights = {name: weight for name, weight in weights.items() if weight}
        if self.traffic() != before:
            self.steps.append(self.traffic())
        ports = {}
        for name, weight in self.weights.items():
            instance = self.named(name).instance
            assert instance, f"{name} does not run"
            ports[instance.port] = weight
        self.edge.route(ports)

    def close(self) -> None:
        """End everything."""
        self.edge.close()
        for revision in self.revisions:
            revision.edge.close()
            if revision.instance:
                revision.instance.kill()
