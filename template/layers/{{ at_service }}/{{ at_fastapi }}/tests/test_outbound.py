import asyncio

import httpx2
import pytest
import stamina

from app.operations.outbound import OutboundClient
from app.operations.problems import UnavailableError


def answers(*statuses: int) -> tuple[httpx2.MockTransport, list[httpx2.Request]]:
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(statuses[min(len(seen), len(statuses)) - 1])

    return httpx2.MockTransport(handle), seen


async def call(transport: httpx2.MockTransport, method: str, times: int = 1) -> int:
    async with OutboundClient("https://prices.test", transport=transport) as client:
        for _ in range(times - 1):
            with pytest.raises(httpx2.HTTPError):
                await client.request(method, "/")
        return (await client.request(method, "/")).status_code


def test_a_get_is_tried_again() -> None:
    transport, seen = answers(503, 200)
    with stamina.set_testing(True, attempts=3):
        assert asyncio.run(call(transport, "GET")) == 200
    assert len(seen) == 2


def test_a_post_is_not_tried_again() -> None:
    transport, seen = answers(503, 200)
    with pytest.raises(httpx2.HTTPError):
        asyncio.run(call(transport, "POST"))
    assert len(seen) == 1


def test_a_dead_service_is_left_alone() -> None:
    transport, seen = answers(503)
    with pytest.raises(UnavailableError):
        asyncio.run(call(transport, "POST", times=6))
    assert len(seen) == 5
