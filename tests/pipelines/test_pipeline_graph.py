"""Nothing reaches production untested, a bad deploy is rolled back, and a pipeline names only what is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.combinations import combinations, generated, name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COMBINATIONS = combinations()
MVP = [answers for answers in COMBINATIONS if answers["checklist"] == "mvp"]
PRODUCTION = [answers for answers in COMBINATIONS if answers["checklist"] == "production"]
CLOUDS = {"cloud_run", "ecs", "app_runner", "container_apps"}
MAIN = "github.event_name == 'push' && github.ref == 'refs/heads/main'"
GITLAB_MAIN = '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE == "push"'


def _on(pipeline: str, chosen: Iterable[dict[str, str]]) -> list[Any]:
    return [pytest.param(answers, id=name(answers)) for answers in chosen if answers["pipeline"] == pipeline]


def _jobs(service: Path, workflow: str) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load((service / ".github" / "workflows" / workflow).read_text())["jobs"]
    return jobs


def _gitlab(service: Path) -> dict[str, Any]:
    """Return GitLab's jobs by name, each with what it extends."""
    jobs = {
        key: value
        for key, value in yaml.safe_load((service / ".gitlab-ci.yml").read_text()).items()
        if isinstance(value, dict) and key not in {"default", "workflow"}
    }

    def whole(job: dict[str, Any]) -> dict[str, Any]:
        return {**(whole(jobs[job["extends"]]) if "extends" in job else {}), **job}

    return {key: whole(job) for key, job in jobs.items()}


def _before(jobs: dict[str, Any], job: str) -> set[str]:
    """Return every job that must have passed before `job` starts."""
    needs = jobs[job].get("needs", [])
    found = set([needs] if isinstance(needs, str) else needs)
    return found.union(*(_before(jobs, need) for need in found))


def _published(answers: dict[str, str]) -> set[str]:
    """Return the job that publishes the image, where the platform builds none."""
    return {"publish"} if answers["platform"] in CLOUDS else set()


def _runs(job: dict[str, Any]) -> list[str]:
    return [*(step["run"] for step in job.get("steps", []) if "run" in step), *job.get("script", [])]


def _operators(jobs: dict[str, Any]) -> set[str]:
    """Return the jobs that change what runs."""
    changes = re.compile(r"\bops/(?:publish|deploy|release|shift|rollback|migrate)\b")
    return {key for key, job in jobs.items() if any(changes.search(line) for line in _runs(job))}


@pytest.mark.parametrize("answers", _on("github", MVP))
def test_github_deploys_only_what_passed_and_only_from_main(answers: dict[str, str]) -> None:
    jobs = _jobs(generated(answers), "ci.yml")
    assert _before(jobs, "deploy") == {"test", "image"} | _published(answers)
    for job in {"deploy"} | _published(answers):
        assert {"test", "image"} <= _before(jobs, job)
        assert jobs[job]["if"] == MAIN
    assert _operators(jobs) == {"deploy", "rollback"} | _published(answers)
    assert jobs["smoke"]["needs"] == "deploy"
    assert not any("continue-on-error" in step for job in jobs.values() for step in [job, *job["steps"]])


@pytest.mark.parametrize("answers", _on("github", MVP))
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
    job = _jobs(generated(answers), "ci.yml")["rollback"]
    assert set(job["needs"]) == {"deploy", "smoke"}
    condition = job["if"].replace("always()", "True").replace("&&", "and").replace("||", "or")
    condition = condition.replace("needs.deploy.result", repr(deploy)).replace("needs.smoke.result", repr(smoke))
    assert eval(condition, {"__builtins__": {}}) is rolls_back
    # Without a status function GitHub skips a job after a failed one, whatever its condition says.
    assert job["if"].startswith("always() &&")
    assert "ops/rollback production" in _runs(job)


def _checks(answers: dict[str, str], image: str) -> set[str]:
    """Return the jobs that a change must pass under the Production checklist."""
    found = {"lint", "unit", "alerts", "code-scan", "secret-scan", "dependency-scan", image}
    return found | ({"integration"} if {answers["database"], answers["cache"]} != {"none"} else set())


