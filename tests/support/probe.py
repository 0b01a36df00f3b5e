"""A generated service with routes that only a test needs."""

from __future__ import annotations

# Goes into the service's folder and starts it, in place of `python -m app`.
PROBE = '''
"""The service with routes that only a test needs."""

import logging
import os

from fastapi import Request

from app.__main__ import main
from app.items.routes import router
from app.operations.outbound import OutboundClient


@router.api_route("/probe/fail", methods=["GET", "POST"])
async def fail(request: Request) -> None:
    body = await request.body()
    headers = dict(request.headers)
    query = str(request.url)
    raise RuntimeError("no answer from " + os.environ["DATABASE_URL"] + " with " + os.environ["METRICS_TOKEN"])


@router.get("/probe/call")
async def call() -> int:
    logging.getLogger("probe").warning("Asks another service")
    async with OutboundClient(os.environ["OTHER_SERVICE"]) as other:
        return (await other.request("GET", "/prices")).status_code


main()
'''.lstrip()
