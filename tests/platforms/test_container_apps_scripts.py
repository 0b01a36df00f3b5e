"""The Container Apps scripts against a stand-in for az that keeps revisions, traffic, tags and images in a file."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.tools import tool

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Service  # type: ignore[import-not-found]

OLD, GOOD, BAD = "c" * 40, "a" * 40, "b" * 40
LOGIN = {"AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001"}
REGISTRY = re.compile(r"^orderapi[0-9a-f]{8}\.azurecr\.io/order-api@sha256:[0-9a-z]+$")

STAND_IN = """
import json, sys
path, words = sys.argv[1], sys.argv[2:]
with open(path) as file:
    state = json.load(file)
def option(name):
    return words[words.index(name) + 1] if name in words else None
def end(answer=None, code=0, error=""):
    with open(path, "w") as file:
        json.dump(state, file)
    if answer is not None and option("--output") != "none":
        print(answer if option("--output") == "tsv" else json.dumps(answer))
    if error:
        print(error, file=sys.stderr)
    sys.exit(code)
def found(name):
    return next(r for r in state["revisions"] if r["name"] == name)
command = " ".join(words[: next((i for i, w in enumerate(words) if w.startswith("-")), len(words))])
assert option("--subscription") == "00000000-0000-0000-0000-000000000001", words
if command == "account show":
    end({}, 0 if state["login"] else 1)
if command == "acr login":
    end()
if command == "acr repository show":
    image = option("--image")
    if image in state["images"]:
        end("sha256:" + state["images"][image])
    end(code=1, error=state["registry_error"])
assert option("--resource-group") in (state["group"], None), words
if command == "containerapp show":
    if state["missing"]:
        end(code=3, error="ResourceNotFound")
    traffic = [{"revisionName": n, "weight": w} for n, w in state["traffic"].items()]
    end({"tags": state["tags"], "properties": {"latestReadyRevisionName": state["ready"], "configuration": {"ingress": {
        "fqdn": "order-api.example.azurecontainerapps.io", "traffic": traffic}}}})
if command == "containerapp revision list":
    assert "--all" in words
    end([{"name": r["name"], "properties": {"createdTime": "2026-11-01T00:00:%02d+00:00" % n, "active": r["active"],
        "fqdn": r["name"] + ".example.azurecontainerapps.io", "healthState": r["health"], "runningState": "Running",
        "provisioningState": r["provisioning"], "template": {"containers": [{"image": r["image"],
        "env": [{"name": "RELEASE", "value": r["version"]}]}]}}} for n, r in enumerate(state["revisions"])])
if command == "containerapp update":
    version = option("--set-env-vars").removeprefix("RELEASE=")
    if state["refuse_update"]:
        end(code=1, error="no")
    last = state["revisions"][-1]
    if (last["image"], last["version"]) != (option("--image"), version):
        name = f"order-api--{len(state['revisions']):07d}"
        state["revisions"].append({"name": name, "active": True, "version": version, "image": option("--image"),
            "health": state["new_health"], "provisioning": state["new_provisioning"]})
    end({})
if command in ("containerapp revision activate", "containerapp revision deactivate"):
    revision = found(option("--revision"))
    assert command.endswith(" activate") or not state["traffic"].get(revision["name"]), "it has traffic"
    revision["active"] = command.endswith(" activate")
    end()
if command == "containerapp ingress traffic set":
    at = words.index("--revision-weight") + 1
    given = {}
    for word in words[at:]:
        if word.startswith("-"):
            break
        name, weight = word.split("=")
        assert found(name)["active"], name + " is stopped"
        given[name] = int(weight)
    assert sum(given.values()) == 100, given
    state["traffic"] = given
    end({})
if command == "tag update":
    assert option("--operation") == "Merge"
    place = f"/resourceGroups/{state['group']}/providers/Microsoft.App/containerApps/order-api"
    assert option("--resource-id").endswith(place)
    at = words.index("--tags") + 1
    for word in words[at:]:
        if word.startswith("-"):
            break
        name, value = word.split("=", 1)
        assert len(value) <= 256
        state["tags"][name] = value
    end({})
if command == "containerapp job update":
    state["jobs"][option("--name")] = option("--image")
    end({})
if command == "containerapp job show":
    end({}, 0 if state["with_backup"] else 3)
if command == "containerapp job start":
    state["migrated"].append(state["jobs"]["migrate"])
    end("migrate-1")
if command == "containerapp job execution show":
    assert option("--job-execution-name") == "migrate-1"
    state["polls"] += 1
    end("Running" if state["polls"] == 1 else state["migration"])
