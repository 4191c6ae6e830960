"""A key vault for tests: https with its own certificate, reached by its real name through a proxy on this machine."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azurite.certificates import make_certificate

VAULT = "my-vault"
HOST = f"{VAULT}.vault.azure.net"
AUDIENCE = "https://vault.azure.net"


class KeyVault:
    """Answers as https://my-vault.vault.azure.net while the `with` block runs, to who has `https_proxy` and trust.

    Attributes:
        values: of its secrets, by name, or by name/version.
        token: the bearer token that it takes.
        identity_secret: what a node has to show to get that token: MSI_SECRET.
        asked: the paths that it was asked for, in order.
        failures: statuses, with headers, to answer with before it answers well.
        authority: the file that clients have to trust.
    """

    def __init__(self, folder: Path, **values: str) -> None:
        self.values = {name.replace("_", "-"): value for name, value in values.items()}
        self.token = "TOKEN-OF-TESTS"
        self.identity_secret = "IDENTITY-OF-TESTS"
        self.asked: list[str] = []
        self.failures: deque[tuple[int, dict[str, str]]] = deque()
        certificate = make_certificate(folder, [HOST])
        self.authority = certificate.authority
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.server, certificate.server_key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._door())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01))

    def __enter__(self) -> KeyVault:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What a client of it has in its environment."""
        return {
            "https_proxy": f"http://127.0.0.1:{self._server.server_port}",
            "no_proxy": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(self.authority),
        }

    @property
    def node_environment(self) -> dict[str, str]:
        """What a node of Azure ML has in its environment beside, to get tokens of its identity."""
        return {
            "AZUREML_RUN_ID": "calm_tooth_1",
            "DEFAULT_IDENTITY_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
            "MSI_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}/identity",
            "MSI_SECRET": self.identity_secret,
        }

    def identity_answer(self, path: str, secret: str | None) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Return status, headers and document for a node that asks for a token."""
        is_ours = secret == self.identity_secret and parse_qs(urlsplit(path).query)["resource"][0] == AUDIENCE
        token = {"access_token": self.token, "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer"}
        return (200, {}, token) if is_ours else (400, {}, {"error": "unknown"})

    def answer(self, path: str, authorization: str | None) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Return status, headers and document for a request."""
        parts = urlsplit(path)
        self.asked.append(path)
        name = parts.path.removeprefix("/secrets/").rstrip("/")
        if self.failures:
            status, headers = self.failures.popleft()
            return status, headers, {"error": {"code": "Failure"}}
        if authorization != f"Bearer {self.token}":
            return 401, {}, {"error": {"code": "Unauthorized"}}
        if parse_qs(parts.query) != {"api-version": ["7.4"]}:
            return 400, {}, {"error": {"code": "BadParameter"}}
        if name not in self.values:
            return 404, {}, {"error": {"code": "SecretNotFound"}}
        return 200, {}, {"value": self.values[name], "id": f"https://{HOST}/secrets/{name}"}

    def _door(self) -> type[BaseHTTPRequestHandler]:
        vault = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                if self.path != f"{HOST}:443":
                    self.send_error(502)
                    return
                self.send_response(200)
                self.end_headers()
                try:
                    self.connection = vault._context.wrap_socket(self.connection, server_side=True)
                except OSError:  # a client that does not trust it
                    self.close_connection = True
                    return
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", 0)
                self.close_connection = False

            def do_GET(self) -> None:
                if isinstance(self.connection, ssl.SSLSocket):
                    status, headers, document = vault.answer(self.path, self.headers["Authorization"])
                else:
                    status, headers, document = vault.identity_answer(self.path, self.headers["secret"])
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def finish(self) -> None:
                super().finish()
                self.connection.close()

            def log_message(self, *_: Any) -> None:
                pass

        return Door
