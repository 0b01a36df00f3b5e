"""The image of a generated service: what is in it, and that it boots hardened."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import containers
from support.render import render

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.system

# The stand-in base, Debian with Python, is 121 MB; dependencies with their bytecode and the code add the rest.
SIZE_LIMIT_MB = 220
NOWHERE = {"DATABASE_URL": "postgresql://app@127.0.0.1:9/app", "REDIS_URL": "redis://127.0.0.1:9/0"}


def _sh(image: str, script: str) -> str:
    return containers.run_once(image, "sh", "-c", script)


@pytest.mark.proves("mvp:container", "mvp:health", "critical:no-health")
@pytest.mark.parametrize("cache", ["redis", "none"])
@pytest.mark.parametrize("database", ["postgres", "none"])
def test_every_variant_builds_boots_hardened_and_serves(
    image_of: Callable[[str, str], str], database: str, cache: str
) -> None:
    with containers.running(image_of(database, cache), NOWHERE) as service:
        assert json.loads(service.wait_for("/health"))["status"] == "ok"
        status, body = service.get("/ready")
        assert status == (503 if database == "postgres" else 200), body
        assert service.execute("id", "-u") == "10001"
        assert "CapEff:\t0000000000000000" in service.execute("cat", "/proc/1/status")
        containers.call("podman", "healthcheck", "run", service.id)
        service.signal("TERM")
        assert service.exit_code() == 0, service.logs()


def test_the_image_says_how_it_wants_to_be_run(full_image: str) -> None:
    config = containers.inspect(full_image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["WorkingDir"] == "/srv"
    assert config["Cmd"] == ["python", "-m", "app"]
    assert config["StopSignal"] in {"SIGTERM", "15"}
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert config["Labels"]["org.opencontainers.image.title"] == "svc-postgres-redis"


@pytest.mark.proves("production:image")
def test_the_image_holds_neither_build_tools_nor_caches(full_image: str) -> None:
    assert _sh(full_image, "for name in uv uvx gcc cc make git; do command -v $name; done; true") == ""
    # As a root that may read everything: what somebody who unpacks the image would find.
    as_root = ("--user=0", "--cap-add=DAC_OVERRIDE")
    caches = "find / -xdev \\( -path '*/.cache/*' -o -path '/var/cache/apt/*.bin' -o -path '*/site-packages/pip' \\)"
    assert containers.run_once(full_image, "sh", "-c", caches, options=as_root) == ""


@pytest.mark.proves("production:image")
def test_the_image_is_small(full_image: str) -> None:
    size = containers.inspect(full_image)["Size"] / 1_000_000
    print(f"image size: {size:.0f} MB")  # noqa: T201
    assert size < SIZE_LIMIT_MB


@pytest.mark.proves("production:image")
def test_code_is_compiled_ahead_and_cannot_be_changed_by_the_service(full_image: str) -> None:
    found = _sh(full_image, "find /srv -name '*.pyc' | sed 's#__pycache__/##; s#[.]cpython-.*##'").splitlines()
    assert "/srv/app/__main__" in found
    assert any(path.endswith("site-packages/fastapi/applications") for path in found)
    assert _sh(full_image, "find /srv -writable ! -type l | head") == ""


@pytest.mark.proves("critical:hard-coded-secrets")
def test_secrets_history_and_tests_never_reach_the_image(tmp_path: Path) -> None:
    containers.require()
    service = render(tmp_path / "service", service_name="ignoring", database="none")
    marker = f"marker-{os.urandom(8).hex()}"
    hidden = [
        *(".env", ".env.production", "app/.env", "server.pem", "app/client.key", ".git/config", "nightly.dump"),
        *(
            "tests/test_marker.py",
            "ops/secret.sh",
            "docs/page.md",
            "NOTES.md",
            ".github/workflows/x.yml",
            ".venv/pyvenv.cfg",
        ),
    ]
    for path in hidden:
        (service / path).parent.mkdir(parents=True, exist_ok=True)
        (service / path).write_text(marker)
    (service / "app" / "visible.txt").write_text(marker)
    containers.lock(service)
    image = containers.build(service, "ignoring")
    assert _sh(image, f"grep -rl {marker} /srv") == "/srv/app/visible.txt"
    assert set(_sh(image, "ls -A /srv").split()) == {".venv", "app", "pyproject.toml", "uv.lock"}


def test_a_lock_that_does_not_match_fails_the_build(tmp_path: Path) -> None:
    containers.require()
    service = render(tmp_path / "service", service_name="stale-lock", database="none")
    containers.lock(service)
    project = service / "pyproject.toml"
    project.write_text(project.read_text().replace("dependencies = [", 'dependencies = [\n    "six",', 1))
    with pytest.raises(containers.CommandError, match="lock"):
        containers.build(service, "stale-lock")


def test_a_team_that_owns_its_code_gets_a_working_image(tmp_path: Path) -> None:
    containers.require()
    owned = tmp_path / "owned"
    shutil.copytree(Path(__file__).parent / "owned_service", owned)
    components = ["container", "pipeline", "deployment", "environment", "monitoring", "documentation"]
    render(owned, service_name="owned", database="none", manage=components)
    containers.lock(owned)
    with containers.running(containers.build(owned, "owned")) as service:
        assert service.wait_for("/health") == "owned"
        assert service.execute("cat", "/srv/rules/default.txt") == "rule"
