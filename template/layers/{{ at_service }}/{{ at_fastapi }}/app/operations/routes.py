"""The endpoints for platforms and monitoring."""

import hmac
from dataclasses import asdict
from enum import Enum

import orjson
from fastapi import FastAPI, HTTPException, Request, Response, status

from app.operations.health import Readiness
from app.operations.metrics import CONTENT_TYPE, Metrics
from app.settings import Settings

TAGS: list[str | Enum] = ["operations"]


def install(api: FastAPI, settings: Settings, readiness: Readiness, metrics: Metrics) -> None:
    """Add /health, /ready and /metrics."""
    token = settings.metrics_token.get_secret_value().encode()

    @api.get("/health", tags=TAGS)
    async def health() -> dict[str, str]:
        """Tell that the process is alive. It asks nobody: a restart repairs no database."""
        return {"status": "ok", "release": settings.release}

    @api.get("/ready", tags=TAGS, responses={503: {"description": "Send traffic elsewhere"}})
    async def ready() -> Response:
        """Tell whether this instance should get traffic, and what its dependencies say."""
        report = await readiness.report()
        metrics.note_dependencies(report.checks)
        code = status.HTTP_200_OK if report.status == "ready" else status.HTTP_503_SERVICE_UNAVAILABLE
        return Response(orjson.dumps(asdict(report)), code, media_type="application/json")

    @api.get("/metrics", tags=TAGS)
    async def figures(request: Request) -> Response:
        """Return the figures for Prometheus."""
        if not token and settings.deployed:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        sent = request.headers.get("authorization", "").encode("latin-1")
        if token and not hmac.compare_digest(sent, b"Bearer " + token):
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
        report = await readiness.report()
        metrics.note_dependencies(report.checks)
        return Response(metrics.render(), media_type=CONTENT_TYPE)
