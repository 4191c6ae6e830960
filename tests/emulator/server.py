"""The sockets of the emulator: https for Azure's names, and http for what only nodes and the stub of `az` ask."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from azurite.certificates import Certificate

from emulator.routing import Answer, Request
from emulator.service import LostAnswerError, Service

#: A client that is silent for so long keeps no thread.
IDLE_SECONDS = 120


class Server(ThreadingHTTPServer):
    """Answers on one port of this machine, until it is closed; then all of its connections and threads end."""

    #: Closing waits for the threads, so that nothing of a test is left behind.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, service: Service, certificate: Certificate | None) -> None:
        self.service = service
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.server, certificate.server_key)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Door)
        self._thread = threading.Thread(target=lambda: self.serve_forever(poll_interval=0.02), name="emulator")
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(IDLE_SECONDS)
        if self._context:
            # The handshake is made by the connection's own thread: a slow client must not keep the others waiting.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients are killed, and close connections, as they like."""

    def close(self) -> None:
        """Close the port, and end every connection and thread."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                # The file descriptor alone: the connection's own thread closes the rest.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()


class Door(BaseHTTPRequestHandler):
    """Turns what arrives at a connection into requests, and answers into what leaves it."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            self.command,
            (self.headers.get("Host") or "").partition(":")[0].lower(),
            unquote(parts.path),
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        try:
            answer = self.server.service.respond(request)
        except LostAnswerError:
            self.close_connection = True
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = answer.body
        self.send_response_only(answer.status, HTTPStatus(answer.status).phrase)
        kind = {"Content-Type": "application/json; charset=utf-8"} if body else {}
        headers = {**kind, **answer.headers, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the standard library

    def log_message(self, *_: Any) -> None:
        pass
