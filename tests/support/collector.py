"""A collector of traces: takes what programs export over HTTP, and keeps it as it came."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.support.ports import reserve_port
from tools.local.ports import HOST


class Collector:
    """`exports` are the bodies: Protocol Buffers, in which texts stand as they are."""

    def __init__(self) -> None:
        self.exports: list[bytes] = []
        exports = self.exports

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                exports.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, reserve_port()), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Collector]:
        thread = Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def has(self, service: str, text: str) -> bool:
        """Whether the service has exported a span that contains the text."""
        name = f"dinsight-{service}".encode()
        return any(name in body and text.encode() in body for body in list(self.exports))
