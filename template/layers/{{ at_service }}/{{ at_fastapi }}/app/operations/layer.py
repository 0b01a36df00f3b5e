"""One layer around the whole application: it sees every request and every response, errors included.

It is a single pure ASGI class outside of FastAPI on purpose. Added as a FastAPI middleware it would miss the responses
to unhandled errors, and each further layer costs throughput.
"""

import logging
import math
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import Any, Protocol

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.operations import errors
from app.operations.client_ip import client_address
from app.operations.context import RequestContext, build_context, current_request
from app.operations.logs import AccessLog
from app.operations.metrics import Metrics
from app.operations.problems import MEDIA_TYPE, problem_body
from app.operations.shutdown import Drain
from app.settings import Settings

logger = logging.getLogger(__name__)

# Platforms ask these over plain HTTP, often, and all from one address.
PROBES = frozenset({"/health", "/ready", "/metrics"})
DOCUMENTATION = frozenset({"/docs", "/redoc"})

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
# An API sends nothing that a browser should run or frame.
CONTENT_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
CLOSE = (b"connection", b"close")

MAX_BODY_BYTES = 1024 * 1024
TOO_LARGE = f"The body may have at most {MAX_BODY_BYTES} bytes."


class Limiter(Protocol):
    """Decides whether a client may go on."""

    async def wait_seconds(self, client: str) -> float:
        """Return 0 and count the request, or return how long the client has to wait."""
        ...


class OperationsLayer:
    """Request ids, access log, metrics, rate limit, body limit, HTTPS, security headers, drain and error reports."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        drain: Drain,
        limiter: Limiter,
        metrics: Metrics,
        access_log: AccessLog,
    ) -> None:
        self._app = app
        self._drain = drain
        self._limiter = limiter
        self._metrics = metrics
        self._access_log = access_log
        self._hops = settings.trusted_proxy_hops
        self._behind_proxy = settings.behind_proxy
        self._client_ip_header = settings.client_ip_header.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = perf_counter()
        headers = dict(scope["headers"])
        if len(headers) != len(scope["headers"]):
            # Proxies may add a line of their own instead of an entry.
            headers[b"x-forwarded-for"] = b",".join(
                value for name, value in scope["headers"] if name == b"x-forwarded-for"
            )
        get = headers.get

        context = build_context(get(b"x-request-id", b""), get(b"traceparent", b""))
        current_request.set(context)
        path: str = scope["path"]
        peer = scope["client"][0] if scope["client"] else ""
        own_header = get(self._client_ip_header, b"")
        client = client_address(peer, own_header, get(b"x-forwarded-for", b""), self._hops)
        scheme = get(b"x-forwarded-proto", b"") if self._behind_proxy else scope["scheme"].encode()

        added = [(b"x-request-id", context.request_id.encode()), *SECURITY_HEADERS]
        if path not in DOCUMENTATION:
            added.append(CONTENT_POLICY)
        if scheme == b"https":
            added.append(HTTPS_ONLY)
        status = 0

        def finish(message: Message) -> Any:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._drain.draining:
                    added.append(CLOSE)
                message["headers"] = [*message.get("headers", ()), *added]
            return send(message)

        try:
            if path not in PROBES:
                if self._behind_proxy and scheme == b"http":
                    await _redirect(scope, get(b"host", b""), finish)
                    return
                wait = await self._limiter.wait_seconds(client)
                if wait:
                    await _too_many(wait, finish)
                    return
            if b"content-length" in headers and int(headers[b"content-length"]) > MAX_BODY_BYTES:
                await _too_large(finish)
                return
            if b"transfer-encoding" in headers:
                receive = _bounded(receive)
            await self._app(scope, receive, finish)
        except Exception as error:
            self._access_log.flush()
            logger.exception("Unhandled error")
            errors.capture(error, scope["method"], _route(scope))
            if not status:
                body = problem_body(HTTPStatus.INTERNAL_SERVER_ERROR, "")
                await _answer(HTTPStatus.INTERNAL_SERVER_ERROR, body, [], finish)
        finally:
            self._record(scope, context, client, status, perf_counter() - started)

    def _record(self, scope: Scope, context: RequestContext, client: str, status: int, seconds: float) -> None:
        method, route = scope["method"], _route(scope)
        self._metrics.observe(method, route, status, seconds)
        # 0: the connection ended before there was an answer.
        failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == 0
        if scope["path"] in PROBES and not failed:
            return
        self._access_log.write(
            {
                "time": datetime.now(UTC),
                "level": "error" if failed else "info",
                "logger": "access",
                "message": "request",
                "method": method,
                # Without the query: clients put secrets there.
                "path": scope["path"],
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
                "client": client,
                "request_id": context.request_id,
                "trace_id": context.trace_id,
                "span_id": context.span_id,
            },
            at_once=failed,
        )


def _route(scope: Scope) -> str:
    """Return the template of the route, such as /items/{item_id}."""
    route = scope.get("route")
    return route.path if route is not None else "(unmatched)"


async def _redirect(scope: Scope, host: bytes, send: Send) -> None:
    target = b"https://" + host + scope.get("raw_path", scope["path"].encode())
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    await _answer(HTTPStatus.PERMANENT_REDIRECT, b"", [(b"location", target)], send)


async def _too_many(wait: float, send: Send) -> None:
    seconds = math.ceil(wait)
    body = problem_body(HTTPStatus.TOO_MANY_REQUESTS, f"Try again in {seconds} s.")
    await _answer(HTTPStatus.TOO_MANY_REQUESTS, body, [(b"retry-after", str(seconds).encode())], send)


async def _too_large(send: Send) -> None:
    body = problem_body(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
    # The rest of the body is not read, so the connection cannot be used again.
    await _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, body, [CLOSE], send)


def _bounded(receive: Receive) -> Receive:
    """Count a body that does not say its length in advance."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
        return message

    return bounded


async def _answer(status: int, body: bytes, headers: list[tuple[bytes, bytes]], send: Send) -> None:
    headers = [(b"content-length", str(len(body)).encode()), *headers]
    if body:
        headers.append((b"content-type", MEDIA_TYPE.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
