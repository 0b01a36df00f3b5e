"""Nothing reaches production untested, a bad deploy is rolled back, and a pipeline names only what is there."""

from __future__ import annotations

import functools
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.combinations import combinations, name
from support.render import render

COMBINATIONS = combinations()
PUSHED = [answers for answers in COMBINATIONS if answers["pipeline"] == "github"]
GITLAB = [answers for answers in COMBINATIONS if answers["pipeline"] == "gitlab"]
BY_PLATFORM = [answers for answers in COMBINATIONS if answers["pipeline"] == "platform"]


@functools.cache
def _render(items: tuple[tuple[str, str], ...]) -> Path:
    return render(Path(tempfile.mkdtemp(prefix="goldenpath-pipelines-")) / "service", **dict(items))


def _service(answers: dict[str, str]) -> Path:
    return _render(tuple(answers.items()))


def _jobs(service: Path, workflow: str) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load((service / ".github" / "workflows" / workflow).read_text())["jobs"]
    return jobs


@pytest.mark.parametrize("answers", PUSHED, ids=name)
def test_github_deploys_only_what_passed_and_only_from_main(answers: dict[str, str]) -> None:
    jobs = _jobs(_service(answers), "ci.yml")
    assert set(jobs["deploy"]["needs"]) == {"test", "image"}
    assert jobs["deploy"]["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert jobs["smoke"]["needs"] == "deploy"
    assert not any("continue-on-error" in step for job in jobs.values() for step in [job, *job["steps"]])


@pytest.mark.parametrize("answers", PUSHED, ids=name)
@pytest.mark.parametrize(
    ("deploy", "smoke", "rolls_back"),
    [
        ("success", "success", False),
        ("success", "failure", True),
        ("failure", "skipped", True),
        ("skipped", "skipped", False),
    ],
)
def test_github_rolls_back_when_the_deploy_or_the_smoke_test_fails(
    answers: dict[str, str], deploy: str, smoke: str, *, rolls_back: bool
) -> None:
    job = _jobs(_service(answers), "ci.yml")["rollback"]
    assert set(job["needs"]) == {"deploy", "smoke"}
    condition = job["if"].replace("always()", "True").replace("&&", "and").replace("||", "or")
    condition = condition.replace("needs.deploy.result", repr(deploy)).replace("needs.smoke.result", repr(smoke))
    assert eval(condition, {"__builtins__": {}}) is rolls_back
    # Without a status function GitHub skips a job after a failed one, whatever its condition says.
    assert job["if"].startswith("always() &&")
    assert any(step.get("run") == "ops/rollback production" for step in job["steps"])


@pytest.mark.parametrize("answers", BY_PLATFORM, ids=name)
def test_a_platform_that_deploys_on_push_waits_for_the_checks(answers: dict[str, str]) -> None:
    service = _service(answers)
    assert set(_jobs(service, "ci.yml")) == {"test", "image"}
    config = (service / {"render": "render.yaml", "railway": ".railway/railway.ts"}[answers["platform"]]).read_text()
    gate = {"render": "autoDeployTrigger: checksPass", "railway": "checkSuites: true"}[answers["platform"]]
    assert gate in config
    assert _jobs(service, "smoke.yml")["smoke"]["if"] == "github.event.deployment_status.state == 'success'"


@pytest.mark.parametrize("answers", GITLAB, ids=name)
def test_gitlab_gates_deploys_and_rolls_back(answers: dict[str, str]) -> None:
    jobs = yaml.safe_load((_service(answers) / ".gitlab-ci.yml").read_text())
    assert set(jobs["deploy"]["needs"]) == {"test", "build"}
    assert jobs["smoke"]["needs"] == ["deploy"]
    assert jobs[".rollback"]["rules"][0]["when"] == "on_failure"
    # One need each: GitLab skips a job when one of its needs was skipped.
    assert jobs["rollback-failed-deploy"]["needs"] == ["deploy"]
    assert jobs["rollback-failed-smoke"]["needs"] == ["smoke"]
    assert jobs[".operate"]["resource_group"] == "production"
    for job in ("deploy", "smoke"):
        (rule,) = jobs[jobs[jobs[job]["extends"]].get("extends", jobs[job]["extends"])]["rules"]
        assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule["if"]
    assert "allow_failure" not in (_service(answers) / ".gitlab-ci.yml").read_text()


@pytest.mark.parametrize("answers", COMBINATIONS, ids=name)
def test_pipelines_call_scripts_that_exist_and_name_secrets_that_are_documented(answers: dict[str, str]) -> None:
    service = _service(answers)
    pipelines = [
        *service.glob(".github/workflows/*.yml"),
        *service.glob(".gitlab*.yml"),
        *service.glob(".gitlab/*.yml"),
    ]
    text = "\n".join(path.read_text() for path in pipelines)
    scripts = set(re.findall(r"\bops/([\w.-]+)", text))
    assert {"smoke"} <= scripts
    assert [script for script in scripts if not (service / "ops" / script).is_file()] == []
    documented = (service / "DEPLOYMENT.md").read_text()
    secrets = set(re.findall(r"secrets\.([A-Z_]+)", text)) | set(re.findall(r"vars\.([A-Z_]+)", text))
    assert [secret for secret in secrets if secret not in documented] == []


@pytest.mark.parametrize("answers", COMBINATIONS, ids=name)
def test_uptime_is_checked_and_backups_are_drilled_on_a_schedule(answers: dict[str, str]) -> None:
    service = _service(answers)
    with_data = answers["database"] == "postgres"
    if answers["pipeline"] == "gitlab":
        jobs = yaml.safe_load((service / ".gitlab" / "monitoring.yml").read_text())
        assert ("restore-drill" in jobs) == with_data
        assert all('$CI_PIPELINE_SOURCE == "schedule"' in job["rules"][0]["if"] for job in jobs.values())
        return
    uptime = yaml.safe_load((service / ".github" / "workflows" / "uptime.yml").read_text())
    # YAML 1.1 reads the key `on` as true.
    assert uptime[True]["schedule"]
    steps = uptime["jobs"]["check"]["steps"]
    assert [step.get("if") for step in steps] == [None, None, "failure()", None]
    drill = service / ".github" / "workflows" / "restore-drill.yml"
    assert drill.exists() == with_data
    if with_data:
        assert yaml.safe_load(drill.read_text())[True]["schedule"]
