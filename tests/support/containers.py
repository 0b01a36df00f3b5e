"""Builds and runs the generated images without a Docker daemon, from bases made on this machine.

buildah and podman keep their images in a folder of their own under the user's cache, so that the base is made once. No
registry is asked: the stand-ins carry the names that a generated Dockerfile uses.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from support.render import ROOT
from support.tools import missing, tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goldenpath-tests"
PROGRAMS = ("buildah", "podman", "runc", "catatonit", "mmdebstrap", "uv")
HARDENING = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=256m")

# runc: crun refuses hybrid cgroups. The limits: podman otherwise asks for more open files than a small machine grants.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""
# A Debian with its own Python 3.13 in place of the official image: the same release, no registry.
BASE_PACKAGES = "ca-certificates,netbase,tzdata,python3,python3-venv"
BASE_COMMAND = (
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    f"--include={BASE_PACKAGES}",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--customize-hook=copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs",
    '--customize-hook=for name in python python3; do ln -s /usr/bin/python3 "$1/usr/local/bin/$name"; done',
    "trixie",
)
BASE_CONFIG = (
    "--env=PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "--env=LANG=C.UTF-8",
    "--env=SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
    "--cmd=python3",
)


class CommandError(AssertionError):
    """A container command failed; the message holds what it printed."""


def pins() -> dict[str, str]:
    """Return the versions that generated files share."""
    entry: dict[str, str] = yaml.safe_load((ROOT / "template" / "catalog" / "versions.yml").read_text())[0]
    return entry


def require() -> None:
    """Skip the running test by name where containers cannot be built, and fail it in CI."""
    for program in PROGRAMS:
        tool(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/libexec/podman")
    if os.geteuid() != 0:
        missing("root, to build containers")


def _environment() -> dict[str, str]:
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, text in (("containers.conf", CONTAINERS_CONF), ("storage.conf", STORAGE_CONF.format(folder=CACHE))):
        path = CACHE / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return os.environ | {
        "BUILDAH_ISOLATION": "chroot",
        "BUILDAH_RUNTIME": "runc",
        "CONTAINERS_CONF": str(CACHE / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(CACHE / "storage.conf"),
    }


def call(*command: str, timeout: float = 300) -> str:
    """Run a container command.

    Args:
        command: Program and arguments.
        timeout: Seconds after which the command counts as hung.

    Returns:
        Its standard output, without surrounding blanks.

    Raises:
        CommandError: It failed.
    """
    done = subprocess.run(
        command,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        message = f"{' '.join(command)} failed with {done.returncode}\n{done.stdout}\n{done.stderr}"
        raise CommandError(message)
    return done.stdout.strip()


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Let one process at a time build, whatever the number of test workers."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _exists(image: str) -> bool:
    done = subprocess.run(["podman", "image", "exists", image], env=_environment(), check=False)
    return done.returncode == 0


def _tag_once(name: str, recipe: str, add: Sequence[str], config: Sequence[str]) -> None:
    """Make `name` from files of this machine, unless an image of exactly this recipe is there already."""
    stamp = f"localhost/goldenpath-base:{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if not _exists(stamp):
        container = call("buildah", "from", "scratch")
        try:
            call("buildah", "add", "--quiet", container, *add)
            call("buildah", "config", *config, container)
            call("buildah", "commit", "--quiet", container, stamp)
        finally:
            call("buildah", "rm", container)
    call("buildah", "tag", stamp, name)


def _prepare_bases() -> None:
    call("podman", "image", "prune", "--force", "--filter=until=24h")  # what earlier runs left without a name
    versions = pins()
    uv = tool("uv")
    archive = CACHE / f"base-{hashlib.sha256(repr(BASE_COMMAND).encode()).hexdigest()[:16]}.tar"
    if not archive.exists():
        partial = archive.with_suffix(".partial.tar")
        call(*BASE_COMMAND, str(partial), timeout=900)
        partial.rename(archive)
    _tag_once(
        f"docker.io/library/{versions['python_image']}",
        f"{archive.name} {BASE_CONFIG}",
        [str(archive), "/"],
        BASE_CONFIG,
    )
    found = call(uv, "--version").split()[1]
    _tag_once(f"ghcr.io/astral-sh/uv:{versions['uv']}", f"uv {found}", [uv, "/uv"], ["--cmd=/uv"])


def lock(folder: Path) -> None:
    """Write `uv.lock` for a fresh service with the Python that its image will have.

    Args:
        folder: The repository.

    Raises:
        CommandError: The dependencies do not go together; the message says why.
    """
    with _locked():
        _prepare_bases()
        (CACHE / "uv").mkdir(exist_ok=True)
        mounts = (f"{folder}:/srv", f"{tool('uv')}:/usr/local/bin/uv:ro", f"{CACHE / 'uv'}:/root/.cache/uv")
        volumes = [f"--volume={mount}" for mount in mounts]
        call(
            *("podman", "run", "--rm", "--network=host", "--workdir=/srv", *volumes, pins()["python_image"]),
            *("uv", "lock", "--quiet", "--no-python-downloads"),
        )


def build(folder: Path, name: str, *, dockerfile: str = "Dockerfile") -> str:
    """Build a repository's image as its owner would, and return the image's name.

    Args:
        folder: The repository.
        name: Name for the image.
        dockerfile: Path of the Dockerfile in the repository.

    Raises:
        CommandError: The build failed; the message holds its output.
    """
    image = f"localhost/{name}:test"
    with _locked():
        _prepare_bases()
        # docker: the OCI format knows no HEALTHCHECK.
        options = ("--format=docker", "--pull=never", "--layers", "--quiet", f"--file={folder / dockerfile}")
        call("buildah", "build", *options, f"--tag={image}", str(folder), timeout=900)
    return image


def inspect(image: str) -> dict[str, Any]:
    """Return what an image says about itself."""
    found: list[dict[str, Any]] = json.loads(call("podman", "image", "inspect", image))
    return found[0]


def run_once(image: str, *command: str, env: Mapping[str, str] | None = None, options: Sequence[str] = ()) -> str:
    """Run one command in a fresh hardened container, as a platform runs a migration, and return its output.

    Raises:
        CommandError: The command failed.
    """
    variables = [f"--env={key}={value}" for key, value in (env or {}).items()]
    return call("podman", "run", "--rm", "--network=host", *HARDENING, *variables, *options, image, *command)


@dataclass(frozen=True)
class Container:
    """A running container of a service."""

    id: str
    port: int

    def get(self, path: str, headers: Mapping[str, str] | None = None, timeout: float = 10) -> tuple[int, str]:
        """Return status and body of a request to the service, whatever the status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_for(self, path: str, status: int = 200, timeout: float = 20) -> str:
        """Wait until a path answers with `status`, and return the body.

        Raises:
            TimeoutError: It never did; the message holds the logs.
        """
        deadline = time.monotonic() + timeout
        last: object = None
        while time.monotonic() < deadline:
            try:
                found, body = self.get(path)
            except OSError as error:
                last = error
            else:
                if found == status:
                    return body
                last = (found, body)
            time.sleep(0.05)
        message = f"{path} did not answer {status} within {timeout} s, last: {last}\n{self.logs()}"
        raise TimeoutError(message)

    def logs(self) -> str:
        """Return everything that the service printed."""
        done = subprocess.run(
            ["podman", "logs", self.id],
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def execute(self, *command: str) -> str:
        """Run a command inside the running container and return its output."""
        return call("podman", "exec", self.id, *command)

    def signal(self, name: str) -> None:
        """Send a signal to the service."""
        call("podman", "kill", f"--signal={name}", self.id)

    def exit_code(self, timeout: float = 60) -> int:
        """Wait for the service to end and return its exit code."""
        return int(call("podman", "wait", self.id, timeout=timeout))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(image: str, env: Mapping[str, str] | None = None) -> Iterator[Container]:
    """Run a service as a careful platform would: read-only root, no capabilities, little memory.

    Args:
        image: The image.
        env: Variables besides PORT.

    Yields:
        The container, which may still be starting.
    """
    port = _free_port()
    variables = [f"--env={key}={value}" for key, value in ({"PORT": str(port)} | dict(env or {})).items()]
    identifier = call("podman", "run", "--detach", "--network=host", *HARDENING, *variables, image)
    try:
        yield Container(identifier, port)
    finally:
        call("podman", "rm", "--force", "--time=0", identifier)
