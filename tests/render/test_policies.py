"""Checkov finds nothing in any combination; what it should not see fit is skipped beside the line, with the reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.combinations import combinations, generated, name
from support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

COMBINATIONS = combinations()
PLATFORMS = sorted({answers["platform"] for answers in COMBINATIONS})
SKIP = re.compile(r"checkov:skip=(\w+):?(.*)")


def _collected(folder: Path, platform: str) -> list[Path]:
    """Copy what the platform's combinations consist of into `folder`, each version of a file once."""
    seen = set()
    copies = []
    for answers in COMBINATIONS:
        if answers["platform"] != platform:
            continue
        service = generated(answers)
        for path in sorted(path for path in service.rglob("*") if path.is_file()):
            part = path.relative_to(service)
            if part.parts[0] == "terraform" or (part, path.read_bytes()) in seen:
                continue
            seen.add((part, path.read_bytes()))
            copies.append(folder / name(answers) / part)
            copies[-1].parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copies[-1])
    return copies


@pytest.mark.parametrize("platform", PLATFORMS)
def test_checkov_fails_nothing(tmp_path: Path, platform: str) -> None:
    folder = tmp_path / "collected"
    copies = _collected(folder, platform)
    frameworks = ["dockerfile", "github_actions", "gitlab_ci", "secrets"]
    done = subprocess.run(
        [tool("checkov"), "--quiet", "--output", "json", "--directory", str(folder), "--framework", *frameworks],
        # It has a fork of hcl2: it must not find ours.
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    reports = {report["check_type"]: report for report in json.loads(done.stdout)}
    assert {"dockerfile", "github_actions", "gitlab_ci"} <= reports.keys()
    for report in reports.values():
        failed = report["results"]["failed_checks"]
        assert [(check["check_id"], check["file_path"], check["resource"]) for check in failed] == []
        assert report["summary"]["parsing_errors"] == 0
    assert done.returncode == 0, done.stderr
    reasons = [match[2] for path in copies for match in SKIP.finditer(path.read_text())]
    assert [reason for reason in reasons if len(reason) < 15] == []
