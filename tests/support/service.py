"""Installs and runs a generated service the way its owner would, without a container."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.tools import missing, tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.client import HTTPMessage

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goldenpath-tests" / "venvs"
PYTHON = "3.13"


def _interpreter() -> str:
    """Return an interpreter that generated services run on, or skip the running test by name."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for candidate in sorted(versions.glob(f"{PYTHON}.*/bin/python")):
        return str(candidate)
    command = [tool("uv"), "python", "find", "--no-python-downloads", f">={PYTHON}"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        missing(f"Python {PYTHON}")
    return found.stdout.strip()


def install(service: Path) -> Path:
    """Install a service's dependencies, once for each distinct pyproject.toml, and return the programs' folder."""
    key = hashlib.sha256((service / "pyproject.toml").read_bytes()).hexdigest()[:16]
    target = CACHE / key
    CACHE.mkdir(parents=True, exist_ok=True)
    python = _interpreter()
    with (CACHE / f"{key}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not (target / "complete").exists():
            environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(target)}
            command = [tool("uv"), "sync", "--quiet", "--python", python]
            done = subprocess.run(command, cwd=service, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            (target / "complete").touch()
    return target / "bin"


@dataclass(frozen=True)
class RunningService:
    """A process of the service."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str, headers: Mapping[str, str] | None = None, timeout: float = 10) -> tuple[int, str]:
        """Return status and body of a request, whatever the status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> tuple[int, HTTPMessage, str]:
        """Return status, headers and body of a request, without following a redirect."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def log_lines(self, request_id: str, count: int) -> list[dict[str, Any]]:
        """Wait until the log has `count` lines about a request, and return them.

        Raises:
            TimeoutError: It has another number of them.
        """
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            lines = [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line[-1] == "\n"]
            found = [line for line in lines if line.get("request_id") == request_id]
            if len(found) == count:
                return found
            time.sleep(0.05)
        message = f"not {count} lines about {request_id}:\n{self.log.read_text()}"
        raise TimeoutError(message)

    def wait_for(self, path: str, status: int = 200, timeout: float = 20) -> float:
        """Wait until a path answers with `status`, and return the seconds that this took.

        Raises:
            TimeoutError: It never did; the message holds the logs.
        """
        started = time.monotonic()
        last: object = None
        while time.monotonic() - started < timeout:
            try:
                last = self.get(path)
            except OSError as error:
                last = error
            else:
                if last[0] == status:
                    return time.monotonic() - started
            time.sleep(0.05)
        message = f"{path} did not answer {status} within {timeout} s, last: {last}\n{self.log.read_text()}"
        raise TimeoutError(message)


@contextlib.contextmanager
def running_service(service: Path, log: Path, *, module: str = "app", **variables: str) -> Iterator[RunningService]:
    """Run `python -m MODULE` for the time of a `with` block, from the moment in which it answers.

    Args:
        service: The rendered repository.
        log: File for everything that it prints.
        module: Module that starts the service.
        variables: Variables of its environment.

    Yields:
        The running service.
    """
    python = install(service) / "python"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), **variables}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), "-m", module], cwd=service, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    running = RunningService(process, port, log)
    try:
        running.wait_for("/health")
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