@pytest.mark.proves("production:pipeline")
@pytest.mark.parametrize("answers", _on("github", PRODUCTION))
def test_github_releases_in_steps_each_behind_everything_before_it(answers: dict[str, str]) -> None:
    jobs = _jobs(generated(answers), "ci.yml")
    checks = _checks(answers, "image")
    assert checks <= jobs.keys()
    assert checks | _published(answers) <= _before(jobs, "staging")
    assert _before(jobs, "production") == {"staging"} | _before(jobs, "staging")
    for job in _published(answers):
        assert checks <= _before(jobs, job)
        assert jobs[job]["if"] == MAIN
    # A condition with always() or failure() would run although something before it failed.
    for environment in ("staging", "production"):
        assert jobs[environment]["if"] == MAIN
        # The rules of this environment on GitHub are the approval.
        assert jobs[environment]["environment"]["name"] == environment
        assert f'ops/release {environment} "$GITHUB_SHA"' in _runs(jobs[environment])
        # GitHub would cut a release short otherwise, and two would overtake each other.
        assert jobs[environment]["concurrency"] == {"group": f"release-{environment}"}
    assert _operators(jobs) == {"staging", "production"} | _published(answers)
    assert not any("continue-on-error" in step for job in jobs.values() for step in [job, *job["steps"]])
    assert jobs["report"]["if"].startswith("failure() &&")
    assert checks <= set(jobs["report"]["needs"])


@pytest.mark.parametrize("answers", _on("platform", COMBINATIONS))
def test_a_platform_that_deploys_on_push_waits_for_the_checks(answers: dict[str, str]) -> None:
    service = generated(answers)
    assert set(_jobs(service, "ci.yml")) == {"test", "image"}
    config = (service / {"render": "render.yaml", "railway": ".railway/railway.ts"}[answers["platform"]]).read_text()
    gate = {"render": "autoDeployTrigger: checksPass", "railway": "checkSuites: true"}[answers["platform"]]
    assert gate in config
    assert _jobs(service, "smoke.yml")["smoke"]["if"] == "github.event.deployment_status.state == 'success'"


@pytest.mark.parametrize("answers", _on("gitlab", MVP))
def test_gitlab_gates_deploys_and_rolls_back(answers: dict[str, str]) -> None:
    jobs = _gitlab(generated(answers))
    assert _before(jobs, "deploy") == {"test", "build"} | _published(answers)
    assert jobs["smoke"]["needs"] == ["deploy"]
    # One need each: GitLab skips a job when one of its needs was skipped.
    assert jobs["rollback-failed-deploy"]["needs"] == ["deploy"]
    assert jobs["rollback-failed-smoke"]["needs"] == ["smoke"]
    rollbacks = {".rollback", "rollback-failed-deploy", "rollback-failed-smoke"}
    assert _operators(jobs) == {"deploy"} | rollbacks | _published(answers)
    for job in {"deploy", "smoke"} | _published(answers):
        assert jobs[job]["rules"] == [{"if": GITLAB_MAIN}]
    for job in rollbacks:
        assert jobs[job]["rules"] == [{"if": GITLAB_MAIN, "when": "on_failure"}]
    assert {jobs[job]["resource_group"] for job in _operators(jobs)} == {"production"}
    assert not any("allow_failure" in job for job in jobs.values())


@pytest.mark.proves("production:pipeline")
@pytest.mark.parametrize("answers", _on("gitlab", PRODUCTION))
def test_gitlab_releases_in_steps_each_behind_everything_before_it(answers: dict[str, str]) -> None:
    jobs = _gitlab(generated(answers))
    checks = _checks(answers, "image-scan")
    assert checks <= jobs.keys()
    assert checks | {"build"} | _published(answers) <= _before(jobs, "staging")
    assert _before(jobs, "production") == {"staging"} | _before(jobs, "staging")
    for job in _published(answers):
        assert checks <= _before(jobs, job)
    for job in {"staging"} | _published(answers):
        assert jobs[job]["rules"] == [{"if": GITLAB_MAIN}]
    assert jobs["production"]["rules"] == [{"if": GITLAB_MAIN, "when": "manual"}]
    for environment in ("staging", "production"):
        assert jobs[environment]["environment"]["name"] == environment
        assert jobs[environment]["resource_group"] == environment
        assert jobs[environment]["interruptible"] is False
        assert f'ops/release {environment} "$CI_COMMIT_SHA"' in _runs(jobs[environment])
    assert _operators(jobs) == {"staging", "production"} | _published(answers)
    # A manual job may be skipped unless it says so: then the pipeline would be green without a release.
    assert {key: job["allow_failure"] for key, job in jobs.items() if "allow_failure" in job} == {"production": False}
    assert jobs["report"]["rules"] == [{"if": GITLAB_MAIN, "when": "on_failure"}]


@pytest.mark.parametrize("answers", COMBINATIONS, ids=name)
def test_pipelines_call_scripts_that_exist_and_name_secrets_that_are_documented(answers: dict[str, str]) -> None:
    service = generated(answers)
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
    service = generated(answers)
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
