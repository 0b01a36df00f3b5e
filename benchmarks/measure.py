"""Runs commands in turn and takes medians of their wall and CPU time."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command costs.

    Args:
        wall: Median wall time in seconds.
        cpu: Median CPU time of the process and its children in seconds.
    """

    wall: float
    cpu: float


def in_turn(commands: Mapping[str, Callable[[int], Sequence[str]]], rounds: int) -> dict[str, Cost]:
    """Run every command once a round and return the medians.

    Args:
        commands: For each variant, a function from the round's number to its command line.
        rounds: How many rounds count; one more goes before them to warm the caches.

    Returns:
        The cost by variant.

    Raises:
        subprocess.CalledProcessError: A command failed; its output is on stderr.
    """
    samples: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            before, start = os.times(), time.perf_counter()
            subprocess.run(command(number), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            wall, after = time.perf_counter() - start, os.times()
            cpu = after.children_user + after.children_system - before.children_user - before.children_system
            if number:
                samples[name].append(Cost(wall, cpu))
    return {
        name: Cost(statistics.median(s.wall for s in taken), statistics.median(s.cpu for s in taken))
        for name, taken in samples.items()
    }
