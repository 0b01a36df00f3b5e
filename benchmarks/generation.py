"""How long a service takes to write: new-service, plain Copier, and cookiecutter with the same files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.measure import in_turn

ROOT = Path(__file__).resolve().parents[1]
COOKIECUTTER = "2.7.1"


def report(rounds: int) -> str:
    """Return the table of generation times.

    Args:
        rounds: How many rounds count.

    Returns:
        A Markdown section.
    """
    programs = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="goldenpath-benchmark-") as temporary:
        work = Path(temporary)
        new = (str(programs / "new-service"), "--defaults", "--no-lock", "--no-git")
        subprocess.run([*new, str(work / "sample")], check=True, capture_output=True)
        files = sum(path.is_file() for path in (work / "sample").rglob("*"))
        cookiecutter = _cookiecutter(work)
        costs = in_turn(
            {
                "`goldenpath --version` (start-up alone)": lambda _number: [str(programs / "goldenpath"), "--version"],
                "`new-service --defaults` (no lock, no Git)": lambda number: [*new, str(work / f"new-{number}")],
                "`copier copy --defaults`, same template": lambda number: [
                    str(programs / "copier"), "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD",
                    str(ROOT), str(work / f"copier-{number}"),
                ],
                "cookiecutter, same files": lambda number: [
                    *cookiecutter, str(work / "cookiecutter"), "--output-dir", str(work / f"cookiecutter-{number}"),
                ],
            },
            rounds,
        )  # fmt: skip
    base = costs["`copier copy --defaults`, same template"]
    own = costs["`new-service --defaults` (no lock, no Git)"]
    rows = [
        f"| {name} | {cost.wall * 1000:.0f} | {cost.cpu * 1000:.0f} | {cost.cpu / base.cpu:.2f} |"
        for name, cost in costs.items()
    ]
    return "\n".join(
        [
            f"\n## Writing a service ({files} files)\n",
            "| command | wall ms | CPU ms | CPU of plain Copier |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Our own share, over plain Copier: {(own.cpu - base.cpu) * 1000:.0f} ms of CPU. The lock file and the",
            "first commit are left out on both sides. cookiecutter renders the finished files with the service's name",
            "as its one variable: it asks, plans, validates and records nothing, and is here as the floor.",
        ]
    )


def _cookiecutter(work: Path) -> tuple[str, ...]:
    """Make a cookiecutter template of the generated service, and return the command that renders it."""
    template = work / "cookiecutter"
    project = template / "{{ cookiecutter.service_name }}"
    shutil.copytree(work / "sample", project)
    for path in project.rglob("*"):
        if path.is_file():
            text = path.read_text()
            raw = "{% raw %}" + text + "{% endraw %}" if "{{" in text or "{%" in text or "{#" in text else text
            path.write_text(raw.replace("sample", "{{ cookiecutter.service_name }}") if raw == text else raw)
    (template / "cookiecutter.json").write_text(json.dumps({"service_name": "sample"}))
    venv.create(work / "venv", with_pip=True)
    python = str(work / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"cookiecutter=={COOKIECUTTER}"], check=True)
    return (str(work / "venv" / "bin" / "cookiecutter"), "--no-input")
