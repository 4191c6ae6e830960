"""A service of https on this machine that answers with what a test has put into it, and a login that it takes."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from azurite.certificates import make_certificate

SECRET_TOKEN = "TOKEN-OF-TESTS"


class Login:
    """A credential; the SDK takes any object with get_token."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://management.azure.com/.default",)
        if self.error:
            raise self.error
        return AccessToken(SECRET_TOKEN, 4_102_444_800)


class Service:
    """Answers https requests with what a test has put into `answers`, and notes what it was asked.

    Attributes:
        answers: (status, headers, document) each; a status of 0 closes the connection.
        asked: "METHOD path?query", in order.
        tokens: that came with them.
    """

    def __init__(self, folder: Path) -> None:
        self.answers: deque[tuple[int, dict[str, str], Any]] = deque()
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        certificate = make_certificate(folder)
        self.authority = certificate.authority
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.server, certificate.server_key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._door())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01))
        self._thread.start()

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}{path}"

    def answer(self, status: int, document: Any = None, **headers: str) -> None:
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, document))

    def refuse(self, status: int, code: str, message: str = "", **headers: str) -> None:
        self.answer(status, {"error": {"code": code, "message": message}}, **headers)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _door(service) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the request's
        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                service.asked.append(f"{self.command} {self.path}")
                service.tokens.append(self.headers.get("Authorization"))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, document = service.answers.popleft()
                if not status:
                    self.close_connection = True
                    return
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def do_PATCH(self) -> None:
                self.do_GET()

            def do_PUT(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        return Door
