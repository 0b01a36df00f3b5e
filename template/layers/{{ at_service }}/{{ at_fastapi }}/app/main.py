"""Puts the parts together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from app import SERVICE
from app.items.routes import router as items
from app.limits import build_limiter
from app.operations import errors, problems, routes
from app.operations.health import Readiness
from app.operations.layer import OperationsLayer
from app.operations.logs import AccessLog
from app.operations.metrics import Metrics
from app.operations.shutdown import Drain
from app.resources import Resources, open_resources
from app.settings import Settings


def create_app(
    settings: Settings,
    *,
    drain: Drain | None = None,
    resources: Callable[[Settings], AbstractAsyncContextManager[Resources]] = open_resources,
) -> OperationsLayer:
    """Return the whole service as one ASGI application.

    Args:
        settings: What the environment says.
        drain: Tells when the instance is about to stop.
        resources: Opens what the service depends on; tests put a stand-in here.
    """
    drain = drain or Drain(settings.drain_seconds)
    limiter = build_limiter(settings)
    metrics = Metrics(settings.release)
    access_log = AccessLog()
    readiness = Readiness(drain, settings.readiness_timeout_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        errors.configure(settings)
        with metrics.served(settings.metrics_port):
            async with limiter, resources(settings) as opened:
                app.state.items = opened.items
                readiness.required = opened.checks
                readiness.optional = limiter.checks
                yield
        access_log.flush()
        errors.close()

    api = FastAPI(
        title=SERVICE,
        version=settings.release,
        lifespan=lifespan,
        # Strangers need no map of the service.
        openapi_url=None if settings.deployed else "/openapi.json",
    )
    problems.install(api)
    # Before the operations' routes: the first that matches ends the search.
    api.include_router(items)
    routes.install(api, settings, readiness, metrics)
    return OperationsLayer(api, settings=settings, drain=drain, limiter=limiter, metrics=metrics, access_log=access_log)
