"""Terraform by script and pipeline: what is applied is what was planned and approved, and drift is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.pipelines import Repository
from support.render import render, rendered
from support.tools import tool

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

CLOUDS = ["cloud_run", "ecs", "app_runner", "container_apps"]
VARIABLES = {
    "cloud_run": {"GCP_PROJECT": "acme-1", "ALERT_EMAIL": "a@example.com"},
    "ecs": {"AWS_ACCOUNT_ID": "123"},
    "app_runner": {"AWS_ACCOUNT_ID": "123"},
    "container_apps": {"AZURE_SUBSCRIPTION_ID": "s-1"},
}
BUCKET = {"cloud_run": "acme-1-order-api-tfstate", "ecs": "order-api-state-123", "app_runner": "order-api-state-123"}
# What Terraform itself reads instead of terraform.tfvars.
READ = {
    "cloud_run": {"TF_VAR_project_id=acme-1", "TF_VAR_alert_email=a@example.com"},
    "ecs": set(),
    "app_runner": set(),
    "container_apps": {"TF_VAR_subscription_id=s-1", "ARM_SUBSCRIPTION_ID=s-1"},
}
KEEP = """
name: stand-in
description: keeps files, or gives them back
inputs: {{name: {{}}, path: {{}}, include-hidden-files: {{}}, if-no-files-found: {{}}, retention-days: {{}}}}
runs:
  using: composite
  steps:
    - shell: sh
      env: {{NAME: "${{{{ inputs.name }}}}", FILES: "${{{{ inputs.path }}}}"}}
      run: {script}
