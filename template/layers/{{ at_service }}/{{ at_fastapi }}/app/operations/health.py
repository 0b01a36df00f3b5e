"""Whether this instance should get traffic."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from app.operations.shutdown import Drain

# With the time budget of the checks it stays below the two seconds in which a probe must learn of a failure.
CACHE_SECONDS = 0.5

Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class CheckResult:
    """What one dependency said."""

    status: Literal["ok", "failed"]
    duration_ms: float


@dataclass(frozen=True)
class Report:
    """What all dependencies said."""

    status: Literal["ready", "draining", "unavailable"]
    checks: Mapping[str, CheckResult]


class Readiness:
    """Asks the dependencies, at most twice a second, however many probes there are."""

    def __init__(self, drain: Drain, timeout: float) -> None:
        self.required: Mapping[str, Check] = {}
        self.optional: Mapping[str, Check] = {}
        self._drain = drain
        self._timeout = timeout
        self._results: dict[str, CheckResult] = {}
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def report(self) -> Report:
        """Return the state of every dependency; only the required ones decide."""
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._results = await self._ask()
                self._fresh_until = time.monotonic() + CACHE_SECONDS
        results = self._results
        if self._drain.draining:
            return Report("draining", results)
        available = all(results[name].status == "ok" for name in self.required)
        return Report("ready" if available else "unavailable", results)

    async def _ask(self) -> dict[str, CheckResult]:
        checks = {**self.required, **self.optional}
        names = list(checks)
        results = await asyncio.gather(*(self._bounded(name, checks[name]) for name in names))
        return dict(zip(names, results, strict=True))

    async def _bounded(self, name: str, check: Check) -> CheckResult:
        started = time.perf_counter()
        task = self._running.get(name)
        if task is None or task.done():
            task = self._running[name] = asyncio.ensure_future(_call(check))
        # Not asyncio.timeout: it waits for the cancelled task, and a driver whose server hangs takes its time to give
        # up. A task that is left behind is asked to end, and no second one starts before it has.
        done, _ = await asyncio.wait({task}, timeout=self._timeout)
        if not done:
            task.cancel()
        works = bool(done) and not task.cancelled() and task.exception() is None
        return CheckResult("ok" if works else "failed", round((time.perf_counter() - started) * 1000, 1))


async def _call(check: Check) -> None:
    await check()
