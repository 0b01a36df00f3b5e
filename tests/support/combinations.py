"""Every combination of answers that this version can generate, read from the template itself."""

from __future__ import annotations

import itertools
from typing import Any

import yaml

from support.render import ROOT, questions


def _platforms() -> list[dict[str, Any]]:
    entries = [
        yaml.safe_load((ROOT / path).read_text())
        for path in questions()["platforms"]["default"]
        if isinstance(path, str)
    ]
    return [entry for entry in entries if entry["available"]]


def combinations() -> list[dict[str, str]]:
    """Return the answers of every platform, database, cache and pipeline that go together."""
    databases = list(questions()["database"]["choices"].values())
    caches = list(questions()["cache"]["choices"].values())
    found = []
    for platform, database, cache in itertools.product(_platforms(), databases, caches):
        pipelines = ["github", "gitlab"] + (["platform"] if platform["deploys_on_push"] else [])
        found += [
            {"platform": platform["name"], "database": database, "cache": cache, "pipeline": pipeline}
            for pipeline in pipelines
        ]
    return found


def name(answers: dict[str, str]) -> str:
    """Return a readable test id, such as `fly-postgres-none-github`."""
    return "-".join(answers.values())
