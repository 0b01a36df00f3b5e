"""The Cloud Run scripts against a stand-in for gcloud."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from support.render import render
from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Service  # type: ignore[import-not-found]

NEW, LIVE, OLD = "a" * 40, "b" * 40, "c" * 40
IMAGE = "us-central1-docker.pkg.dev/acme/order-api/order-api"
PROJECT = {"GCP_PROJECT": "acme"}
SCRIPTS = ["deploy", "rollback", "migrate", "status", "publish", "shift"]


def digest(version: str) -> str:
    """Return the digest of a version's image."""
    return f"sha256:{version[0] * 64}"


def revision(number: int, image: str, *, ready: bool = True) -> dict[str, Any]:
    """Return an entry of `gcloud run revisions list`."""
    return {
        "metadata": {"name": f"order-api-0000{number}", "creationTimestamp": f"2026-11-0{number}T00:00:00Z"},
        "spec": {"containers": [{"image": image}]},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def traffic(number: int, percent: int = 0, tag: str | None = None) -> dict[str, Any]:
    """Return a target of a service's traffic."""
    entry: dict[str, Any] = {"revisionName": f"order-api-0000{number}", "percent": percent}
    if tag:
        entry |= {"tag": tag, "url": f"https://{tag}---order-api.run.app"}
    return entry


REVISIONS = [
    revision(1, f"{IMAGE}@{digest(OLD)}"),
    revision(3, f"{IMAGE}@{digest(NEW)}"),
    revision(2, f"{IMAGE}@{digest(LIVE)}"),
]


def cloud(  # noqa: PLR0913 - each is one thing that Google Cloud answers
    make: Callable[..., Service],
    targets: list[dict[str, Any]] | None = None,
    *,
    revisions: list[dict[str, Any]] | None = None,
    published: tuple[str, ...] = (NEW, LIVE, OLD),
    failing: str = "nothing",
    healthy: bool = True,
    **answers: str,
) -> Service:
    """Return a service on Cloud Run whose stub answers as told and fails at the command `failing`."""
    tool("jq")
    service = make(platform="cloud_run", **({"database": "postgres"} | answers))
    names = {"latestCreatedRevisionName": "order-api-00003", "latestReadyRevisionName": "order-api-00003"}
    if not healthy:
        names["latestReadyRevisionName"] = "order-api-00002"
    answer = {
        "describe": {"status": names | {"url": "http://127.0.0.1:9", "traffic": targets or [traffic(2, 100)]}},
        "revisions": REVISIONS if revisions is None else revisions,
        "tags": [{"tag": f"x/tags/{version}", "version": f"x/{digest(version)}"} for version in published],
    }
    for name, content in answer.items():
        (service.bin / f"{name}.json").write_text(json.dumps(content))
    service.stub(
        "gcloud",
        f"""case "$*" in *"{failing}"*) exit 1 ;; esac
        case "$*" in
        *"services describe"*) cat '{service.bin}/describe.json' ;;
        *"revisions list"*) cat '{service.bin}/revisions.json' ;;
        *"tags list"*) cat '{service.bin}/tags.json' ;;
        *) echo 'what gcloud says' ;;
        esac""",
    )
    return service


def changes(service: Service) -> list[str]:
    """Return the recorded calls that change something, without what all have in common."""
    return [
        call.removeprefix("gcloud run ").replace(" --region=us-central1", "").removesuffix(" --project=acme --quiet")
        for call in service.calls()
        if not any(word in call.split() for word in ("describe", "list"))
    ]


def test_a_deploy_migrates_with_the_new_image_before_it_gets_traffic(make: Callable[..., Service]) -> None:
    """By digest, everywhere, and back to what was live is one tag away."""
    service = cloud(make)
    done = service.run("deploy", "production", NEW, **PROJECT)
    assert done.returncode == 0, done.stderr
    target = f"{IMAGE}@{digest(NEW)}"
    assert changes(service) == [
        "services update-traffic order-api --update-tags=previous=order-api-00002",
        f"jobs update order-api-migrate --image={target}",
        "jobs execute order-api-migrate --wait",
        f"jobs update order-api-backup --image={IMAGE}-backup@{digest(NEW)}",
        f"services update order-api --image={target} --no-traffic --tag=candidate",
        "services update-traffic order-api --to-latest",
    ]


def test_without_a_database_nothing_is_migrated(make: Callable[..., Service]) -> None:
    """There are no jobs."""
    service = cloud(make, database="none")
    assert service.run("deploy", "production", NEW, **PROJECT).returncode == 0
    assert not any("jobs" in call for call in service.calls())


def test_staging_is_a_service_of_its_own(make: Callable[..., Service]) -> None:
    """Only production has the bare name."""
    service = cloud(make, checklist="production")
    assert service.run("deploy", "staging", NEW, **PROJECT).returncode == 0
    assert changes(service)[-1] == "services update-traffic order-api-staging --to-latest"


@pytest.mark.parametrize(
    ("failing", "last"),
    [
        ("jobs execute", "jobs execute"),
        ("services update order-api", "services update order-api"),
        ("--to-latest", "--to-latest"),
        ("services describe", None),
        ("tags list", None),
    ],
)
def test_nothing_follows_a_failure(make: Callable[..., Service], failing: str, last: str | None) -> None:
    """A failed migration, a revision that is not healthy, a registry that does not answer."""
    service = cloud(make, failing=failing)
    assert service.run("deploy", "production", NEW, **PROJECT).returncode == 4
    if last is None:
        assert changes(service) == []
    else:
        assert last in changes(service)[-1]


def test_a_version_that_is_not_published_is_refused(make: Callable[..., Service]) -> None:
    """It says what to run first."""
    service = cloud(make, published=(LIVE,))
    done = service.run("deploy", "production", NEW, **PROJECT)
    assert done.returncode == 4
    assert f"ops/publish {NEW}" in done.stderr
    assert changes(service) == []


@pytest.mark.parametrize("image", ["us-docker.pkg.dev/cloudrun/container/hello", f"{IMAGE}@{digest(NEW)}"])
def test_a_rollback_never_returns_to_the_first_page_or_to_the_same_version(
    make: Callable[..., Service], image: str
) -> None:
    """Neither is a version before this one."""
    service = cloud(make, revisions=[revision(2, image)])
    assert service.run("deploy", "production", NEW, **PROJECT).returncode == 0
    assert not any("previous=" in call for call in service.calls())


@pytest.mark.parametrize("strategy", ["blue_green", "canary"])
def test_a_version_that_waits_for_its_traffic_is_printed_with_its_address(
    make: Callable[..., Service], strategy: str
) -> None:
    """Standard output is that address alone."""
    service = cloud(make, [traffic(2, 100), traffic(3, 0, "candidate")], strategy=strategy)
    done = service.run("deploy", "production", NEW, **PROJECT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "https://candidate---order-api.run.app\n"
    assert "--no-traffic" in changes(service)[-1]


@pytest.mark.parametrize(("percent", "order"), [("10", "--to-revisions=order-api-00003=10"), ("100", "--to-latest")])
def test_shift_moves_traffic_to_the_newest(make: Callable[..., Service], percent: str, order: str) -> None:
    """All of it follows later revisions as well."""
    service = cloud(make)
    assert service.run("shift", "production", percent, **PROJECT).returncode == 0
    assert changes(service) == [f"services update-traffic order-api {order}"]


@pytest.mark.parametrize("percent", ["0", "101", "1000", "x", "1.5", "", "010"])
def test_shift_refuses_what_is_no_percentage(make: Callable[..., Service], percent: str) -> None:
    """Before it asks anybody."""
    service = cloud(make)
    assert service.run("shift", "production", percent, **PROJECT).returncode == 2
    assert service.calls() == []


def test_shift_refuses_a_revision_that_is_not_healthy(make: Callable[..., Service]) -> None:
    """The last healthy one is not the newest."""
    service = cloud(make, healthy=False)
    assert service.run("shift", "production", "10", **PROJECT).returncode == 4
    assert changes(service) == []


@pytest.mark.parametrize(
    "targets",
    [
        [traffic(3, 100), traffic(2, 0, "previous")],
        [traffic(2, 90), traffic(3, 10), traffic(2, 0, "previous")],
        [traffic(2, 100), traffic(2, 0, "previous"), traffic(3, 0, "candidate")],
    ],
    ids=["promoted", "canary", "candidate"],
)
def test_rollback_gives_everything_to_the_version_before(
    make: Callable[..., Service], targets: list[dict[str, Any]]
) -> None:
    """However far the newest got; nothing is built or migrated."""
    service = cloud(make, targets)
    assert service.run("rollback", "production", **PROJECT).returncode == 0
    assert changes(service) == ["services update-traffic order-api --to-revisions=order-api-00002=100"]


def test_rollback_to_a_named_version(make: Callable[..., Service]) -> None:
    """Its revision still exists."""
    service = cloud(make)
    assert service.run("rollback", "production", OLD, **PROJECT).returncode == 0
    assert changes(service) == ["services update-traffic order-api --to-revisions=order-api-00001=100"]


@pytest.mark.parametrize("words", [[], ["d" * 40], [OLD]], ids=["first", "unknown", "never-healthy"])
def test_rollback_with_nothing_to_return_to_changes_nothing(make: Callable[..., Service], words: list[str]) -> None:
    """7, so that a pipeline can tell."""
    service = cloud(make, revisions=[revision(1, f"{IMAGE}@{digest(OLD)}", ready=False)])
    assert service.run("rollback", "production", *words, **PROJECT).returncode == 7
    assert changes(service) == []


def test_status_names_the_versions_and_their_shares(make: Callable[..., Service]) -> None:
    """By commit, as people know them."""
    done = cloud(make, [traffic(2, 90), traffic(3, 10)]).run("status", "production", **PROJECT)
    assert done.returncode == 0, done.stderr
    assert f"live     {LIVE} 90 % (order-api-00002)" in done.stdout
    assert f"live     {NEW} 10 % (order-api-00003)" in done.stdout
    assert f"newest   {NEW} healthy" in done.stdout


def test_publish_builds_with_provenance_and_prints_the_address(make: Callable[..., Service]) -> None:
    """The registry has the tag only after the push."""
    service = cloud(make, published=())
    tags = json.dumps([{"tag": f"x/tags/{service.head}", "version": f"x/{digest(NEW)}"}])
    service.stub("docker", f"echo 'what docker says'; echo '{tags}' >'{service.bin}/tags.json'")
    # The second image is asked for after the first push; the stand-in has one list of tags for both.
    done = service.run("publish", **PROJECT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{IMAGE}@{digest(NEW)}\n"
    build = next(call for call in service.calls() if call.startswith("docker buildx build"))
    for word in ("--push", "--provenance=mode=max", "--sbom=true", f"--tag={IMAGE}:{service.head}"):
        assert word in build
    assert f"--build-arg=RELEASE={service.head}" in build


def test_publish_builds_nothing_twice(make: Callable[..., Service]) -> None:
    """A tag is a commit."""
    service = cloud(make, published=())
    tags = [{"tag": f"x/tags/{service.head}", "version": f"x/{digest(NEW)}"}]
    (service.bin / "tags.json").write_text(json.dumps(tags))
    service.stub("docker", "exit 1")
    done = service.run("publish", **PROJECT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{IMAGE}@{digest(NEW)}\n"
    assert not any(call.startswith("docker") for call in service.calls())


@pytest.mark.parametrize("failing", ["docker", "registry"])
def test_a_failed_publish_is_an_error(make: Callable[..., Service], failing: str) -> None:
    """A silent registry is not an empty one."""
    service = cloud(make, published=(), failing="tags list" if failing == "registry" else "nothing")
    service.stub("docker", "exit 1")
    done = service.run("publish", **PROJECT)
    assert done.returncode == 4
    assert done.stdout == ""


def test_publishing_another_commit_than_the_one_checked_out_is_refused(make: Callable[..., Service]) -> None:
    """What is checked out would get the wrong name."""
    service = cloud(make)
    service.stub("docker", "exit 1")
    assert service.run("publish", NEW, **PROJECT).returncode == 2
    assert service.calls() == []


def test_scripts_explain_themselves_and_name_what_is_missing(make: Callable[..., Service]) -> None:
    """Help is 0, wrong usage 2, a missing variable or program 3, and a dry run needs neither."""
    service = cloud(make)
    service.stub("docker", "exit 1")
    for script in SCRIPTS:
        words = {"publish": [], "shift": ["production", "10"]}.get(script, ["production"])
        done = service.run(script, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith(f"Usage: ops/{script} ")
        assert "Exit codes:" in done.stdout
        assert service.run(script, "--wrong").returncode == 2
        assert service.run(script, "a", "b", "c", **PROJECT).returncode == 2
        done = service.run(script, *words)
        assert done.returncode == 3
        assert "GCP_PROJECT" in done.stderr
        done = service.run(script, *words, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "order-api" in done.stdout
    assert service.calls() == []
    path = service.path_without("gcloud")
    for script in SCRIPTS:
        words = {"publish": [], "shift": ["production", "10"]}.get(script, ["production"])
        done = service.run(script, *words, PATH=path, **PROJECT)
        assert done.returncode == 3
        assert "gcloud is missing" in done.stderr


@pytest.mark.parametrize("strategy", ["rolling", "blue_green", "canary"])
@pytest.mark.parametrize("database", ["postgres", "none"])
def test_shellcheck_finds_nothing_in_the_cloud_run_scripts(tmp_path: Path, strategy: str, database: str) -> None:
    """Whatever the strategy and the database are."""
    root = render(tmp_path / "service", platform="cloud_run", strategy=strategy, database=database)
    scripts = [f"ops/{name}" for name in [*SCRIPTS, "platform.sh"] if (root / "ops" / name).exists()]
    done = subprocess.run(
        [tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", "--shell=sh", *scripts],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
