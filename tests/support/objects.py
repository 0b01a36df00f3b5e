"""An object store on loopback that speaks as much of S3 as a backup needs, and checks every signature."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_ID, SECRET, REGION = "test-key", "test-secret", "eu-test-1"


class ObjectStore:
    """What the store holds.

    Args:
        url: Address of its one bucket.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.objects: dict[str, bytes] = {}

    def named(self, ending: str) -> str:
        """Return the one object whose name ends so."""
        (name,) = [name for name in self.objects if name.endswith(ending)]
        return name


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Serve an empty store until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self._signed(hashlib.sha256(body).hexdigest()):
                store.objects[self.path] = body
                self._answer(200, b"")

        def do_GET(self) -> None:
            if self._signed(hashlib.sha256(b"").hexdigest()):
                found = store.objects.get(self.path)
                self._answer(404 if found is None else 200, found or b"")

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _signed(self, digest: str) -> bool:
            if self.headers.get("Authorization", "") == _signature(self.command, self.path, self.headers, digest):
                return True
            self._answer(403, b"")
            return False

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's own
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store = ObjectStore(f"http://127.0.0.1:{server.server_port}/bucket")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _signature(method: str, path: str, headers: Any, digest: str) -> str:  # noqa: ANN401 - an email.message.Message
    """Return the Authorization header that AWS Signature Version 4 asks for; source: AWS's signing documentation."""
    signed = headers.get("Authorization", "").partition("SignedHeaders=")[2].partition(",")[0]
    lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed.split(";"))
    stamp = headers.get("X-Amz-Date", "")
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    request = f"{method}\n{path}\n\n{lines}\n{signed}\n{headers.get('X-Amz-Content-Sha256', digest)}"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in (stamp[:8], REGION, "s3", "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    if headers.get("X-Amz-Content-Sha256", digest) != digest:
        return "the body is not the signed one"
    return f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={signed}, Signature={key.hex()}"
