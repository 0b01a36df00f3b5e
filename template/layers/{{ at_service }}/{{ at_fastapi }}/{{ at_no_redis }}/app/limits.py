"""The rate limit of this service."""

from collections.abc import Mapping
from typing import Self

from app.operations.health import Check
from app.operations.ratelimit import MemoryRateLimiter
from app.settings import Settings


class ServiceLimiter:
    """Counts in the memory of this instance."""

    checks: Mapping[str, Check]

    def __init__(self, memory: MemoryRateLimiter) -> None:
        self._memory = memory
        self.checks = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def wait_seconds(self, client: str) -> float:
        """Return 0 and count the request, or return how long the client has to wait."""
        return self._memory.wait_seconds(client)


def build_limiter(settings: Settings) -> ServiceLimiter:
    """Return the rate limit that the settings ask for."""
    return ServiceLimiter(MemoryRateLimiter(settings.rate_limit_per_minute, settings.rate_limit_burst))
