"""The planner: from stage, traffic and needs to two or three ranked platforms, with reasons and cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenpath.errors import UsageProblem, UsageProblems

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from goldenpath.catalog import Catalog, CostItem, Platform, Tier

MOST_OPTIONS = 3
FEWEST_OPTIONS = 2
# A jump in the bill that a person should know of before moving.
COST_JUMP_SHARE = 0.25
COST_JUMP_AMOUNT = 50.0
APP_RUNNER_CUSTOMER = "app_runner_customer"

_TRAFFIC = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([kKmM]?)")
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
MOST_REQUESTS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the plan is for.

    Args:
        stage: A stage of the tier table.
        requests_per_day: Expected requests a day.
        needs: Needs that only some platforms fill.
        cloud: A cloud in use already, or `any`.
        database: `postgres` or `none`.
        cache: `redis` or `none`.
        from_platform: Today's platform, or `None`.
    """

    stage: str
    requests_per_day: int
    needs: tuple[str, ...] = ()
    cloud: str = "any"
    database: str = "postgres"
    cache: str = "none"
    from_platform: str | None = None

    @classmethod
    def parse(  # noqa: PLR0913 - one keyword for each option
        cls,
        catalog: Catalog,
        *,
        stage: str,
        requests_per_day: str,
        needs: Iterable[str],
        cloud: str,
        database: str,
        cache: str,
        from_platform: str | None,
    ) -> PlanRequest:
        """Check what a person wrote.

        Args:
            catalog: The facts, which name the stages, needs and clouds there are.
            stage: As typed.
            requests_per_day: As typed, such as `5k`.
            needs: As typed.
            cloud: As typed.
            database: As typed.
            cache: As typed.
            from_platform: As typed, or `None`.

        Returns:
            The request.

        Raises:
            UsageProblems: Everything that is wrong with it.
        """
        needs = tuple(needs)
        known_needs = sorted({need for tier in catalog.tiers for need in tier.raised_by})
        known_clouds = ["any", *sorted({cloud for platform in catalog.platforms.values() for cloud in platform.clouds})]
        checked = [
            ("stage", stage, [tier.name for tier in catalog.tiers]),
            ("cloud", cloud, known_clouds),
            ("database", database, ["postgres", "none"]),
            ("cache", cache, ["redis", "none"]),
            *(("need", need, known_needs) for need in needs),
            *([("from", from_platform, sorted(catalog.platforms))] if from_platform is not None else []),
        ]
        problems = [
            UsageProblem(f"--{field}", value, "It is not known.", f"Use one of {', '.join(known)}.")
            for field, value, known in checked
            if value not in known
        ]
        requests = 0
        try:
            requests = parse_requests(requests_per_day)
        except ValueError as error:
            problems.append(UsageProblem("--requests-per-day", requests_per_day, str(error)))
        if problems:
            raise UsageProblems(problems)
        return cls(stage, requests, needs, cloud, database, cache, from_platform)


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of the bill at this traffic.

    Args:
        name: What is paid for.
        low: Lowest cost a month.
        high: Highest cost a month.
        basis: The arithmetic.
        source: Where the price was read.
    """

    name: str
    low: float
    high: float
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """The bill of one platform at this traffic.

    Args:
        low: Lowest total a month.
        high: Highest total a month.
        currency: Of the amounts.
        as_of: Date of the prices.
        items: Its lines.
    """

    low: float
    high: float
    currency: str
    as_of: str
    items: tuple[CostLine, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One proposed platform.

    Args:
        platform: Its catalog entry.
        rank: 1 for the simplest option.
        recommended: Whether it is the one to take.
        reasons: Why.
        trade_offs: What one gives up.
        monthly_cost: The bill.
        migration: Steps from today's platform; empty when nothing moves.
    """

    platform: Platform
    rank: int
    recommended: bool
    reasons: tuple[str, ...]
    trade_offs: tuple[str, ...]
    monthly_cost: MonthlyCost
    migration: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The ranked options.

    Args:
        request: What was asked.
        tier: The row of the tier table that fits.
        checklist: The checklist that the stage asks for.
        options: Two or three, simplest first.
        warnings: What a person should know before choosing.
    """

    request: PlanRequest
    tier: Tier
    checklist: str
    options: tuple[Option, ...]
    warnings: tuple[str, ...]

    @property
    def recommended(self) -> Option:
        """The option to take."""
        return next(option for option in self.options if option.recommended)


def parse_requests(text: str) -> int:
    """Read requests a day as people write them.

    Args:
        text: Such as `5000`, `5k` or `1.5M`.

    Returns:
        Requests a day.

    Raises:
        ValueError: It is no such number, or not between 1 and a thousand million.
    """
    match = _TRAFFIC.fullmatch(str(text).strip())
    if match is None:
        message = "Use a number such as 5000, 5k or 1.5M."
        raise ValueError(message)
    requests = round(float(match[1]) * _FACTORS[match[2].lower()])
    if requests < 1:
        message = "Use at least 1 request a day."
        raise ValueError(message)
    if requests > MOST_REQUESTS:
        message = "Use at most 1000M requests a day."
        raise ValueError(message)
    return requests


def plan(catalog: Catalog, request: PlanRequest) -> Plan:
    """Rank two or three platforms for a request.

    Traffic decides the row of the tier table, because capacity is a fact; needs and a cloud in use raise it. The stage
    decides the checklist. The simplest platform of the row that takes new customers is recommended.

    Args:
        catalog: The facts.
        request: What the plan is for.

    Returns:
        The plan.
    """
    index = _tier_index(catalog, request)
    tier = catalog.tiers[index]
    chosen = _choose(catalog, request, index)
    best = next(platform for platform in chosen if platform.name == _recommended(catalog, request, tier))
    options = tuple(
        Option(
            platform=platform,
            rank=rank,
            recommended=platform is best,
            reasons=_reasons(catalog, request, tier, platform),
            trade_offs=(*_misfits(catalog, request, tier, platform), *platform.trade_offs),
            monthly_cost=monthly_cost(platform, request),
            migration=platform.migration if request.from_platform not in (None, platform.name) else (),
        )
        for rank, platform in enumerate(chosen, start=1)
    )
    checklist = next(entry.name for entry in catalog.checklists if request.stage in entry.stages)
    warnings = (
        *_disagreement(catalog, request, index),
        *_unavailable(options, catalog, checklist),
        *_cost_jumps(catalog, request, options),
    )
    return Plan(request, tier, checklist, options, warnings)


def monthly_cost(platform: Platform, request: PlanRequest) -> MonthlyCost:
    """Return what a platform costs at a traffic.

    Args:
        platform: The platform.
        request: Traffic, database and cache.

    Returns:
        The bill; items that the answers do not ask for are left out.
    """
    wanted = {"service"}
    wanted |= {"database"} if request.database != "none" else set()
    wanted |= {"cache"} if request.cache != "none" else set()
    lines = tuple(_line(item, request.requests_per_day) for item in platform.costs if item.part in wanted)
    return MonthlyCost(
        low=round(sum(line.low for line in lines), 2),
        high=round(sum(line.high for line in lines), 2),
        currency=platform.currency,
        as_of=platform.as_of,
        items=tuple(line for line in lines if line.high > 0),
    )


def _line(item: CostItem, requests: int) -> CostLine:
    step = next((step for step in item.steps if requests <= step.up_to), item.steps[-1])
    beyond = f"; priced for {step.up_to:,} requests a day, the most that is listed" if requests > step.up_to else ""
    return CostLine(item.name, step.low, step.high, step.basis + beyond, item.source)


def _tier_index(catalog: Catalog, request: PlanRequest) -> int:
    index = _traffic_index(catalog, request.requests_per_day)
    for position, tier in enumerate(catalog.tiers):
        asked_for = set(tier.raised_by) & set(request.needs)
        cloud_asks = request.cloud != "any" and tier.cloud and not catalog.tiers[index].cloud
        if position > index and (asked_for or cloud_asks):
            index = position
    return index


def _traffic_index(catalog: Catalog, requests: int) -> int:
    fits = [index for index, tier in enumerate(catalog.tiers) if requests <= tier.max_requests_per_day]
    return fits[0] if fits else len(catalog.tiers) - 1


def _recommended(catalog: Catalog, request: PlanRequest, tier: Tier) -> str:
    for name in tier.platforms:
        platform = catalog.platforms[name]
        if platform.open_to_new_customers and (request.cloud == "any" or request.cloud in platform.clouds):
            return name
    return tier.platforms[0]


def _choose(catalog: Catalog, request: PlanRequest, index: int) -> list[Platform]:
    """Return the row's platforms that fit, filled up from the rows beside it, simplest first."""
    own = [catalog.platforms[name] for name in catalog.tiers[index].platforms]
    fitting = [platform for platform in own if _admitted(platform, request) and _on_cloud(platform, request)]
    if not fitting:
        fitting = own[:1]
    best = catalog.platforms[_recommended(catalog, request, catalog.tiers[index])]
    # Who named a platform that is closed to others wants to see it.
    others = sorted((p for p in fitting if p is not best), key=lambda p: p.open_to_new_customers)
    chosen = [best, *others][:MOST_OPTIONS]
    if len(chosen) < FEWEST_OPTIONS:
        # Simpler rows first: nobody should be shown a platform above the row that fits without having asked for it.
        below, above = reversed(catalog.tiers[:index]), catalog.tiers[index + 1 :]
        for tier in [*below, *above]:
            for platform in (catalog.platforms[name] for name in tier.platforms):
                if len(chosen) < FEWEST_OPTIONS and _admitted(platform, request):
                    chosen.append(platform)
    return sorted(chosen, key=lambda platform: platform.complexity)


