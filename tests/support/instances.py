"""What the stand-ins for platforms share: processes of a service, and a command line that asks the test what to do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from support.service import install

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

READY_SECONDS = 20


@dataclass
class Instance:
    """A running process of the service."""

    process: subprocess.Popen[bytes]
    port: int

    def stop(self) -> None:
        """Let it finish what it has begun."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


def start_instance(service: Path, folder: Path, module: str, variables: Mapping[str, str]) -> Instance | None:
    """Start `python -m MODULE` and wait until it is ready.

    Args:
        service: The rendered repository whose code runs.
        folder: For its log.
        module: Module that starts the service.
        variables: Variables of its environment, besides PATH and PORT.

    Returns:
        The instance, or nothing when it does not get ready.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(install(service) / "python"), "-m", module],
            cwd=service,
            env={"PATH": os.environ["PATH"], **variables, "PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    instance = Instance(process, port)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return instance
    instance.kill()
    return None


class CommandLine:
    """Programs whose every call is answered by a function of the test."""

    def __init__(self, answer: Callable[[list[str]], tuple[bool, str]]) -> None:
        """Start to answer.

        Args:
            answer: Takes the program's name and arguments, and returns whether it worked and what it prints.
        """

        class Control(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                words = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                works, text = answer(words)
                body = text.encode()
                self.send_response(200 if works else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Control)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def script(self, name: str) -> str:
        """Return the shell text of the program `name`."""
        url = f"http://127.0.0.1:{self._server.server_port}"
        ask = f"curl --silent --fail-with-body --data @- {url}"
        return f"jq -cn --args '$ARGS.positional' -- {name} \"$@\" | {ask}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
