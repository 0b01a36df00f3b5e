"""A throw-away PostgreSQL server on the loopback interface, which a test can stop, hang and bring back."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.tools import missing, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = "-c fsync=off -c listen_addresses=127.0.0.1 -c max_connections=60 -c unix_socket_directories="


class PostgresError(AssertionError):
    """A server command failed; the message holds what it printed."""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _binaries() -> Path:
    """Return the folder of the server programs, or skip the running test by name."""
    found = subprocess.run([tool("pg_config"), "--bindir"], capture_output=True, text=True, check=True)
    folder = Path(found.stdout.strip())
    if not (folder / "initdb").exists():
        missing("the PostgreSQL server programs")
    return folder


@dataclass(frozen=True)
class PostgresCluster:
    """A server with its own data folder. Its superuser is `postgres`, with a password."""

    bindir: Path
    data: Path
    port: int
    password: str

    def url(self, dbname: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{dbname}"

    def create(self, dbname: str) -> str:
        """Create an empty database and return its URL."""
        self.psql(f'CREATE DATABASE "{dbname}"')
        return self.url(dbname)

    def psql(self, statement: str, dbname: str = "postgres") -> str:
        """Run one statement and return its unaligned output.

        Raises:
            PostgresError: The server refused it.
        """
        command = [str(self.bindir / "psql"), self.url(dbname), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise PostgresError(done.stderr)
        return done.stdout.strip()

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        options = f"{SETTINGS}{self.data.parent} -p {self.port}"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.data.parent / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def pause(self) -> None:
        """Freeze every process of the server: connections stay open and nothing answers."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    def initialise(self) -> None:
        """Create the data folder."""
        secret = self.data.parent / "password"
        secret.write_text(self.password)
        _give_away(secret)
        self._run(
            "initdb",
            *("-D", str(self.data), "-U", "postgres", f"--pwfile={secret}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        )

    def _processes(self) -> list[int]:
        postmaster = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *(int(child) for child in children)]

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        with tempfile.TemporaryFile("w+") as output:
            # A file, not a pipe: the server would inherit the pipe and keep it open.
            done = subprocess.run(
                [*prefix, str(self.bindir / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                timeout=120,
            )
            if done.returncode != 0:
                output.seek(0)
                raise PostgresError(output.read())


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, "postgres")


@contextlib.contextmanager
def postgres_cluster(tmp: Path | None = None) -> Iterator[PostgresCluster]:
    """Run a server of its own for the time of a `with` block.

    Args:
        tmp: Ignored. The server's files live in a folder that the user `postgres` can reach,
            which the folder of a test is not.

    Yields:
        The running server.
    """
    del tmp
    if os.geteuid() == 0:
        tool("runuser")
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            missing("the user postgres, because the server refuses to run as root")
    bindir = _binaries()
    home = Path(tempfile.mkdtemp(prefix="goldenpath-pg-", dir="/tmp"))
    _give_away(home)
    cluster = PostgresCluster(bindir, home / "data", _free_port(), f"secret-{os.urandom(6).hex()}")
    try:
        cluster.initialise()
        cluster.start()
        yield cluster
    finally:
        deadline = time.monotonic() + 10
        while (cluster.data / "postmaster.pid").exists() and time.monotonic() < deadline:
            with contextlib.suppress(PostgresError, OSError, ValueError):
                cluster.resume()
                cluster.stop()
        shutil.rmtree(home, ignore_errors=True)