"""


def _answers(platform: str, pipeline: str = "github", checklist: str = "production") -> dict[str, str]:
    needs = {"needs": "[app_runner_customer]"} if platform == "app_runner" else {}
    parts = {"platform": platform, "pipeline": pipeline, "checklist": checklist}
    return {"service_name": "order-api", "database": "postgres", **parts, **needs}


def _simple(root: Path, folder: Path, value: str = "one") -> None:
    """Put roots in the place of all others that need no provider: what they make is a word, kept in a state of ours."""
    folder.mkdir(exist_ok=True)
    for name in ("bootstrap", "environments/staging", "environments/production"):
        for path in (root / "terraform" / name).iterdir():
            if path.is_file():
                path.unlink()
        state = folder / f"{name.replace('/', '-')}.tfstate"
        (root / "terraform" / name / "main.tf").write_text(
            f'terraform {{\n  backend "local" {{\n    path = "{state}"\n  }}\n}}\n\n'
            f'resource "terraform_data" "word" {{\n  input = "{value}"\n}}\n'
        )


@pytest.fixture
def stubbed(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    """A repository with a Terraform that records what it is told, and ends a plan with what the file `code` says."""
    repository = Repository(render(tmp_path / "service", **_answers(request.param)), tmp_path / "bin")
    repository.stub(
        "terraform",
        f"""env | grep -E "^(TF_VAR|ARM)_" >>"{tmp_path}/env"
        case "$*" in
        *" plan "*-out=*) echo plan >"${{1#-chdir=}}/plan.tfplan"; exit "$(cat "{tmp_path}/code")" ;;
        *" plan "*) exit "$(cat "{tmp_path}/code")" ;;
        esac""",
    )
    (tmp_path / "code").write_text("2")
    return repository


@pytest.mark.parametrize(("stubbed", "platform"), [(cloud, cloud) for cloud in CLOUDS], indirect=["stubbed"])
def test_a_plan_gets_the_state_and_every_variable_of_its_cloud(
    stubbed: Repository, platform: str, tmp_path: Path
) -> None:
    done = stubbed.ops("infrastructure", "plan", "staging", **VARIABLES[platform])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "changes=true"
    init, plan = stubbed.calls()
    assert init.startswith("terraform -chdir=terraform/environments/staging init")
    bucket = BUCKET.get(platform)
    assert init.endswith(f" -backend-config=bucket={bucket}" if bucket else " -input=false")
    assert plan.endswith("-lock=false -detailed-exitcode -out=plan.tfplan")
    assert READ[platform] <= set((tmp_path / "env").read_text().split())
    # Nothing asks for a value: each variable has one in the file, a default, or comes from the environment.
    root = stubbed.root / "terraform/environments/staging"
    declared = (root / "variables.tf").read_text().split("variable ")[1:]
    required = {block.split('"')[1] for block in declared if "default" not in block}
    given = {line.split()[0] for line in (root / "terraform.tfvars").read_text().splitlines() if " = " in line}
    assert required - given <= {name.split("=")[0].removeprefix("TF_VAR_") for name in READ[platform]}


@pytest.mark.parametrize("stubbed", ["ecs"], indirect=True)
def test_wrong_use_and_what_is_missing_are_named(stubbed: Repository, tmp_path: Path) -> None:
    for words in [[], ["plan"], ["destroy", "staging"], ["plan", "nowhere"], ["plan", "staging", "x"], ["--wrong"]]:
        assert stubbed.ops("infrastructure", *words, **VARIABLES["ecs"]).returncode == 2, words
    done = stubbed.ops("infrastructure", "plan", "staging")
    assert (done.returncode, "AWS_ACCOUNT_ID" in done.stderr) == (3, True)
    done = stubbed.ops("infrastructure", "apply", "staging", **VARIABLES["ecs"])
    assert (done.returncode, "plan.tfplan is missing" in done.stderr) == (3, True)
    assert stubbed.calls() == []
    dry = stubbed.ops("infrastructure", "--dry-run", "plan", "staging")
    assert (dry.returncode, len(dry.stdout.splitlines()), stubbed.calls()) == (0, 2, [])
    (tmp_path / "code").write_text("1")
    for action in ("plan", "drift"):
        assert stubbed.ops("infrastructure", action, "staging", **VARIABLES["ecs"]).returncode == 4


@pytest.fixture
def real(tmp_path: Path) -> Repository:
    """A repository with the real Terraform and roots that it can apply on this machine."""
    tool("terraform")
    repository = Repository(render(tmp_path / "service", **_answers("container_apps")), tmp_path / "bin")
    _simple(repository.root, tmp_path / "states")
    return repository


def _ops(repository: Repository, *words: str) -> subprocess.CompletedProcess[str]:
    return repository.ops("infrastructure", *words, **VARIABLES["container_apps"])


def test_the_plan_that_was_read_is_applied_once(real: Repository, tmp_path: Path) -> None:
    assert _ops(real, "check").returncode == 0
    planned = _ops(real, "plan", "staging")
    assert planned.returncode == 0, planned.stderr
    assert "Plan: 1 to add" in planned.stdout
    assert planned.stdout.endswith("changes=true\n")
    # A change of the code after the plan is not applied.
    _simple_value = real.root / "terraform/environments/staging/main.tf"
    _simple_value.write_text(_simple_value.read_text().replace("one", "two"))
    applied = _ops(real, "apply", "staging")
    assert applied.returncode == 0, applied.stderr
    state = (tmp_path / "states/environments-staging.tfstate").read_text()
    assert ("one" in state, "two" in state) == (True, False)
    assert _ops(real, "apply", "staging").returncode == 3
    drifted = _ops(real, "drift", "staging")
    assert (drifted.returncode, "what runs in staging is not what the code says" in drifted.stderr) == (6, True)
    _simple_value.write_text(_simple_value.read_text().replace("two", "one"))
    assert _ops(real, "drift", "staging").returncode == 0
    assert _ops(real, "plan", "staging").stdout.endswith("changes=false\n")


def test_a_plan_that_something_overtook_is_refused_with_the_remedy(real: Repository) -> None:
    assert _ops(real, "plan", "staging").returncode == 0
    root = real.root / "terraform/environments/staging"
    plan = (root / "plan.tfplan").read_bytes()
    assert _ops(real, "apply", "staging").returncode == 0
    (root / "plan.tfplan").write_bytes(plan)
    done = _ops(real, "apply", "staging")
    assert done.returncode == 4
    assert "plan again, read that, and apply it" in done.stderr


def test_untidy_or_wrong_terraform_does_not_pass(real: Repository) -> None:
    main = real.root / "terraform/environments/staging/main.tf"
    good = main.read_text()
    main.write_text(good.replace("  input", "      input"))
    assert _ops(real, "check").returncode == 4
    main.write_text(good.replace("input", "inptu"))
    assert _ops(real, "check").returncode == 4


@pytest.mark.parametrize("checklist", ["mvp", "production"])
@pytest.mark.parametrize("platform", CLOUDS)
def test_github_applies_a_read_plan_alone(platform: str, checklist: str) -> None:
    service = rendered(**_answers(platform, checklist=checklist))
    jobs: dict[str, Any] = yaml.safe_load((service / ".github/workflows/infrastructure.yml").read_text())["jobs"]
    environments = ["staging", "production"] if checklist == "production" else ["production"]
    assert jobs["check"]["permissions"] == {"contents": "read"}
    assert "login" not in str(jobs["check"])
    assert "vars." not in str(jobs["check"])
    assert "refs/heads/main" in jobs[f"plan-{environments[0]}"]["if"]
    assert "github.event_name == 'push'" in jobs[f"plan-{environments[0]}"]["if"]
    for environment in environments:
        plan, apply, drift = (jobs[f"{action}-{environment}"] for action in ("plan", "apply", "drift"))
        assert apply["needs"] == f"plan-{environment}"
        assert apply["environment"] == environment
        assert apply["concurrency"] == {"group": f"infrastructure-{environment}"}
        kept, fetched = plan["steps"][-1]["with"], next(s for s in apply["steps"] if "download" in s.get("uses", ""))
        assert fetched["with"]["name"] == kept["name"] == f"plan-{environment}"
        assert f"{fetched['with']['path']}/plan.tfplan" in kept["path"]
        assert kept["retention-days"] <= 3
        # Only Azure's login asks for an environment, and never for one that may wait.
        assert plan.get("environment") == drift.get("environment") != environment
        assert drift["if"] == "github.event_name == 'schedule'"
        assert plan["permissions"] == apply["permissions"] == {"contents": "read", "id-token": "write"}
    bootstrap = "\n".join(path.read_text() for path in (service / "terraform/bootstrap").glob("*.tf"))
    if platform == "container_apps":
        assert 'environment:${each.key}-plan"' in bootstrap
    if platform in {"ecs", "app_runner"}:
        assert 'anywhere     = "repo:${var.repository}:*"' in bootstrap


@pytest.mark.parametrize("checklist", ["mvp", "production"])
@pytest.mark.parametrize("platform", CLOUDS)
def test_gitlab_applies_a_read_plan_alone(platform: str, checklist: str) -> None:
    service = rendered(**_answers(platform, "gitlab", checklist))
    jobs: dict[str, Any] = yaml.safe_load((service / ".gitlab/infrastructure.yml").read_text())
    whole = yaml.safe_load((service / ".gitlab-ci.yml").read_text())
    assert {"local": ".gitlab/infrastructure.yml"} in whole["include"]
    assert "infrastructure" in whole["stages"]
    assert "id_tokens" in jobs[".terraform-login"]
    assert jobs["terraform-check"]["extends"] == ".terraform"
    for environment in ["staging", "production"] if checklist == "production" else ["production"]:
        plan, apply, drift = (jobs[f"{action}-{environment}"] for action in ("plan", "apply", "drift"))
        assert apply["needs"] == [f"plan-{environment}"]
        assert apply["rules"][0]["when"] == "manual"
        assert "$CI_DEFAULT_BRANCH" in apply["rules"][0]["if"]
        assert "$CI_DEFAULT_BRANCH" in plan["rules"][0]["if"]
        assert apply["environment"]["name"] == environment
        assert apply["resource_group"] == f"infrastructure-{environment}"
        assert f"terraform/environments/{environment}/plan.tfplan" in plan["artifacts"]["paths"]
        assert drift["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule" && $CHECK == "drift"'}]


@pytest.mark.system
def test_githubs_pipeline_applies_what_it_planned_and_tells_of_drift(real: Repository, tmp_path: Path) -> None:
    store = tmp_path / "artifacts"
    up = f'mkdir -p "{store}/$NAME" && for f in $FILES; do [ ! -e "$f" ] || cp "$f" "{store}/$NAME/"; done'
    down = f'mkdir -p "$FILES" && cp -R "{store}/$NAME/." "$FILES"'
    for name, script in (("upload", up), ("download", down)):
        real.actions[f"actions/{name}-artifact"] = KEEP.format(script=repr(script))
    real.stub("gh", f'case "$*" in "issue list"*) cat "{tmp_path}/issue" ;; esac')
    (tmp_path / "issue").write_text("")
    real.commit("simple roots")
    first = real.run_github("infrastructure.yml", variables=VARIABLES["container_apps"])
    assert first.code == 0, first.output
    ran = ["check", "plan-staging", "apply-staging", "plan-production", "apply-production"]
    assert first.jobs == dict.fromkeys(ran, "success")
    assert "one" in (tmp_path / "states/environments-production.tfstate").read_text()
    # Without changes nothing is applied, and that is no reason not to look at production.
    second = real.run_github("infrastructure.yml", variables=VARIABLES["container_apps"])
    assert second.code == 0, second.output
    assert set(second.jobs) == {"check", "plan-staging", "plan-production"}
    _simple(real.root, tmp_path / "states", "two")
    real.commit("not applied")
    assert real.run_github("infrastructure.yml", event="schedule", variables=VARIABLES["container_apps"]).code == 0
    opened = [call for call in real.calls() if call.startswith("gh issue create")]
    assert sorted("drift-staging" in call for call in opened) == [False, True]
    (tmp_path / "issue").write_text("7")
    _simple(real.root, tmp_path / "states", "one")
    real.commit("undone")
    assert real.run_github("infrastructure.yml", event="schedule", variables=VARIABLES["container_apps"]).code == 0
    assert len([call for call in real.calls() if call.startswith("gh issue close 7")]) == 2
    assert [call for call in real.calls() if call.startswith("gh issue create")] == opened


@pytest.mark.system
def test_gitlabs_pipeline_applies_the_plan_once_somebody_starts_it_and_fails_on_drift(tmp_path: Path) -> None:
    tool("terraform")
    answers = _answers("container_apps", "gitlab")
    repository = Repository(render(tmp_path / "service", **answers), tmp_path / "bin")
    repository.stub("az", "exit 0")
    _simple(repository.root, tmp_path / "states")
    repository.commit("simple roots")
    state = tmp_path / "states/environments-staging.tfstate"
    variables = VARIABLES["container_apps"] | {"AZURE_ID_TOKEN": "t", "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "d"}
    jobs = ("terraform-check", "plan-staging")
    for job in jobs:
        planned = repository.run_gitlab(variables, job)
        assert planned.jobs == {job: "success"}, planned.output
    assert not state.exists()
    applied = repository.run_gitlab(variables, "apply-staging")
    assert applied.jobs == {"apply-staging": "success"}, applied.output
    assert "one" in state.read_text()
    schedule = variables | {"CI_PIPELINE_SOURCE": "schedule", "CHECK": "drift"}
    assert repository.run_gitlab(schedule, "drift-staging").jobs["drift-staging"] == "success"
    _simple(repository.root, tmp_path / "states", "two")
    repository.commit("not applied")
    assert repository.run_gitlab(schedule, "drift-staging").jobs["drift-staging"] == "failure"
