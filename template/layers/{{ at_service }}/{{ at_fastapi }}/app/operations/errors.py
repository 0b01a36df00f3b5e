"""Reports unhandled errors to Sentry, and nothing else: its default integrations halve the throughput."""

from app.operations.context import current_request
from app.settings import Settings

_state = {"enabled": False}


def configure(settings: Settings) -> None:
    """Turn reports on when a DSN is set."""
    dsn = settings.sentry_dsn.get_secret_value()
    if not dsn:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        environment=settings.environment,
        release=settings.release,
        default_integrations=False,
        auto_enabling_integrations=False,
        send_default_pii=False,
        # Values of variables may be secrets.
        include_local_variables=False,
    )
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
