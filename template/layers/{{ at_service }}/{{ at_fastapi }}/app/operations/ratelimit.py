"""A rate limit for each client: the generic cell rate algorithm, which needs one number for each client."""

import time

SWEEP_SECONDS = 60.0


class MemoryRateLimiter:
    """Counts in the memory of this process, so N instances together allow N times the rate."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._tolerance = self._interval * (burst - 1)
        self._next: dict[str, float] = {}
        self._swept = time.monotonic()

    def wait_seconds(self, client: str) -> float:
        """Return 0 and count the request, or return how long the client has to wait."""
        if not self._interval:
            return 0.0
        now = time.monotonic()
        due = max(self._next.get(client, now), now)
        wait = due - self._tolerance - now
        # A nanosecond of slack: the sums are not exact.
        if wait > 1e-9:
            return wait
        self._next[client] = due + self._interval
        if now - self._swept > SWEEP_SECONDS:
            self._sweep(now)
        return 0.0

    def _sweep(self, now: float) -> None:
        """Forget the clients that have been quiet for long enough."""
        self._next = {client: due for client, due in self._next.items() if due > now}
        self._swept = now