end(code=2, error="unknown command " + command)
"""


class Azure:
    """A service on Container Apps, the stand-in's state, and what the scripts did to it."""

    def __init__(self, service: Service, *versions: str, **changes: Any) -> None:  # noqa: ANN401
        """Start with one revision of Terraform's, then one of each of `versions`, of which the last is live."""
        self.service = service
        names = [f"order-api--{number:07d}" for number in range(len(versions) + 1)]
        self.file: Path = service.bin / "azure.json"
        self.state: dict[str, Any] = {
            "group": "order-api", "login": True, "missing": False, "with_backup": True, "refuse_update": False,
            "registry_error": "ERROR: manifest tagged by 'x' is not found. Correlation ID: 1.",
            "new_health": "Healthy", "new_provisioning": "Provisioned", "migration": "Succeeded", "polls": 0,
            "migrated": [], "jobs": {}, "ready": names[-1],
            "traffic": {names[-1]: 100},
            "tags": {"live-revisions": " ".join(names[1:]), "pending-release": "none"} if versions else {},
            "images": {f"{name}:{version}": version[:3] for version in (OLD, GOOD, BAD)
                       for name in ("order-api", "order-api-backup")},
            "revisions": [
                {"name": name, "version": version, "active": name == names[-1], "health": "Healthy",
                 "image": "placeholder" if version == "unknown" else self.image(version), "provisioning": "Provisioned"}
                for name, version in zip(names, ["unknown", *versions], strict=True)
            ],
        } | changes  # fmt: skip
        self.file.write_text(json.dumps(self.state))
        script = service.bin / "stand_in.py"
        script.write_text(STAND_IN)
        service.stub("az", f"exec '{sys.executable}' '{script}' '{self.file}' \"$@\"")

    def image(self, version: str) -> str:
        """Return the image of a version, as the scripts must name it."""
        text = (self.service.root / "ops" / "platform.sh").read_text()
        registry = re.search(r"AZURE_REGISTRY:-(\w+)}", text)
        assert registry
        return f"{registry[1]}.azurecr.io/order-api@sha256:{version[:3]}"

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script and read what became of the state."""
        done: subprocess.CompletedProcess[str] = self.service.run(*words, **(LOGIN | variables))
        self.state = json.loads(self.file.read_text())
        return done

    def traffic(self) -> dict[str, int]:
        """Return the share of each version."""
        versions = {revision["name"]: revision["version"] for revision in self.state["revisions"]}
        return {versions[name]: weight for name, weight in self.state["traffic"].items() if weight}

    def active(self) -> list[str]:
        """Return the versions that run, oldest first."""
        return [revision["version"] for revision in self.state["revisions"] if revision["active"]]


@pytest.fixture
def start(make: Callable[..., Service]) -> Callable[..., Azure]:
    """Give a function that makes a service with a history."""
    tool("jq")

    def started(*versions: str, strategy: str = "rolling", database: str = "postgres", **changes: Any) -> Azure:  # noqa: ANN401
        service = make(platform="container_apps", database=database, checklist="production", strategy=strategy)
        return Azure(service, *versions, **changes)

    return started


def test_a_rolling_deploy_migrates_then_moves_all_traffic_and_stops_the_old_revision(
    start: Callable[..., Azure],
) -> None:
    """The migration runs in the very image that is deployed, named by its digest."""
    azure = start(OLD)
    done = azure.run("deploy", "production", GOOD)
    assert done.returncode == 0, done.stderr
    assert azure.state["migrated"] == [azure.image(GOOD)]
    assert REGISTRY.match(azure.state["revisions"][-1]["image"])
    assert azure.traffic() == {GOOD: 100}
    assert azure.active() == [GOOD]
    assert azure.state["tags"]["pending-release"] == "none"
    assert azure.state["jobs"]["backup"].endswith("/order-api-backup@sha256:aaa")


def test_the_first_deploy_replaces_what_terraform_started(start: Callable[..., Azure]) -> None:
    """It is nothing to go back to."""
    azure = start()
    done = azure.run("deploy", "production", GOOD)
    assert done.returncode == 0, done.stderr
    assert azure.traffic() == {GOOD: 100}
    assert azure.run("rollback", "production").returncode == 7


def test_a_first_deploy_works_although_nothing_was_ever_ready(start: Callable[..., Azure]) -> None:
    """The placeholder does not answer the probes."""
    azure = start(ready="", traffic={})
    done = azure.run("deploy", "production", GOOD)
    assert done.returncode == 0, done.stderr
    assert azure.traffic() == {GOOD: 100}


@pytest.mark.parametrize("strategy", ["blue_green", "canary"])
def test_a_deploy_without_traffic_prints_the_revisions_own_address(start: Callable[..., Azure], strategy: str) -> None:
    """Everything else goes to stderr, so that a pipeline can read it."""
    azure = start(OLD, strategy=strategy)
    done = azure.run("deploy", "production", GOOD)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "https://order-api--0000002.example.azurecontainerapps.io\n"
    assert azure.traffic() == {OLD: 100}
    assert azure.active() == [OLD, GOOD]
    assert azure.state["tags"]["pending-release"] == GOOD


def test_traffic_is_shifted_by_steps_and_the_old_revision_stays_warm(start: Callable[..., Azure]) -> None:
    """Until the next deploy, a rollback needs to start nothing."""
    azure = start(OLD, strategy="canary")
    assert azure.run("deploy", "production", GOOD).returncode == 0
    assert azure.run("shift", "production", "10").returncode == 0
    assert azure.traffic() == {OLD: 90, GOOD: 10}
    assert azure.run("shift", "production", "100").returncode == 0
    assert azure.traffic() == {GOOD: 100}
    assert azure.active() == [OLD, GOOD]
    assert azure.state["tags"] == {"live-revisions": "order-api--0000001 order-api--0000002", "pending-release": "none"}
    assert azure.run("deploy", "production", BAD).returncode == 0
    assert azure.active() == [GOOD, BAD]


@pytest.mark.parametrize("percent", ["101", "-1", "x", "007", "1.5", ""])
def test_a_share_that_is_none_is_refused(start: Callable[..., Azure], percent: str) -> None:
    """Before anything is asked."""
    azure = start(OLD, GOOD)
    assert azure.run("shift", "production", percent).returncode == 2
    assert azure.service.calls() == []


def test_a_canary_that_fails_gives_all_traffic_back_to_the_live_version(start: Callable[..., Azure]) -> None:
    """Not to the one before it."""
    azure = start(OLD, GOOD, strategy="canary")
    assert azure.run("deploy", "production", BAD).returncode == 0
    assert azure.run("shift", "production", "10").returncode == 0
    done = azure.run("rollback", "production")
    assert done.returncode == 0, done.stderr
    assert azure.traffic() == {GOOD: 100}
    assert azure.active() == [GOOD]


def test_a_failed_migration_changes_nothing_and_a_rollback_keeps_the_live_version(start: Callable[..., Azure]) -> None:
    """The pipeline rolls back after every failed deploy."""
    azure = start(OLD, GOOD, migration="Failed")
    done = azure.run("deploy", "production", BAD)
    assert done.returncode == 4
    assert "the migration failed" in done.stderr
    assert azure.traffic() == {GOOD: 100}
    assert azure.run("rollback", "production").returncode == 0
    assert azure.traffic() == {GOOD: 100}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"new_provisioning": "Failed"}, 4),
        ({"new_health": "Unhealthy"}, 5),
        ({"refuse_update": True}, 4),
        ({"images": {}}, 4),
        ({"images": {}, "registry_error": "Connection refused"}, 4),
        ({"missing": True}, 4),
        ({"login": False}, 3),
    ],
    ids=["not-provisioned", "never-healthy", "refused", "not-published", "registry-down", "no-app", "no-login"],
)
def test_a_deploy_that_fails_leaves_the_traffic_alone(
    start: Callable[..., Azure], change: dict[str, Any], code: int
) -> None:
    """And says so with its own exit code."""
    azure = start(GOOD, **change)
    done = azure.run("deploy", "production", BAD, DEPLOY_TIMEOUT="1")
    assert done.returncode == code, done.stderr
    assert azure.traffic() == {GOOD: 100}


def test_each_rollback_goes_one_version_further_back(start: Callable[..., Azure]) -> None:
    """The stopped revision is started before it gets traffic."""
    azure = start(OLD, GOOD, BAD)
    assert azure.run("rollback", "production").returncode == 0
    assert azure.traffic() == {GOOD: 100}
    assert azure.active() == [GOOD]
    assert azure.run("rollback", "production").returncode == 0
    assert azure.traffic() == {OLD: 100}
    assert azure.run("rollback", "production").returncode == 7
    assert azure.traffic() == {OLD: 100}


def test_a_rollback_to_a_named_version_takes_only_what_was_live(start: Callable[..., Azure]) -> None:
    """Anything else has never been seen working."""
    azure = start(OLD, GOOD)
    assert azure.run("rollback", "production", BAD).returncode == 7
    assert azure.run("rollback", "production", OLD).returncode == 0
    assert azure.traffic() == {OLD: 100}


def test_a_version_that_was_rolled_back_can_be_deployed_again(start: Callable[..., Azure]) -> None:
    """Azure makes no new revision when nothing differs from the newest."""
    azure = start(OLD, GOOD)
    assert azure.run("rollback", "production").returncode == 0
    done = azure.run("deploy", "production", GOOD)
    assert done.returncode == 0, done.stderr
    assert azure.traffic() == {GOOD: 100}
    assert len(azure.state["revisions"]) == 3


def test_the_notes_fit_into_a_tag_however_often_is_deployed(make: Callable[..., Service]) -> None:
    """Azure allows 256 characters."""
    azure = Azure(make(platform="container_apps", database="none"), OLD)
    for version in (GOOD, BAD, OLD, GOOD, BAD):
        assert azure.run("deploy", "production", version).returncode == 0
    assert azure.state["tags"]["live-revisions"].split() == [f"order-api--000000{number}" for number in (3, 4, 5, 6)]
    assert azure.state["migrated"] == []


def test_staging_is_a_resource_group_of_its_own(start: Callable[..., Azure]) -> None:
    """The app in it has the same name."""
    azure = start(OLD, group="order-api-staging")
    assert azure.run("deploy", "staging", GOOD).returncode == 0
    assert azure.traffic() == {GOOD: 100}


def test_migrate_runs_the_live_image(start: Callable[..., Azure]) -> None:
    """A newer one might not be live for a reason."""
    azure = start(OLD, GOOD)
    assert azure.run("rollback", "production").returncode == 0
    assert azure.run("migrate", "production").returncode == 0
    assert azure.state["migrated"] == [azure.image(OLD)]


def test_status_names_what_is_live_and_how_the_traffic_is_shared(start: Callable[..., Azure]) -> None:
    """During a canary."""
    azure = start(OLD, strategy="canary")
    assert azure.run("deploy", "production", GOOD).returncode == 0
    assert azure.run("shift", "production", "25").returncode == 0
    done = azure.run("status", "production", SERVICE_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert f"live     {OLD}" in done.stdout
    assert f"pending  {GOOD}" in done.stdout
    assert "25 % to order-api--0000002" in done.stdout


def test_publish_builds_what_is_not_there_and_prints_the_digest_alone(start: Callable[..., Azure]) -> None:
    """Both images of one commit, with provenance and a bill of materials."""
    azure = start(OLD, images={})
    head = azure.service.head
    pushed = dict.fromkeys((f"order-api:{head}", f"order-api-backup:{head}"), "0123")
    after = json.dumps({**azure.state, "images": pushed})
    azure.service.stub("docker", f"echo noise; cat >'{azure.file}' <<'END'\n{after}\nEND")
    done = azure.run("publish")
    assert done.returncode == 0, done.stderr
    assert REGISTRY.match(done.stdout.strip()), done.stdout
    builds = [call for call in azure.service.calls() if call.startswith("docker ")]
    assert "--provenance=mode=max --sbom=true" in builds[0]
    assert f"/order-api:{head} ." in builds[0]
    again = azure.run("publish", head)
    assert again.stdout == done.stdout
    assert len([call for call in azure.service.calls() if call.startswith("docker ")]) == len(builds)


def test_publish_of_another_commit_or_without_a_registry_builds_nothing(start: Callable[..., Azure]) -> None:
    """What is not checked out would get the wrong label."""
    azure = start(OLD, images={}, registry_error="Connection refused")
    azure.service.stub("docker", "")
    assert azure.run("publish", BAD).returncode == 2
    assert azure.run("publish").returncode == 4
    assert not any(call.startswith("docker ") for call in azure.service.calls())


def test_every_script_explains_itself_and_a_dry_run_asks_nobody(start: Callable[..., Azure]) -> None:
    """Without a login."""
    azure = start()
    for script in ("publish", "deploy", "shift", "rollback", "migrate", "status"):
        helped = azure.service.run(script, "--help")
        assert helped.returncode == 0
        assert helped.stdout.startswith(f"Usage: ops/{script} ")
        assert "Exit codes:" in helped.stdout
        words = {"publish": [], "shift": ["production", "10"]}.get(script, ["production"])
        done = azure.service.run(script, *words, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "az " in done.stdout
        assert "order-api" in done.stdout
        refused = azure.service.run(script, *words)
        assert refused.returncode == 3
        assert "AZURE_SUBSCRIPTION_ID" in refused.stderr
    assert azure.service.calls() == []
