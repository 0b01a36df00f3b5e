"""Prints a plan: as text for a person, as JSON for a program."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from goldenpath.plan import MonthlyCost, Option, Plan

WIDTH = 100


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON values.

    Args:
        plan: The plan.

    Returns:
        The document that `goldenpath plan --format json` prints.
    """
    return {
        "stage": plan.request.stage,
        "requests_per_day": plan.request.requests_per_day,
        "checklist": plan.checklist,
        "recommended": plan.recommended.platform.name,
        "options": [_option(option) for option in plan.options],
        "warnings": list(plan.warnings),
    }


def as_table(plan: Plan) -> str:
    """Return the options side by side, for the interview.

    Args:
        plan: The plan.

    Returns:
        A table of one line an option.
    """
    rows = [("", "Platform", "Monthly cost", "Complexity", "Why")]
    rows += [
        (
            "→" if option.recommended else " ",
            option.platform.title,
            amount(option.monthly_cost),
            f"{option.platform.complexity} of 8",
            option.platform.reasons[0],
        )
        for option in plan.options
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    rest = WIDTH - sum(widths) - 8
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), _short(row[4], rest)])
        for row in rows
    ]
    return "\n".join(["", *(line.rstrip() for line in lines), *_wrapped("Note: ", plan.warnings), ""])


def as_text(plan: Plan) -> str:
    """Return the whole plan for a person to read.

    Args:
        plan: The plan.

    Returns:
        Text of at most 100 columns.
    """
    parts = [
        f"{plan.tier.title}: {plan.request.requests_per_day:,} requests a day, {plan.checklist} checklist",
        as_table(plan).strip("\n"),
    ]
    for option in plan.options:
        mark = " (recommended)" if option.recommended else ""
        lines = ["", f"{option.rank}. {option.platform.title}{mark}, {amount(option.monthly_cost)} a month"]
        lines += _section("Why", option.reasons)
        lines += _section("You give up", option.trade_offs)
        cost = [f"{line.name}: {_range(line.low, line.high)} – {line.basis}" for line in option.monthly_cost.items]
        lines += _section(f"Cost, list prices of {option.monthly_cost.as_of}", cost)
        lines += _section("Leave it when", option.platform.upgrade_when)
        lines += _section("To move there", option.migration)
        parts.append("\n".join(lines))
    return "\n".join(parts)


def amount(cost: MonthlyCost) -> str:
    """Return a monthly cost in a few characters, such as `13 USD` or `10 to 20 USD`."""
    return f"{_range(cost.low, cost.high)} {cost.currency}"


def _range(low: float, high: float) -> str:
    return f"{high:.0f}" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f} to {high:.0f}"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    wrapped = _wrapped("   - ", lines)
    return [f"   {title}:", *wrapped] if wrapped else []


def _wrapped(lead: str, lines: Iterable[str]) -> list[str]:
    return [
        textwrap.fill(line, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_long_words=False)
        for line in lines
    ]


def _short(text: str, width: int) -> str:
    return textwrap.shorten(text, width, placeholder=" …")


def _option(option: Option) -> dict[str, Any]:
    cost = option.monthly_cost
    return {
        "platform": option.platform.name,
        "title": option.platform.title,
        "rank": option.rank,
        "recommended": option.recommended,
        "complexity": option.platform.complexity,
        "reasons": list(option.reasons),
        "trade_offs": list(option.trade_offs),
        "monthly_cost": {
            "low": cost.low,
            "high": cost.high,
            "currency": cost.currency,
            "as_of": cost.as_of,
            "items": [
                {"name": line.name, "low": line.low, "high": line.high, "basis": line.basis, "source": line.source}
                for line in cost.items
            ],
        },
        "upgrade_when": list(option.platform.upgrade_when),
        "migration": list(option.migration),
    }
