"""A web server of https on this machine, whose files change, vanish and misbehave as tests want it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from azurite.certificates import make_certificate

HOST = "localhost"


@dataclass
class WebFile:
    """What is at one path.

    Attributes:
        content: of it.
        headers: of the answer, beside its length.
        status: of the answer.
        sent_bytes: after so many the connection is cut; None sends all.
        stalls: whether nothing more comes then, instead, until the server ends; `site.stalled` is set when it does.
        knows_head: whether HEAD is answered, and not refused.
    """

    content: bytes = b""
    headers: dict[str, str] | None = None
    status: int = 200
    sent_bytes: int | None = None
    stalls: bool = False
    knows_head: bool = True

    def answer(self, ranged: str | None) -> tuple[int, bytes, dict[str, str]]:
        """Return status, content and headers for who asks for `ranged`, or for all of it."""
        status, content = self.status, self.content
        headers = {"Content-Type": "application/octet-stream", **(self.headers or {})}
        if ranged and status == 200:
            first, _, last = ranged.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1, len(content)) if last else len(content)
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(content)}"
            status, content = 206, content[int(first) : end]
        return status, content, {"Content-Length": str(len(content)), **headers}


class WebSite:
    """A server while the `with` block runs.

    Attributes:
        files: by path, which begins with a slash; paths that are not here are answered with 404.
        asked: method, path and range of each request, in order.
        environment: what a process needs to trust it.
    """

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, WebFile] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.stalled, self._over = threading.Event(), threading.Event()
        certificate = make_certificate(folder, (HOST,))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.server, certificate.server_key)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.environment = {"REQUESTS_CA_BUNDLE": str(certificate.authority), "NO_PROXY": "*"}

    def __enter__(self) -> WebSite:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str) -> str:
        return f"https://{HOST}:{self._server.server_address[1]}{path}"

    def put(self, path: str, content: bytes, **fields: Any) -> str:
        """Let `content` be at `path`, and return its address."""
        self.files[path] = WebFile(content, **fields)
        return self.url(path)

    def stall(self) -> None:
        """Wait until the server ends, and let tests know."""
        self.stalled.set()
        self._over.wait()

    def fetched(self) -> list[str]:
        """Return the path of each whole file that was asked for."""
        return [path for method, path, ranged in self.asked if method == "GET" and ranged is None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave in the middle, or do not trust us, are what tests are about."""


def _handler(site: WebSite) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            path, ranged = self.path.partition("?")[0], self.headers.get("Range")
            site.asked.append((self.command, path, ranged))
            file = site.files.get(path, WebFile(b"<html>not here</html>", status=404))
            if not with_body and not file.knows_head:
                file = WebFile(status=405)
            status, content, headers = file.answer(ranged)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(content[: file.sent_bytes])
            if with_body and file.stalls:
                site.stall()
            if file.sent_bytes is not None:
                self.close_connection = True

        def log_message(self, *arguments: Any) -> None:
            """Print nothing."""

    return Handler
