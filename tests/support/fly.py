"""A stand-in for Fly.io that runs what is deployed: real processes of a service behind an edge, replaced one by one."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import threading
import time
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from support.edge import Edge
from support.service import install

if TYPE_CHECKING:
    from pathlib import Path

READY_SECONDS = 20


@dataclass
class _Instance:
    process: subprocess.Popen[bytes]
    port: int


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
        self._instances: list[_Instance] = []
        platform = self

        class Control(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                words = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = platform.command(words)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
        threading.Thread(target=self._control.serve_forever, daemon=True).start()

    @property
    def flyctl(self) -> str:
        """Shell text of the command line."""
        url = f"http://127.0.0.1:{self._control.server_port}"
        return f"jq -cn --args '$ARGS.positional' -- \"$@\" | curl --silent --fail --data @- {url}"

    @property
    def live(self) -> str:
        """The commit that has the traffic."""
        complete = [release for release in self.releases if release["Status"] == "complete"]
        return str(complete[-1]["commit"]) if complete else ""

    def command(self, words: list[str]) -> tuple[int, Any]:
        """Do what one call of the command line asks for, and return an HTTP status and its output."""
        if words[0] == "releases":
            return 200, self.releases
        if words[0] != "deploy":
            return 400, f"unknown command {words[0]}"
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
        return (200, "deployed") if works else (500, "the release failed")

    def close(self) -> None:
        """End everything."""
        self._control.shutdown()
        self._control.server_close()
        self.edge.close()
        for instance in self._instances:
            instance.process.kill()
            instance.process.wait()

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
        for _ in range(2):
            fresh = self._start(commit)
            if fresh is None:
                return False
            old = self._instances.pop(0) if len(self._instances) >= 2 else None
            self._instances.append(fresh)
            self.edge.route({instance.port: 1 for instance in self._instances})
            if old:
                old.process.send_signal(signal.SIGTERM)
                old.process.wait(timeout=30)
        return True

    def _start(self, commit: str) -> _Instance | None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        module = "faulty" if commit in self.faulty else "app"
        variables = {"PATH": os.environ["PATH"], **self._variables, "PORT": str(port), "RELEASE": commit}
        with (self._folder / f"{port}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(install(self._service) / "python"), "-m", module],
                cwd=self._service,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
            else:
                return _Instance(process, port)
        process.kill()
        process.wait()
        return None
