"""The catalog: the tier table and the platforms, as data that Jinja and the command line read alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from goldenpath.errors import ExitCode, GoldenpathError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CostStep:
    """What one item costs up to some traffic.

    Args:
        up_to: Requests a day, inclusive.
        low: Lowest cost in the currency of the platform a month.
        high: Highest cost a month.
        basis: The arithmetic.
    """

    up_to: int
    low: float
    high: float
    basis: str


@dataclass(frozen=True, slots=True)
class CostItem:
    """One line of a platform's bill.

    Args:
        name: What is paid for.
        part: `service`, `database` or `cache`: the answer that brings the item.
        source: Where the price was read.
        steps: The cost by traffic, ascending.
    """

    name: str
    part: str
    source: str
    steps: tuple[CostStep, ...]


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform, as its catalog file describes it.

    Args:
        name: The answer's value.
        title: What a person reads.
        available: Whether this version generates it.
        open_to_new_customers: Whether anybody may start on it.
        clouds: The clouds it runs on; none for platforms of their own.
        complexity: 1 for the simplest.
        provides: The needs it fills.
        reasons: Why one chooses it.
        trade_offs: What one gives up.
        upgrade_when: What makes one leave it.
        migration: The steps to move to it.
        as_of: Date of the prices.
        currency: Of the prices.
        costs: The lines of its bill.
    """

    name: str
    title: str
    available: bool
    open_to_new_customers: bool
    clouds: tuple[str, ...]
    complexity: int
    provides: tuple[str, ...]
    reasons: tuple[str, ...]
    trade_offs: tuple[str, ...]
    upgrade_when: tuple[str, ...]
    migration: tuple[str, ...]
    as_of: str
    currency: str
    costs: tuple[CostItem, ...]


@dataclass(frozen=True, slots=True)
class Tier:
    """One row of the tier table.

    Args:
        name: `mvp`, `growth` or `scale` in the table that ships.
        title: What a person reads.
        traffic: Its traffic in words.
        max_requests_per_day: The most it carries, inclusive.
        raised_by: The needs that ask for this row.
        cloud: Whether its platforms run on a cloud that may be in use already.
        platforms: Their names, simplest first.
        upgrade_when: What makes one leave the row.
    """

    name: str
    title: str
    traffic: str
    max_requests_per_day: int
    raised_by: tuple[str, ...]
    cloud: bool
    platforms: tuple[str, ...]
    upgrade_when: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """What a service must meet.

    Args:
        name: The answer's value.
        title: What a person reads.
        available: Whether this version generates services that meet it.
        stages: The stages that ask for it.
    """

    name: str
    title: str
    available: bool
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All facts that a plan needs.

    Args:
        tiers: The rows of the tier table, least traffic first.
        platforms: The platforms by name.
        checklists: The checklists.
    """

    tiers: tuple[Tier, ...]
    platforms: dict[str, Platform]
    checklists: tuple[Checklist, ...]


def load_catalog(directory: Path) -> Catalog:
    """Read and check a catalog.

    Args:
        directory: The folder with `tiers.yml`, `checklists.yml` and `platforms/`.

    Returns:
        The catalog.

    Raises:
        GoldenpathError: A file is missing or malformed, or names a platform that does not exist.
    """
    tiers = tuple(_build(directory / "tiers.yml", entry, _tier) for entry in _entries(directory / "tiers.yml"))
    platforms = {}
    for path in sorted((directory / "platforms").glob("*.yml")):
        for entry in _entries(path):
            platform = _build(path, entry, _platform)
            platforms[platform.name] = platform
    checklists = tuple(
        _build(directory / "checklists.yml", entry, _checklist) for entry in _entries(directory / "checklists.yml")
    )
    for tier in tiers:
        for name in tier.platforms:
            if name not in platforms:
                raise _malformed(directory / "tiers.yml", f"platforms = {name!r}: there is no such platform")
    return Catalog(tiers, platforms, checklists)


def _tier(entry: dict[str, Any]) -> Tier:
    return Tier(
        name=str(entry["name"]),
        title=str(entry["title"]),
        traffic=str(entry["traffic"]),
        max_requests_per_day=int(entry["max_requests_per_day"]),
        raised_by=_texts(entry["raised_by"]),
        cloud=_flag(entry["cloud"]),
        platforms=_texts(entry["platforms"]),
        upgrade_when=str(entry["upgrade_when"]),
    )


def _platform(entry: dict[str, Any]) -> Platform:
    costs = entry["costs"]
    return Platform(
        name=str(entry["name"]),
        title=str(entry["title"]),
        available=_flag(entry["available"]),
        open_to_new_customers=_flag(entry["open_to_new_customers"]),
        clouds=_texts(entry["clouds"]),
        complexity=int(entry["complexity"]),
        provides=_texts(entry["provides"]),
        reasons=_texts(entry["reasons"]),
        trade_offs=_texts(entry["trade_offs"]),
        upgrade_when=_texts(entry["upgrade_when"]),
        migration=_texts(entry["migration"]),
        as_of=str(costs["as_of"]),
        currency=str(costs["currency"]),
        costs=tuple(_cost_item(item) for item in costs["items"]),
    )


def _cost_item(entry: dict[str, Any]) -> CostItem:
    steps = tuple(
        CostStep(int(step["up_to"]), float(step["low"]), float(step["high"]), str(step["basis"]))
        for step in entry["steps"]
    )
    if not steps or [step.up_to for step in steps] != sorted({step.up_to for step in steps}):
        message = f"costs.{entry['name']}.steps: up_to must ascend"
        raise ValueError(message)
    if any(not 0 <= step.low <= step.high for step in steps):
        message = f"costs.{entry['name']}.steps: low must be between 0 and high"
        raise ValueError(message)
    if entry["part"] not in {"service", "database", "cache"}:
        message = f"costs.{entry['name']}.part = {entry['part']!r}: use service, database or cache"
        raise ValueError(message)
    return CostItem(str(entry["name"]), str(entry["part"]), str(entry["source"]), steps)


def _checklist(entry: dict[str, Any]) -> Checklist:
    return Checklist(str(entry["name"]), str(entry["title"]), _flag(entry["available"]), _texts(entry["stages"]))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        message = f"{value!r} is not a list"
        raise TypeError(message)
    return tuple(str(item) for item in value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        message = f"{value!r} is not true or false"
        raise TypeError(message)
    return value


def _build(path: Path, entry: Any, build: Callable[[dict[str, Any]], _T]) -> _T:  # noqa: ANN401 - any YAML value
    try:
        return build(entry)
    except KeyError as error:
        raise _malformed(path, f"{error.args[0]} is missing") from error
    except (TypeError, ValueError) as error:
        raise _malformed(path, str(error)) from error


def _entries(path: Path) -> list[Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - one of the two safe loaders
    except (OSError, yaml.YAMLError) as error:
        raise _malformed(path, " ".join(str(error).split())) from error
    return document if isinstance(document, list) else [document]


def _malformed(path: Path, problem: str) -> GoldenpathError:
    message = f"catalog {path.parent.name}/{path.name}: {problem}."
    return GoldenpathError(message, remedy="Mend the catalog file.", exit_code=ExitCode.TEMPLATE)
