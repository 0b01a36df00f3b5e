"""Calls to other services: every wait is bounded, what may be repeated is, and a dead service is left alone.

Use `async with OutboundClient("https://prices.internal") as prices` in `app/resources.py`, and
`await prices.request("GET", "/prices/42")` where the answer is needed.
"""

import asyncio
from types import TracebackType
from typing import Any, Self

import httpx2
import stamina

from app.operations.breaker import Breaker
from app.operations.context import current_request

TIMEOUT = httpx2.Timeout(5.0, connect=2.0)
TOTAL_SECONDS = 10.0
ATTEMPTS = 3
# Repeating any other method may do its work twice.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
SERVER_ERROR = 500


class OutboundClient:
    """An HTTP client for one other service; make one at start and keep it."""

    def __init__(self, base_url: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._client = httpx2.AsyncClient(base_url=base_url, timeout=TIMEOUT, transport=transport)
        self._breaker = Breaker(self._client.base_url.host)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def request(self, method: str, url: str, **options: Any) -> httpx2.Response:
        """Send a request and return the response, whatever a status below 500 says.

        Args:
            method: HTTP method. Idempotent ones are tried again after a network error or a status of 500 and above.
            url: Path on the other service.
            options: Passed on to httpx2.

        Returns:
            The response, read completely.

        Raises:
            UnavailableError: The service failed repeatedly a moment ago.
            httpx2.HTTPError: It failed now.
            TimeoutError: All attempts together took too long.
        """
        attempts = ATTEMPTS if method.upper() in IDEMPOTENT else 1
        async with asyncio.timeout(TOTAL_SECONDS):
            async for attempt in stamina.retry_context(on=httpx2.HTTPError, attempts=attempts, wait_max=1.0):
                with attempt:
                    return await self._send(method, url, options)
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    async def _send(self, method: str, url: str, options: dict[str, Any]) -> httpx2.Response:
        self._breaker.admit()
        try:
            response = await self._client.request(method, url, **(options | {"headers": _headers(options)}))
            if response.status_code >= SERVER_ERROR:
                response.raise_for_status()
        except (httpx2.HTTPError, asyncio.CancelledError):
            self._breaker.fail()
            raise
        self._breaker.succeed()
        return response


def _headers(options: dict[str, Any]) -> dict[str, str]:
    """Return the caller's headers, with the identifiers of the request that is being served."""
    headers = dict(options.get("headers") or {})
    if request := current_request.get():
        headers |= {"x-request-id": request.request_id, "traceparent": request.traceparent}
    return headers
