"""The endpoints for platforms and monitoring."""

import hmac
from dataclasses import asdict

import orjson
from fastapi import APIRouter, HTTPException, Request, Response, status

from app.operations.health import Readiness
from app.operations.metrics import CONTENT_TYPE, Metrics
from app.settings import Settings


def build_router(settings: Settings, readiness: Readiness, metrics: Metrics) -> APIRouter:
    """Return /health, /ready and /metrics."""
    router = APIRouter(tags=["operations"])
    token = settings.metrics_token.get_secret_value().encode()

    @router.get("/health")
    async def health() -> dict[str, str]:
        """Tell that the process is alive. It asks nobody: a restart repairs no database."""
        return {"status": "ok", "release": settings.release}

    @router.get("/ready", responses={503: {"description": "Send traffic elsewhere"}})
    async def ready() -> Response:
        """Tell whether this instance should get traffic, and what its dependencies say."""
        report = await readiness.report()
        code = status.HTTP_200_OK if report.status == "ready" else status.HTTP_503_SERVICE_UNAVAILABLE
        return Response(orjson.dumps(asdict(report)), code, media_type="application/json")

    @router.get("/metrics")
    async def figures(request: Request) -> Response:
        """Return the figures for Prometheus."""
        if not token and settings.deployed:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        sent = request.headers.get("authorization", "").encode("latin-1")
        if token and not hmac.compare_digest(sent, b"Bearer " + token):
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return router
