"""Every combination of answers that this version can generate, read from the template itself."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import yaml

from support.render import ROOT, questions, rendered

if TYPE_CHECKING:
    from pathlib import Path

DATABASES = list(questions()["database"]["choices"].values())
CACHES = list(questions()["cache"]["choices"].values())
EXTREMES = {("postgres", "redis"), ("none", "none")}
# Free text that is hard to put into other languages, and names with everything that is allowed.
AWKWARD = {
    "service_name": "a1-b2-c3",
    "description": 'It\'s "quoted": yes & no – ünïcode #1',
    "owner": "acme/pay.team-1",
}


def _platforms() -> list[dict[str, Any]]:
    entries = [
        yaml.safe_load((ROOT / path).read_text())
        for path in questions()["platforms"]["default"]
        if isinstance(path, str)
    ]
    return [entry for entry in entries if entry["available"]]


def combinations() -> list[dict[str, str]]:
    """Return answers that go together, for every platform that is available.

    The MVP checklist comes with every database, cache and pipeline. The Production checklist has the same parts on
    each pipeline, so there all databases and caches go with GitHub, the largest and the smallest with GitLab, and each
    further strategy once with each. Outside of CI the largest and the smallest of each stand for all.
    """
    found = []
    everything = os.environ.get("CI") == "true"
    for platform in _platforms():
        name = platform["name"]
        pipelines = ["github", "gitlab"] + (["platform"] if platform["deploys_on_push"] else [])
        mvp = itertools.product(DATABASES, CACHES, pipelines)
        found += [_answers(name, *parts) for parts in mvp if everything or parts[:2] in EXTREMES]
        production = [(*parts, "github") for parts in itertools.product(DATABASES, CACHES)]
        production += [("postgres", "redis", "gitlab"), ("none", "none", "gitlab")]
        found += [
            _answers(name, *parts, checklist="production")
            for parts in production
            if everything or parts[:2] in EXTREMES
        ]
        for strategy in platform["strategies"][1:]:
            found += [
                _answers(name, "postgres", "none", pipeline, checklist="production", strategy=strategy)
                for pipeline in ("github", "gitlab")
            ]
    return found


def generated(answers: dict[str, str]) -> Path:
    """Return the service of one combination, with awkward free text, for tests that only read."""
    return rendered(**answers, **AWKWARD)


def _answers(platform: str, database: str, cache: str, pipeline: str, **more: str) -> dict[str, str]:
    needs = {"needs": "[app_runner_customer]"} if platform == "app_runner" else {}
    parts = {"platform": platform, "database": database, "cache": cache, "pipeline": pipeline}
    return {**parts, "checklist": "mvp", "strategy": "rolling", **needs, **more}


def name(answers: dict[str, str]) -> str:
    """Return a readable test id, such as `fly-postgres-none-github-mvp-rolling`."""
    return "-".join(value for question, value in answers.items() if question != "needs")
