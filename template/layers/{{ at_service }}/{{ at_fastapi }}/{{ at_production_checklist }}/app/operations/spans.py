"""What ties a span to its request."""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from app.operations.context import current_request

HIDDEN = "[hidden]"


class RequestIds(RandomIdGenerator):
    """Gives the span of a request the identifiers that the request already has."""

    def generate_trace_id(self) -> int:
        """Return the trace of the request that is being served."""
        request = current_request.get()
        return int(request.trace_id, 16) if request else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the span of the request that is being served; spans within it get a new one."""
        request = current_request.get()
        parent = trace.get_current_span().get_span_context()
        if request is None or (parent.is_valid and not parent.is_remote):
            return super().generate_span_id()
        return int(request.span_id, 16)


class RequestSpans(SpanProcessor):
    """Adds to a span what helps to find it, and hides what may be secret."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Change a span that has just begun."""
        # FastAPI notes the query, in which clients put secrets.
        if span.attributes and "url.query" in span.attributes:
            span.set_attribute("url.query", HIDDEN)
        if request := current_request.get():
            span.set_attribute("request_id", request.request_id)
            # Services that are called next keep what was decided here.
            request.trace_flags = f"{span.get_span_context().trace_flags:02x}"