def _admitted(platform: Platform, request: PlanRequest) -> bool:
    return platform.open_to_new_customers or APP_RUNNER_CUSTOMER in request.needs


def _on_cloud(platform: Platform, request: PlanRequest) -> bool:
    return request.cloud == "any" or request.cloud in platform.clouds


def _reasons(catalog: Catalog, request: PlanRequest, tier: Tier, platform: Platform) -> tuple[str, ...]:
    if platform.name not in tier.platforms:
        return platform.reasons
    fit = (
        f"Carries {request.requests_per_day:,} requests a day: the {tier.title} row of the tier table ({tier.traffic})."
    )
    filled = [
        f"Fills the need {need}." for need in request.needs if need in platform.provides and _raises(catalog, need)
    ]
    return (fit, *filled, *platform.reasons)


def _misfits(catalog: Catalog, request: PlanRequest, tier: Tier, platform: Platform) -> tuple[str, ...]:
    found = []
    own = next((row for row in catalog.tiers if platform.name in row.platforms), tier)
    if request.requests_per_day > own.max_requests_per_day:
        found.append(f"Your traffic is above what its row carries ({own.traffic}).")
    elif own is not tier and catalog.tiers.index(own) > catalog.tiers.index(tier):
        found.append(f"It is of the {own.title} row: more to run and to pay than this traffic asks for.")
    found += [
        f"Does not fill the need {need}."
        for need in request.needs
        if _raises(catalog, need) and need not in platform.provides
    ]
    if not _on_cloud(platform, request):
        found.append(f"Does not run on {request.cloud}.")
    if not platform.open_to_new_customers:
        found.append("Takes no new customers; for those who use it already, and no new features come.")
    return tuple(found)


