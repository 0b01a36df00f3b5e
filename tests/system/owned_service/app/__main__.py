"""A service whose code came before its container: the standard library and one dependency."""

import http.server
import os

import markupsafe


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request with the name of the service."""

    def do_GET(self) -> None:
        """Answer."""
        body = markupsafe.escape("owned").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.HTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
