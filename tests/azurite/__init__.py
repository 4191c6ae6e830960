"""Azurite for tests: the storage service of Azure as a process of this machine, with its own ports, key and folder."""

from __future__ import annotations

import base64
import http.client
import os
import re
import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from azurite.certificates import Certificate, make_certificate
from azurite.install import NODE, PROGRAM

HOST = "127.0.0.1"
LIFELINE = Path(__file__).with_name("lifeline.js")
#: What Azurite says last while it starts.
READY = "Azurite Table service is successfully listening"
#: A line of the log for each request: `127.0.0.1 - - [22/Nov/2026:15:30:00 +0000] "GET /path HTTP/1.1" 200 -`.
LOGGED = re.compile(r'^\S+ - - \[[^]]*\] "(?P<method>\S+) (?P<path>\S+) HTTP/[^"]*" (?P<status>\d+|-) ', re.MULTILINE)
#: On a busy machine; it starts in a second on an idle one.
PATIENCE_SECONDS = 60


class NotInstalledError(Exception):
    """Azurite is not there; the message says what to do."""


@dataclass(frozen=True)
class Request:
    """One request of Azurite's log.

    Attributes:
        path: with its query, beginning with the account's name.
        status: None if the client was gone before it was answered.
    """

    method: str
    path: str
    status: int | None


class Azurite:
    """One storage account with queues and blobs, which is there while the `with` block runs.

    Attributes:
        account: its name.
        key: its key, random: nothing may ever show it.
        authority: the file that clients have to trust, where it talks https.
    """

    def __init__(
        self,
        folder: Path,
        *,
        account: str = "hyperscale",
        with_tokens: bool = False,
        certificate: Certificate | None = None,
        other_accounts: tuple[str, ...] = (),
    ) -> None:
        """Take two ports, and remember to keep everything in `folder`.

        Args:
            account: its name.
            with_tokens: talk https, and take tokens of tokens.FakeCredential besides the key.
            certificate: what it shows with_tokens; None makes one for 127.0.0.1.
            other_accounts: names of more accounts, with the same key.

        Raises:
            NotInstalledError: when Azurite is not there.
        """
        if not (NODE.exists() and PROGRAM.exists()):
            raise NotInstalledError(
                f"Azurite is not installed in {sys.prefix}: `make test` installs it and runs the tests"
            )
        self.account = account
        self._accounts = (account, *other_accounts)
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self._certificate = certificate or (make_certificate(folder) if with_tokens else None)
        self.authority = self._certificate.authority if self._certificate else None
        self._folder = folder
        self._log = folder / "azurite.log"
        self._held_ports = hold_port(), hold_port()
        self._blob_port, self._queue_port = (held.getsockname()[1] for held in self._held_ports)
        self._process: subprocess.Popen[bytes] | None = None
        self._markers = 0
        self._logged: list[Request] = []
        self._read_bytes = 0

    @property
    def blob_url(self) -> str:
        """Where its containers are, without a slash at the end."""
        return self._url(self._blob_port)

    @property
    def queue_url(self) -> str:
        """Where its queues are, without a slash at the end."""
        return self._url(self._queue_port)

    def _url(self, port: int, account: str | None = None) -> str:
        return f"http{'s' if self._certificate else ''}://{HOST}:{port}/{account or self.account}"

    @property
    def connection_string(self) -> str:
        """What AZURE_STORAGE_CONNECTION_STRING is set to. It holds the key."""
        return self.connection_string_of(self.account)

    def connection_string_of(self, account: str) -> str:
        """Return the connection string of one of its accounts."""
        parts = {
            "DefaultEndpointsProtocol": self.blob_url.partition(":")[0],
            "AccountName": account,
            "AccountKey": self.key,
            "BlobEndpoint": self._url(self._blob_port, account),
            "QueueEndpoint": self._url(self._queue_port, account),
        }
        return ";".join(f"{name}={value}" for name, value in parts.items())

    @property
    def process_id(self) -> int | None:
        """The process that runs; None while it is stopped."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Azurite:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop it for good, and give its ports back."""
        try:
            self.stop()
        finally:
            for held in self._held_ports:
                held.close()

    def start(self) -> None:
        """Start it, for the first time or again: on the same ports, with what it held. It answers when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        before = len(self._said())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                env={**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{name}:{self.key}" for name in self._accounts)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the tests: they still need it while they end. The lifeline ends it at the latest.
                start_new_session=True,
            )
        self._wait_until(lambda: READY in self._said()[before:])

    def _command(self) -> list[str | Path]:
        options: list[str | Path] = ["--skipApiVersionCheck", "--disableTelemetry", "--location", self._folder / "data"]
        # Tables are not used, but Azurite has no way to leave them out.
        ports = {"--blobPort": self._blob_port, "--queuePort": self._queue_port, "--tablePort": 0}
        options += [word for name, port in ports.items() for word in (name, str(port))]
        if self._certificate:
            options += ["--oauth", "basic", "--cert", self._certificate.server, "--key", self._certificate.server_key]
        return [NODE, "--require", LIFELINE, PROGRAM, *options]

    def stop(self) -> None:
        """Stop it by SIGTERM, so that it writes what it holds: after SIGKILL, acknowledged writes are lost."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()

    def requests(self) -> list[Request]:
        """Return all requests since the first start, in the order in which they were answered."""
        if self._process:
            # A request is logged a moment after it was answered. Where this one is, all before it are.
            self._markers += 1
            marker, before = f"/marker-{self._markers}", len(self._logged)
            self._ask(marker)
            self._wait_until(lambda: any(request.path == marker for request in self._read_log()[before:]))
        return [request for request in self._read_log() if not request.path.startswith("/marker-")]

    def _read_log(self) -> list[Request]:
        """Return all requests in the log; only what is new in it is read: tests look often, and it gets long."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as log:
            log.seek(self._read_bytes)
            new = log.read()
        lines = new[: new.rfind(b"\n") + 1]
        self._read_bytes += len(lines)
        for found in LOGGED.finditer(lines.decode()):
            status = found["status"]
            self._logged.append(Request(found["method"], found["path"], None if status == "-" else int(status)))
        return self._logged

    def _ask(self, path: str) -> None:
        trust = ssl.create_default_context(cafile=self.authority) if self.authority else None
        connection = (
            http.client.HTTPSConnection(HOST, self._queue_port, timeout=PATIENCE_SECONDS, context=trust)
            if trust
            else http.client.HTTPConnection(HOST, self._queue_port, timeout=PATIENCE_SECONDS)
        )
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        finally:
            connection.close()

    def _said(self) -> str:
        return self._log.read_text("utf-8") if self._log.exists() else ""

    def _wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until `true()`; an Azurite that ends, or says nothing for a minute, is an error with its last words."""
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Azurite ended, or does not answer. It said: {self._said()[-2000:]}")
            time.sleep(0.02)


def hold_port() -> socket.socket:
    """Return a socket that keeps a free port ours, while Azurite runs and while it is stopped.

    The system gives the port to nobody else, and refuses who connects while Azurite is stopped. Azurite may listen on
    it because both set SO_REUSEADDR and this socket never listens (Linux).
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((HOST, 0))
    return held
