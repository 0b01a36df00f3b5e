"""The ECS scripts against moto's AWS; deployments of a service and tasks, which it does not run, are stood in for."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from support.aws import ACCOUNT, REGION, aws_account
from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Service  # type: ignore[import-not-found]

pytestmark = pytest.mark.system

GOOD, BAD, OLD = "a" * 40, "b" * 40, "c" * 40
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
VARIABLES = {
    "AWS_ACCOUNT_ID": ACCOUNT,
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_MAX_ATTEMPTS": "1",
    "SERVICE_URL": "http://127.0.0.1:9",
}
# A version manager would choose the Python of the service's folder. Moto does not sort.
STUB = """cd /
PATH='{path}'
case "$*" in
*list-service-deployments*) cat '{bin}/deployments' ;;
*stop-service-deployment*) echo '{{}}' ;;
*run-task*) echo '{{"tasks": [{{"taskArn": "arn:aws:ecs:us-east-1:1:task/order-api/t1"}}]}}' ;;
*describe-tasks*) cat '{bin}/task' ;;
*get-log-events*) echo 'the log of the migration' ;;
*'list-task-definitions'*'--sort DESC'*) '{aws}' "$@" | jq '.taskDefinitionArns |= reverse' ;;
*update-service*) '{aws}' "$@" && cp '{bin}/deployments-after' '{bin}/deployments' ;;
*) exec '{aws}' "$@" ;;
esac"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Address of an AWS that runs in this machine."""
    with aws_account() as address:
        yield address


