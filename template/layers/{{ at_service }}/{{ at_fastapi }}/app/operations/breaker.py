"""A circuit breaker: when something fails again and again, fail at once instead of waiting for it."""

import random
import time

from app.operations.problems import UnavailableError


class Breaker:
    """Opens after several failures in a row, then lets a single probe through from time to time."""

    def __init__(self, name: str, *, failures: int = 5, reset_seconds: float = 2.0) -> None:
        self._name = name
        self._threshold = failures
        self._reset_seconds = reset_seconds
        self._failures = 0
        self._probe_at = 0.0

    def admit(self) -> None:
        """Let a call pass.

        Raises:
            UnavailableError: Not now.
        """
        if self._failures < self._threshold:
            return
        now = time.monotonic()
        if now < self._probe_at:
            raise UnavailableError(self._name)
        # This caller is the probe; the next one waits for its result, or for the same time again.
        self._postpone(now)

    def succeed(self) -> None:
        """Record that a call worked."""
        self._failures = 0

    def fail(self) -> None:
        """Record that a call failed because the other side did not answer as it should."""
        self._failures += 1
        if self._failures >= self._threshold:
            self._postpone(time.monotonic())

    def _postpone(self, now: float) -> None:
        # Jitter, so that instances do not probe in step.
        self._probe_at = now + self._reset_seconds * random.uniform(0.75, 1.25)  # noqa: S311
