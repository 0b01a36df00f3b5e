"""Measures goldenpath beside its peers in one run: `python -m benchmarks`, with `--write` to renew docs/benchmarks.md.

Every figure is a median over rounds in which the variants take turns, so that a busy machine slows all of them alike.
CPU time counts the process and its children; it repeats within a few percent where wall time does not.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from benchmarks import generation, service

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
BENCHMARKS = {"generation": generation, "service": service}
HEAD = """# Benchmarks

Written by `python -m benchmarks --write`. Each table comes from one run on one machine, with the variants taking turns:
read the ratios, not the absolute figures.
"""


def main() -> None:
    """Run both benchmarks and print their tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each variant (default 7)")
    parser.add_argument("--write", action="store_true", help="renew docs/benchmarks.md")
    parser.add_argument("--only", choices=list(BENCHMARKS), help="run one of the two")
    options = parser.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    parts = [HEAD, f"Machine: {machine}. Rounds: {options.rounds}."]
    chosen = [module for name, module in BENCHMARKS.items() if options.only in (None, name)]
    parts += [module.report(options.rounds) for module in chosen]
    page = "\n".join(parts).rstrip() + "\n"
    sys.stdout.write(page)
    if options.write:
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
