"""Tests that start servers, containers or stand-ins for platforms take long: they run in CI, or when asked for."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked `system`, except with `CI=true` or with `-m`."""
    if os.environ.get("CI") == "true" or config.option.markexpr:
        return
    skip = pytest.mark.skip(reason="starts servers: runs with CI=true or -m system")
    for item in items:
        if item.get_closest_marker("system"):
            item.add_marker(skip)
