"""Who asked: the identifiers that tie log lines, errors and outgoing calls to one request."""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass

# Anything else could forge log lines or fill them up.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,128}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")


@dataclass(slots=True)
class RequestContext:
    """The identifiers of one request."""

    request_id: str
    trace_id: str
    span_id: str
    trace_flags: str = "00"

    @property
    def traceparent(self) -> str:
        """The W3C header that passes the trace on."""
        return f"00-{self.trace_id}-{self.span_id}-{self.trace_flags}"


current_request: ContextVar[RequestContext | None] = ContextVar("current_request", default=None)


def build_context(request_id: bytes, traceparent: bytes) -> RequestContext:
    """Return a context that continues what the client sent, where that is valid.

    Args:
        request_id: Value of X-Request-ID, or nothing.
        traceparent: Value of traceparent, or nothing.
    """
    fresh = os.urandom(24).hex()
    trace_id, span_id, flags = fresh[:32], fresh[32:], "00"
    if traceparent and (match := _TRACEPARENT.fullmatch(traceparent)):
        trace_id, flags = match[1].decode(), match[2].decode()
    if request_id and _REQUEST_ID.fullmatch(request_id):
        return RequestContext(request_id.decode(), trace_id, span_id, flags)
    return RequestContext(fresh[:32], trace_id, span_id, flags)
