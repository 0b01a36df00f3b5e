"""Reports unhandled errors to Sentry, and nothing else: its default integrations halve the throughput."""

from typing import TYPE_CHECKING

import orjson

from app.operations.context import current_request
from app.operations.logs import Mask
from app.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

# How long the last reports may hold up the end of the process.
CLOSE_SECONDS = 2.0

_state = {"enabled": False}


def configure(settings: Settings) -> None:
    """Turn reports on when a DSN is set."""
    dsn = settings.sentry_dsn.get_secret_value()
    if not dsn:
        return
    import sentry_sdk
    from sentry_sdk.scope import register_external_propagation_context

    mask = Mask(settings.secret_values())

    def hide_secrets(event: "Event", _: "Hint") -> "Event":
        # Messages of errors quote what they were about, such as the URL of a database.
        masked: Event = orjson.loads(mask(orjson.dumps(event, default=str)))
        return masked

    sentry_sdk.init(
        dsn=dsn,
        environment=settings.environment,
        release=settings.release,
        default_integrations=False,
        auto_enabling_integrations=False,
        send_default_pii=False,
        # Values of variables may be secrets.
        include_local_variables=False,
        before_send=hide_secrets,
    )
    register_external_propagation_context(_trace)
    _state["enabled"] = True


def capture(error: BaseException, method: str, route: str) -> None:
    """Report an error together with the request that met it."""
    if not _state["enabled"]:
        return
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        scope.set_tag("route", f"{method} {route}")
        if request := current_request.get():
            scope.set_tag("request_id", request.request_id)
            scope.set_tag("trace_id", request.trace_id)
        scope.capture_exception(error)


def close() -> None:
    """Send what is still waiting."""
    if not _state["enabled"]:
        return
    import sentry_sdk

    sentry_sdk.get_client().close(timeout=CLOSE_SECONDS)
    _state["enabled"] = False


def _trace() -> tuple[str, str] | None:
    """Return the trace that a report belongs to, so that Sentry links it with the other services in it."""
    request = current_request.get()
    return (request.trace_id, request.span_id) if request else None