def _raises(catalog: Catalog, need: str) -> bool:
    return need != APP_RUNNER_CUSTOMER and any(need in tier.raised_by for tier in catalog.tiers)


def _disagreement(catalog: Catalog, request: PlanRequest, index: int) -> tuple[str, ...]:
    by_traffic = _traffic_index(catalog, request.requests_per_day)
    by_stage = next(position for position, tier in enumerate(catalog.tiers) if tier.name == request.stage)
    found = []
    if by_stage != by_traffic:
        simpler = (
            "The simpler row that carries the traffic is recommended" if by_traffic < by_stage else "Traffic decides"
        )
        found.append(
            f"Stage {request.stage} and {request.requests_per_day:,} requests a day disagree: the traffic belongs to "
            f"the {catalog.tiers[by_traffic].title} row. {simpler}; the stage still decides the checklist."
        )
    if index > by_traffic:
        causes = [need for need in request.needs if need in catalog.tiers[index].raised_by]
        cause = ", ".join(causes) or f"cloud {request.cloud}"
        low, high = catalog.tiers[by_traffic].title, catalog.tiers[index].title
        found.append(f"{cause} raises the plan from the {low} to the {high} row.")
        if index == len(catalog.tiers) - 1:
            found.append("Kubernetes below its row needs a written justification, which lands in DEPLOYMENT.md.")
    return tuple(found)


def _unavailable(options: Sequence[Option], catalog: Catalog, checklist: str) -> tuple[str, ...]:
    found = [
        f"{option.platform.title} cannot be generated by this version of goldenpath yet."
        for option in options
        if not option.platform.available
    ]
    found += [
        f"The {entry.title} checklist cannot be generated by this version of goldenpath yet."
        for entry in catalog.checklists
        if entry.name == checklist and not entry.available
    ]
    return tuple(found)


def _cost_jumps(catalog: Catalog, request: PlanRequest, options: Sequence[Option]) -> tuple[str, ...]:
    if request.from_platform is None:
        return ()
    today = catalog.platforms[request.from_platform]
    before = monthly_cost(today, request)
    found = []
    for option in options:
        rise = option.monthly_cost.high - before.high
        if option.platform is today or rise <= 0:
            continue
        share = rise / before.high if before.high else float("inf")
        if share > COST_JUMP_SHARE or rise > COST_JUMP_AMOUNT:
            found.append(
                f"Cost rises from {before.high:.0f} to {option.monthly_cost.high:.0f} {before.currency} a month "
                f"(+{rise:.0f}) when you move from {today.title} to {option.platform.title}: confirm it first."
            )
    return tuple(found)
