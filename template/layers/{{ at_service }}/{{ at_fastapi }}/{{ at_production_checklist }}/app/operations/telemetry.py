"""Traces for an OpenTelemetry collector, with the same identifiers as the logs and the error reports."""

from threading import Thread
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig

from app.operations.layer import PROBES
from app.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# How long one attempt to reach the collector may take, and how long the last spans may hold up the end of the process.
EXPORT_SECONDS = 5.0
CLOSE_SECONDS = 2.0


class Telemetry:
    """Sends a sample of the requests to a collector, in a thread of its own; without a collector it does nothing."""

    def __init__(self, settings: Settings) -> None:
        self._provider = _build_provider(settings) if settings.otel_exporter_otlp_endpoint else None

    @property
    def config(self) -> TelemetryConfig | None:
        """What FastAPI should trace: requests, and nothing that quotes what is in them."""
        if self._provider is None:
            return None
        return {
            "tracer_provider": self._provider,
            "exclude": lambda scope: scope.get("path") in PROBES,
            "operation_spans": False,
            "metrics": False,
            "logs": False,
            "auto_configure": False,
        }

    def close(self) -> None:
        """Send what is still waiting."""
        if self._provider is None:
            return
        # The provider itself would wait half a minute for a collector that hangs.
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _build_provider(settings: Settings) -> "TracerProvider":
    # Here, because these imports take longer than all others together.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    from opentelemetry.util.re import parse_env_headers

    from app import SERVICE
    from app.operations.spans import RequestIds, RequestSpans

    exporter = OTLPSpanExporter(
        endpoint=settings.otel_exporter_otlp_endpoint.removesuffix("/") + "/v1/traces",
        headers=parse_env_headers(settings.otel_exporter_otlp_headers.get_secret_value(), liberal=True),
        timeout=EXPORT_SECONDS,
    )
    origin = {
        "service.name": SERVICE,
        "service.version": settings.release,
        "deployment.environment.name": settings.environment,
    }
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.otel_traces_sampler_arg)),
        resource=Resource.create(origin),
        id_generator=RequestIds(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(RequestSpans())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
