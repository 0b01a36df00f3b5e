from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.operations.context import RequestContext, current_request
from app.operations.spans import RequestIds, RequestSpans
from app.operations.telemetry import Telemetry
from tests.conftest import make_settings

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"


def spans_of(request: RequestContext | None) -> list[ReadableSpan]:
    """Return an inner and an outer span, as they are exported."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=RequestIds(), shutdown_on_exit=False)
    provider.add_span_processor(RequestSpans())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    token = current_request.set(request)
    try:
        with tracer.start_as_current_span("outer", attributes={"url.query": "token=s3cret"}):
            tracer.start_span("inner").end()
    finally:
        current_request.reset(token)
    return list(exporter.get_finished_spans())


def test_the_span_of_a_request_has_its_identifiers() -> None:
    request = RequestContext("order-12345678", TRACE_ID, SPAN_ID)
    inner, outer = spans_of(request)
    assert (f"{outer.context.trace_id:032x}", f"{outer.context.span_id:016x}") == (TRACE_ID, SPAN_ID)
    assert inner.context.trace_id == outer.context.trace_id
    assert inner.context.span_id != outer.context.span_id
    assert outer.attributes == {"url.query": "[hidden]", "request_id": "order-12345678"}
    assert request.traceparent.startswith(f"00-{TRACE_ID}-{SPAN_ID}-")
    assert int(request.trace_flags, 16) & 1


def test_a_span_outside_of_a_request_has_identifiers_of_its_own() -> None:
    first, second = spans_of(None), spans_of(None)
    assert first[0].context.trace_id != second[0].context.trace_id


def test_nothing_is_traced_without_a_collector() -> None:
    telemetry = Telemetry(make_settings())
    assert telemetry.config is None
    telemetry.close()