class Cloud:
    """An account in which Terraform was applied, and the service's scripts."""

    def __init__(self, service: Service, endpoint: str) -> None:
        """Make what Terraform makes, as far as the scripts use it."""
        self.service = service
        self.variables = {**VARIABLES, "AWS_ENDPOINT_URL": endpoint}
        self.program = tool("aws")
        tool("jq")
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=10).close()
        service.stub("aws", STUB.format(bin=service.bin, aws=self.program, path=os.environ["PATH"]))
        self.becomes("SUCCESSFUL")
        self.ends(0)
        (service.bin / "deployments").write_text(json.dumps({"serviceDeployments": []}))
        self.aws("ecr", "create-repository", "--repository-name", "order-api")
        self.aws("ecs", "create-cluster", "--cluster-name", "order-api")
        container = {
            "name": "service",
            "image": "placeholder",
            "command": ["placeholder"],
            "environment": [{"name": "PORT", "value": "8000"}],
            "secrets": [{"name": "PGPASSWORD", "valueFrom": "arn:secret:password::"}],
        }
        backup = {"name": "backup", "image": "placeholder", "command": ["ops/backup-task"], "environment": []}
        for family, definition in (("order-api", container), ("order-api-backup", backup)):
            self.aws(
                *("ecs", "register-task-definition", "--family", f"{family}-template", "--cpu", "256"),
                *("--memory", "512", "--network-mode", "awsvpc", "--requires-compatibilities", "FARGATE"),
                *("--container-definitions", json.dumps([definition])),
            )
        self.subnet = self.aws("ec2", "describe-subnets")["Subnets"][0]["SubnetId"]
        group = self.aws("ec2", "describe-security-groups")["SecurityGroups"][0]["GroupId"]
        self.aws(
            *("ecs", "create-service", "--cluster", "order-api", "--service-name", "order-api", "--desired-count", "2"),
            *("--task-definition", "order-api-template", "--launch-type", "FARGATE", "--network-configuration"),
            f"awsvpcConfiguration={{subnets=[{self.subnet}],securityGroups=[{group}],assignPublicIp=ENABLED}}",
        )

    def aws(self, *words: str) -> Any:  # noqa: ANN401 - whatever AWS answers
        """Ask the account and return its answer."""
        done = subprocess.run(
            [self.program, "--region", REGION, "--output", "json", *words],
            env={"PATH": os.environ["PATH"], **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    def publish(self, *versions: str) -> None:
        """Put images into the registry, as `ops/publish` does."""
        for version in versions:
            for tag in (version, f"backup-{version}"):
                manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": tag}, "layers": []}
                self.aws(
                    *("ecr", "put-image", "--repository-name", "order-api", "--image-tag", tag),
                    *("--image-manifest", json.dumps(manifest), "--image-manifest-media-type", MANIFEST),
                )

    def becomes(self, status: str) -> None:
        """Say how the next deployments end."""
        entry = {"serviceDeploymentArn": f"arn:{status}", "createdAt": 2, "status": status, "statusReason": "an alarm"}
        (self.service.bin / "deployments-after").write_text(json.dumps({"serviceDeployments": [entry]}))

    def ends(self, code: int) -> None:
        """Say how tasks end."""
        state = {
            "lastStatus": "STOPPED",
            "stoppedReason": "ended",
            "containers": [{"name": "service", "exitCode": code}],
        }
        (self.service.bin / "task").write_text(json.dumps({"tasks": [state]}))

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script; every deployment is a new one."""
        (self.service.bin / "deployments").write_text(json.dumps({"serviceDeployments": []}))
        return self.service.run(*words, **{**self.variables, **variables})  # type: ignore[no-any-return]

    def deploy(self, *versions: str) -> None:
        """Deploy versions that become live."""
        self.publish(*versions)
        self.becomes("SUCCESSFUL")
        for version in versions:
            done = self.run("deploy", "production", version)
            assert done.returncode == 0, done.stderr

    def running(self) -> dict[str, Any]:
        """Return the task definition that the service runs."""
        (service,) = self.aws("ecs", "describe-services", "--cluster", "order-api", "--services", "order-api")[
            "services"
        ]
        answer = self.aws("ecs", "describe-task-definition", "--task-definition", service["taskDefinition"])
        definition: dict[str, Any] = answer["taskDefinition"]
        return definition

    def live(self) -> str | None:
        """Return the version that the service runs."""
        environment = self.running()["containerDefinitions"][0]["environment"]
        return next((entry["value"] for entry in environment if entry["name"] == "RELEASE"), None)

    def orders(self) -> list[str]:
        """Return what was asked of AWS, without its options."""
        return [" ".join(call.split()[3:5]) for call in self.service.calls() if call.startswith("aws --output json")]


@pytest.fixture
def cloud(make: Callable[..., Service], endpoint: str) -> Cloud:
    """An account with nothing deployed yet."""
    return Cloud(make(platform="ecs", database="postgres"), endpoint)


def test_a_deploy_runs_the_digest_with_what_terraform_wrote(cloud: Cloud) -> None:
    """The image and RELEASE come from the deploy, everything else from the template; the placeholder's command goes."""
    cloud.deploy(GOOD)
    definition = cloud.running()
    (container,) = definition["containerDefinitions"]
    assert definition["family"] == "order-api"
    assert container["image"].startswith(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/order-api@sha256:")
    assert not container.get("command")
    assert {entry["name"]: entry["value"] for entry in container["environment"]} == {"PORT": "8000", "RELEASE": GOOD}
    assert container["secrets"] == [{"name": "PGPASSWORD", "valueFrom": "arn:secret:password::"}]
    assert definition["cpu"] == "256"


def test_a_deploy_gives_the_backup_its_image_and_keeps_its_command(cloud: Cloud) -> None:
    """The schedule starts the newest revision of that family."""
    cloud.deploy(GOOD)
    answer = cloud.aws("ecs", "describe-task-definition", "--task-definition", "order-api-backup")
    (container,) = answer["taskDefinition"]["containerDefinitions"]
    assert container["command"] == ["ops/backup-task"]
    assert "@sha256:" in container["image"]


def test_migrations_run_in_the_new_image_before_traffic_moves(cloud: Cloud) -> None:
    """In the network of the service, and with the new revision."""
    cloud.deploy(GOOD)
    orders = cloud.orders()
    assert orders.index("ecs run-task") < orders.index("ecs update-service")
    call = next(call for call in cloud.service.calls() if " run-task " in call)
    assert "alembic" in call
    assert ":task-definition/order-api:1 " in call
    assert f'"subnets":["{cloud.subnet}"]' in call


def test_a_failed_migration_stops_the_deploy(cloud: Cloud) -> None:
    """The old version stays, and the migration's log is shown."""
    cloud.deploy(OLD)
    cloud.publish(BAD)
    cloud.ends(1)
    done = cloud.run("deploy", "production", BAD)
    assert done.returncode == 4
    assert "exit code 1: ended" in done.stderr
    assert "the log of the migration" in done.stderr
    assert cloud.live() == OLD


def test_a_migration_that_never_ends_is_given_up(cloud: Cloud) -> None:
    """The old version stays."""
    cloud.publish(GOOD)
    (cloud.service.bin / "task").write_text(json.dumps({"tasks": [{"lastStatus": "RUNNING", "containers": []}]}))
    assert cloud.run("deploy", "production", GOOD, MIGRATE_TIMEOUT="0").returncode == 5
    assert "ecs update-service" not in cloud.orders()


def test_a_version_that_was_never_published_changes_nothing(cloud: Cloud) -> None:
    """The reason names what to do."""
    done = cloud.run("deploy", "production", GOOD)
    assert done.returncode == 4
    assert "ops/publish" in done.stderr
    assert "ecs update-service" not in cloud.orders()


@pytest.mark.parametrize("status", ["ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED"])
def test_a_deploy_that_ecs_ends_fails_with_the_reason(cloud: Cloud, status: str) -> None:
    """Never reported as live."""
    cloud.publish(GOOD)
    cloud.becomes(status)
    done = cloud.run("deploy", "production", GOOD)
    assert done.returncode == 4
    assert f"{status}: an alarm" in done.stderr
    assert "is live" not in done.stderr


def test_a_deploy_that_takes_too_long_is_rolled_back(cloud: Cloud) -> None:
    """ECS would wait for hours."""
    cloud.publish(GOOD)
    cloud.becomes("IN_PROGRESS")
    assert cloud.run("deploy", "production", GOOD, DEPLOY_TIMEOUT="0").returncode == 5
    assert any(
        "stop-service-deployment --service-deployment-arn arn:IN_PROGRESS --stop-type ROLLBACK" in call
        for call in cloud.service.calls()
    )


def test_a_rollback_returns_to_the_version_before(cloud: Cloud) -> None:
    """And a second one goes further back, past the broken version between."""
    cloud.deploy(OLD, GOOD, BAD)
    assert cloud.run("rollback", "production").returncode == 0
    assert cloud.live() == GOOD
    assert cloud.run("rollback", "production").returncode == 0
    assert cloud.live() == OLD
    done = cloud.run("rollback", "production")
    assert done.returncode == 7, done.stderr
    assert cloud.live() == OLD


def test_a_rollback_to_a_named_version(cloud: Cloud) -> None:
    """Without a build and without a migration."""
    cloud.deploy(OLD, GOOD, BAD)
    before = cloud.orders().count("ecs run-task")
    assert cloud.run("rollback", "production", OLD).returncode == 0
    assert cloud.live() == OLD
    assert cloud.orders().count("ecs run-task") == before


def test_a_rollback_after_a_deploy_that_ecs_rolled_back_goes_no_further(cloud: Cloud) -> None:
    """The pipeline rolls back whatever failed; the good version must not go with it."""
    cloud.deploy(OLD, GOOD)
    cloud.publish(BAD)
    cloud.ends(1)
    assert cloud.run("deploy", "production", BAD).returncode == 4
    done = cloud.run("rollback", "production")
    assert done.returncode == 0, done.stderr
    assert cloud.live() == GOOD
    assert "never was" in done.stderr


def test_a_rollback_replaces_a_version_that_never_became_healthy(cloud: Cloud) -> None:
    """ECS still runs it, because the deploy was interrupted."""
    cloud.deploy(OLD, GOOD)
    cloud.publish(BAD)
    cloud.becomes("STOPPED")
    assert cloud.run("deploy", "production", BAD).returncode == 4
    assert cloud.live() == BAD
    cloud.becomes("SUCCESSFUL")
    assert cloud.run("rollback", "production").returncode == 0
    assert cloud.live() == GOOD


@pytest.mark.parametrize("words", [[], [BAD]], ids=["previous", "named"])
def test_nothing_to_roll_back_to(cloud: Cloud, words: list[str]) -> None:
    """A first deploy has nothing before it."""
    cloud.deploy(GOOD)
    assert cloud.run("rollback", "production", *words).returncode == 7
    assert cloud.live() == GOOD


def test_migrate_uses_the_live_version(cloud: Cloud) -> None:
    """And refuses while the placeholder runs."""
    assert cloud.run("migrate", "production").returncode == 4
    cloud.deploy(GOOD)
    assert cloud.run("migrate", "production").returncode == 0
    cloud.ends(1)
    assert cloud.run("migrate", "production").returncode == 4


def test_status_names_what_is_live(cloud: Cloud) -> None:
    """With the tasks and the newest deploy."""
    cloud.deploy(GOOD)
    (cloud.service.bin / "deployments-after").replace(cloud.service.bin / "deployments")
    done = cloud.service.run("status", "production", **cloud.variables)
    assert done.returncode == 0, done.stderr
    assert f"live     {GOOD}" in done.stdout
    assert "of 2" in done.stdout
    assert "newest   SUCCESSFUL" in done.stdout


def test_an_environment_that_was_not_applied_is_named(cloud: Cloud) -> None:
    """Staging is a cluster of its own."""
    cloud.aws("ecs", "create-cluster", "--cluster-name", "order-api-staging")
    done = cloud.run("deploy", "staging", GOOD)
    assert done.returncode == 4
    assert "order-api-staging" in done.stderr


def test_publish_builds_each_image_once(cloud: Cloud) -> None:
    """A tag that exists is never built again; the digest is what it prints."""
    cloud.service.stub("docker", "exit 0")
    head = cloud.service.head
    assert cloud.run("publish").returncode == 4, "the stub pushes nothing"
    builds = [call for call in cloud.service.calls() if call.startswith("docker buildx")]
    assert len(builds) == 2
    assert all("--provenance=mode=max --sbom=true --push" in call for call in builds)
    assert f"order-api:{head} ." in builds[0]
    assert f"order-api:backup-{head} ." in builds[1]
    cloud.publish(head)
    done = cloud.run("publish")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/order-api@sha256:")
    assert len([call for call in cloud.service.calls() if call.startswith("docker buildx")]) == 2
    assert cloud.run("publish", OLD).returncode == 2, "what is checked out is built, so it must be that commit"


def test_publish_stops_when_the_build_fails(cloud: Cloud) -> None:
    """Docker's own failure is passed on."""
    cloud.service.stub("docker", "[ $1 != buildx ]")
    done = cloud.run("publish")
    assert done.returncode == 4
    assert done.stdout == ""
