"""Runs a generated service's ops scripts against stand-ins for the platforms."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.render import rendered
from support.tools import tool

Answer = tuple[int, Any]
Handler = Callable[[str, str, Any], Answer]


class Api:
    """An HTTP server that records requests and answers what the test says."""

    def __init__(self) -> None:
        """Start on a free port; every request gets 404 until `answer` is replaced."""
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.authorizations: set[str | None] = set()
        self.answer: Handler = lambda _method, _path, _body: (404, {"message": "not found"})
        outer = self

        class Server(BaseHTTPRequestHandler):
            def respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                parts = urlsplit(self.path)
                outer.authorizations.add(self.headers.get("Authorization"))
                outer.requests.append((self.command, parts.path, dict(parse_qsl(parts.query)), body))
                status, answer = outer.answer(self.command, parts.path, body)
                headers = answer.pop("headers", {}) if isinstance(answer, dict) else {}
                content = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = respond  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def changes(self) -> list[tuple[str, str, Any]]:
        """Return every request that is not a plain read, as method, path and body."""
        return [(method, path, body) for method, path, _, body in self.requests if method != "GET"]


class Service:
    """A generated repository with a commit, whose scripts run with stub programs first on PATH."""

    def __init__(self, rendered_service: Path, root: Path, bin_dir: Path) -> None:
        """Copy and commit the service.

        Args:
            rendered_service: What the template made of the answers.
            root: Where to put the copy.
            bin_dir: Folder for stub programs.
        """
        self.root = Path(shutil.copytree(rendered_service, root))
        self.bin = bin_dir
        self.bin.mkdir()
        self.log = bin_dir / "calls.log"
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "first"]):
            subprocess.run([tool("git"), "-C", str(self.root), *words], check=True, capture_output=True)
        head = subprocess.run(
            [tool("git"), "-C", str(self.root), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        )
        self.head = head.stdout.strip()

    def stub(self, name: str, script: str) -> None:
        """Put a shell script on PATH that records its arguments, one call a line, before it runs `script`."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.log}"\n{script}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        """Return the recorded calls of all stubs."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script of `ops/` with nothing in its environment but PATH and `variables`."""
        path = variables.pop("PATH", os.environ["PATH"])
        environment = {"PATH": f"{self.bin}:{path}", "HOME": str(self.bin), "POLL_SECONDS": "0.05", **variables}
        script, *arguments = words
        return subprocess.run(
            [str(self.root / "ops" / script), *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def path_without(self, *missing: str) -> str:
        """Return a PATH on which every program that the scripts use exists, but `missing` do not."""
        folder = self.bin / f"without-{'-'.join(missing)}"
        folder.mkdir()
        for name in {"sh", "sed", "git", "curl", "jq", "date", "sleep", "dirname", "grep", "tr"} - set(missing):
            (folder / name).symlink_to(str(shutil.which(name)))
        self.bin = folder
        return str(folder)


@pytest.fixture
def api() -> Iterator[Api]:
    """Give a fresh stand-in for a platform's API."""
    running = Api()
    yield running
    running.server.shutdown()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Service]:
    """Give a function that generates a service from answers."""
    # What the scripts are written with.
    tool("curl")
    tool("jq")

    def service(**answers: Any) -> Service:  # noqa: ANN401
        rendered_service = rendered(service_name="order-api", **answers)
        return Service(rendered_service, tmp_path / "service", tmp_path / "bin")

    return service


@pytest.fixture
def operations() -> Callable[[Api], list[str]]:
    """Give a function that returns how recorded requests break Render's published API description."""
    import jsonschema  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with check-jsonschema

    known = json.loads((Path(__file__).parents[1] / "schemas" / "render-api.json").read_text())["operations"]

    def problems(api: Api) -> list[str]:
        found = []
        for method, path, query, body in api.requests:
            entry = next(
                (
                    entry
                    for entry in known
                    if entry["method"] == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", entry["path"]), path)
                ),
                None,
            )
            if entry is None:
                found.append(f"{method} {path} does not exist")
                continue
            found += [f"{method} {path} has no parameter {name}" for name in query if name not in entry["query"]]
            if "body" in entry:
                validator = jsonschema.Draft202012Validator(entry["body"])
                found += [f"{method} {path}: {error.message}" for error in validator.iter_errors(body)]
        return found

    return problems
