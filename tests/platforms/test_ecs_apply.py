"""Terraform of ECS applied to moto's AWS, and the scripts run on what it made."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.aws import ACCOUNT, REGION, aws_account
from support.tools import missing, tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service  # type: ignore[import-not-found]

pytestmark = pytest.mark.system

PLUGINS = Path(os.environ.get("TERRAFORM_PLUGINS", "/opt/tf-plugins"))
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# Everything but the budget and the scaling of tasks, parts of whose API moto lacks.
MODULES = ("network", "monitoring", "database", "service", "backup")
SCALING = re.compile(r'^resource "aws_appautoscaling_\w+" .*?^}\n', re.MULTILINE | re.DOTALL)
STUB = """cd /
PATH='{path}'
case "$*" in
*list-service-deployments*) cat '{bin}/deployments' ;;
*run-task*) echo '{{"tasks": [{{"taskArn": "arn:task/t1"}}]}}' ;;
*describe-tasks*)
    echo '{{"tasks": [{{"lastStatus": "STOPPED", "containers": [{{"name": "service", "exitCode": 0}}]}}]}}'
    ;;
*update-service*) '{aws}' "$@" && echo '{after}' >'{bin}/deployments' ;;
*) exec '{aws}' "$@" ;;
esac"""


def test_what_terraform_makes_is_what_the_scripts_deploy_to(make: Callable[..., Service]) -> None:
    """No second plan is asked for: moto forgets some of what it was told."""
    aws, terraform = tool("aws"), tool("terraform")
    if not PLUGINS.is_dir():
        missing("the AWS provider in a filesystem mirror, TERRAFORM_PLUGINS")
    service = make(platform="ecs", database="postgres", cache="none", strategy="rolling")
    with aws_account() as address:
        variables = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
        }
        environment = {"PATH": os.environ["PATH"], "HOME": str(service.bin), **variables}

        def run(*words: str) -> str:
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=1800, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        def ask(*words: str) -> Any:  # noqa: ANN401 - whatever AWS answers
            return json.loads(run(aws, "--output", "json", *words) or "{}")

        def apply(root: Path, init: list[str], *words: str) -> None:
            """Apply a root with the provider of this machine."""
            versions = root / "versions.tf"
            versions.write_text(versions.read_text().replace('">= 6.25, < 7.0"', '">= 5.100"'))
            (root / "loopback_override.tf").write_text('provider "aws" {\n  s3_use_path_style = true\n}\n')
            run(terraform, f"-chdir={root}", "init", f"-plugin-dir={PLUGINS}", "-no-color", *init)
            run(terraform, f"-chdir={root}", "apply", "-auto-approve", "-no-color", *words)

        folder = service.root / "terraform"
        for path in (folder / "modules" / "service").glob("*.tf"):
            path.write_text(SCALING.sub("", path.read_text()))
        apply(folder / "bootstrap", [], "-var=repository=acme/order-api")
        bucket = f"order-api-state-{ACCOUNT}"
        # It lets nobody in without TLS, which loopback has not.
        ask("s3api", "delete-bucket-policy", "--bucket", bucket)
        ask("route53", "create-hosted-zone", "--name", "example.com", "--caller-reference", "one")
        apply(
            folder / "environments" / "production",
            [f"-backend-config=bucket={bucket}", "-backend-config=use_path_style=true"],
            *(f"-target=module.{name}" for name in MODULES),
        )
        secret = json.loads(ask("secretsmanager", "get-secret-value", "--secret-id", "order-api")["SecretString"])
        assert len(secret["METRICS_TOKEN"]) == 40
        state = run(terraform, f"-chdir={folder / 'environments' / 'production'}", "state", "pull")
        assert secret["METRICS_TOKEN"] not in state

        head = service.head
        for tag in (head, f"backup-{head}"):
            manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": tag}, "layers": []}
            ask(
                *("ecr", "put-image", "--repository-name", "order-api", "--image-tag", tag),
                *("--image-manifest", json.dumps(manifest), "--image-manifest-media-type", MANIFEST),
            )
        after = json.dumps(
            {"serviceDeployments": [{"serviceDeploymentArn": "a", "createdAt": 1, "status": "SUCCESSFUL"}]}
        )
        (service.bin / "deployments").write_text('{"serviceDeployments": []}')
        service.stub("aws", STUB.format(bin=service.bin, aws=aws, path=os.environ["PATH"], after=after))
        done = service.run("deploy", "production", AWS_ACCOUNT_ID=ACCOUNT, **variables)
        assert done.returncode == 0, done.stderr
        live = ask("ecs", "describe-services", "--cluster", "order-api", "--services", "order-api")["services"][0]
        definition = ask("ecs", "describe-task-definition", "--task-definition", live["taskDefinition"])[
            "taskDefinition"
        ]
        (container,) = definition["containerDefinitions"]
        assert container["image"].startswith(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/order-api@sha256:")
        assert {"name": "RELEASE", "value": head} in container["environment"]
        assert definition["executionRoleArn"].endswith(":role/order-api-execution")
