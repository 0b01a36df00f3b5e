"""The rate limit of this service: shared through Redis, in memory while Redis is away."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.operations.breaker import Breaker
from app.operations.health import Check
from app.operations.problems import UnavailableError
from app.operations.ratelimit import MemoryRateLimiter
from app.settings import Settings

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.1
CONNECT_SECONDS = 0.25

# The same algorithm as in memory, in microseconds of the Redis server's clock, so that instances agree.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = due - tolerance - now
if wait > 0 then return wait end
due = due + interval
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
return 0
"""


class ServiceLimiter:
    """Counts in Redis; a Redis that is slow or away never costs a client its answer."""

    checks: Mapping[str, Check]

    def __init__(self, redis: Redis, memory: MemoryRateLimiter, per_minute: int, burst: int) -> None:
        self._redis = redis
        self._memory = memory
        self._script = redis.register_script(SCRIPT)
        self._interval = 60_000_000 // per_minute if per_minute else 0
        self._tolerance = self._interval * (burst - 1)
        self._breaker = Breaker("redis")
        self.checks = {"redis": self._ping}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def wait_seconds(self, client: str) -> float:
        """Return 0 and count the request, or return how long the client has to wait."""
        if not self._interval:
            return 0.0
        try:
            self._breaker.admit()
            async with asyncio.timeout(TIMEOUT_SECONDS + CONNECT_SECONDS):
                wait = await self._script([f"ratelimit:{client}"], [self._interval, self._tolerance])
        except UnavailableError:
            return self._memory.wait_seconds(client)
        except (RedisError, OSError, TimeoutError) as error:
            self._breaker.fail()
            logger.warning("Rate limit counts in memory: Redis failed with %s", type(error).__name__)
            return self._memory.wait_seconds(client)
        self._breaker.succeed()
        return float(wait) / 1_000_000

    async def _ping(self) -> None:
        await self._redis.ping()
        self._breaker.succeed()


def build_limiter(settings: Settings) -> ServiceLimiter:
    """Return the rate limit that the settings ask for; it connects when it is first used."""
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        # Once, for a connection that Redis has closed in the meantime; the default goes on for seconds.
        retry=Retry(NoBackoff(), 1),
    )
    per_minute, burst = settings.rate_limit_per_minute, settings.rate_limit_burst
    return ServiceLimiter(redis, MemoryRateLimiter(per_minute, burst), per_minute, burst)
