"""Says what `goldenpath new` is about to write and what it wrote, as text and as JSON."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from goldenpath.generate import Generated
    from goldenpath.layers import LayerFile
    from goldenpath.questionnaire import Resolution


def before(destination: Path, files: Sequence[LayerFile], resolution: Resolution, plan: Mapping[str, Any]) -> str:
    """Return the summary that a person reads before anything is written.

    Args:
        destination: Where the service goes.
        files: What would be written.
        resolution: The answers, with where each came from.
        plan: The plan in its JSON shape.

    Returns:
        Lines of text: answers, files by component, monthly cost, warnings.
    """
    width = max(len(name) for name in resolution.answers)
    lines = ["", "Answers"]
    lines += [
        f"  {name:<{width}}  {_shown(value)}{'' if resolution.given(name) else '  (default)'}"
        for name, value in resolution.answers.items()
    ]
    lines += ["", f"Files in {destination}: {len(files)}"]
    by_component = sorted(files, key=lambda file: file.component)
    for component, members in groupby(by_component, key=lambda file: file.component):
        names = [member.path for member in members]
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")  # noqa: PLR2004
        lines.append(f"  {component or 'answers':<{width}}  {shown}")
    lines += ["", *_cost(str(resolution.values["platform"]), plan)]
    lines += [f"Note: {warning}" for warning in plan["warnings"]]
    return "\n".join(lines)


def dry_run(files: Sequence[LayerFile]) -> str:
    """Return every file that would be written, with the reason for each.

    Args:
        files: What would be written.

    Returns:
        One line a file.
    """
    width = max(len(file.path) for file in files)
    return "\n".join(f"{file.path:<{width}}  {file.why}" for file in files)


def after(generated: Generated, steps: str) -> str:
    """Return what was written and what to do next.

    Args:
        generated: What was written.
        steps: The template's next steps.

    Returns:
        Lines of text.
    """
    return f"\nWrote {len(generated.files)} files to {generated.destination}\n\n{steps}"


def as_document(  # noqa: PLR0913 - the parts of one document
    destination: Path,
    files: Sequence[LayerFile],
    resolution: Resolution,
    plan: Mapping[str, Any],
    *,
    generated: Generated | None,
    steps: str = "",
) -> dict[str, Any]:
    """Return what `--format json` prints.

    Args:
        destination: Where the service goes.
        files: What was or would be written.
        resolution: The answers.
        plan: The plan in its JSON shape.
        generated: What was written, or `None` for a dry run.
        steps: The template's next steps, a list with one `- ` a step.

    Returns:
        A document of plain JSON values.
    """
    return {
        "destination": str(destination),
        "dry_run": generated is None,
        "answers": dict(resolution.answers),
        "files": [{"path": file.path, "component": file.component, "why": file.why} for file in files],
        "plan": dict(plan),
        "done": generated.done if generated else [],
        "warnings": generated.warnings if generated else [],
        "next_steps": [line.removeprefix("- ") for line in steps.splitlines() if line.startswith("- ")],
    }


def _cost(platform: str, plan: Mapping[str, Any]) -> list[str]:
    for option in plan["options"]:
        if option["platform"] == platform:
            cost = option["monthly_cost"]
            amount = f"{cost['low']:.0f}" if cost["low"] == cost["high"] else f"{cost['low']:.0f} to {cost['high']:.0f}"
            return [f"Monthly cost on {option['title']}: {amount} {cost['currency']} (list prices of {cost['as_of']})"]
    return [f"Note: {platform} is not among the platforms that the plan proposes; see `goldenpath plan`."]


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return str(value) or "–"
