"""A proxy between clients and Azurite that loses, delays, doubles and refuses requests: a bad network, made to order.

    with Proxy(azurite, {Drop(): 0.1, Answer(503): 0.1}, seed=7) as proxy:
        ...  # clients use proxy.connection_string
        proxy.force(LoseAnswer(), "DELETE", "/messages/")

Requests are forwarded byte for byte. Their signatures hold: they cover the path and the headers, but not the port.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, TypeVar

from azurite import HOST, Azurite, hold_port

T = TypeVar("T")
#: A message's head is never longer; the longest lines of Azure are signed URLs.
MAX_HEAD_BYTES = 2**20
#: What the service says of itself with a status (learn.microsoft.com, "Common REST API error codes").
CODES = {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}


@dataclass(frozen=True)
class Fault:
    """Something that becomes of a request."""


@dataclass(frozen=True)
class Drop(Fault):
    """The connection is reset before the request is forwarded."""


@dataclass(frozen=True)
class Delay(Fault):
    """The request is forwarded late."""

    seconds: float


@dataclass(frozen=True)
class Copy(Fault):
    """The request is forwarded and answered, and forwarded again later; nobody hears of the second answer.

    Attributes:
        after_seconds: how much later; None: when the test calls `deliver_copies`.
    """

    after_seconds: float | None = None


@dataclass(frozen=True)
class LoseAnswer(Fault):
    """The request is forwarded and carried out, and the connection is closed instead of an answer."""


@dataclass(frozen=True)
class Answer(Fault):
    """The proxy answers in the name of the service; the request is not forwarded."""

    status: int
    retry_after_seconds: int | None = None


@dataclass(frozen=True)
class Message:
    """A request or an answer, as it was read: start line, headers and body."""

    head: bytes
    body: bytes

    @property
    def words(self) -> list[str]:
        """The three words of the start line: method, path and version, or version, status and reason."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    @property
    def data(self) -> bytes:
        return self.head + self.body


class Proxy:
    """Stands in for an Azurite that talks http, while the `with` block runs.

    Attributes:
        counts: how often each fault has happened.
        requests: method and path of all requests that arrived, in order.
        shares: which share of the requests gets which fault. A test may change it at any time.
    """

    def __init__(self, azurite: Azurite, shares: Mapping[Fault, float] | None = None, *, seed: int = 0) -> None:
        """Take two ports.

        Args:
            seed: of the choice which request gets which fault. Requests are numbered as they arrive.
        """
        self.shares = dict(shares or {})
        self.counts: Counter[Fault] = Counter()
        self.requests: list[tuple[str, str]] = []
        self._azurite = azurite
        self._chance = random.Random(seed)
        self._forced: list[tuple[Fault, str, re.Pattern[str]]] = []
        self._copies: list[tuple[int, Message]] = []
        self._held = {port_of(url): hold_port() for url in (azurite.blob_url, azurite.queue_url)}
        self._listeners: list[socket.socket] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    @property
    def blob_url(self) -> str:
        return self._moved(self._azurite.blob_url)

    @property
    def queue_url(self) -> str:
        return self._moved(self._azurite.queue_url)

    @property
    def connection_string(self) -> str:
        """Azurite's, with the proxy in its place. It holds the key."""
        text = self._azurite.connection_string
        for url in (self._azurite.blob_url, self._azurite.queue_url):
            text = text.replace(url, self._moved(url))
        return text

    def _moved(self, url: str) -> str:
        port = port_of(url)
        return url.replace(f":{port}/", f":{self._held[port].getsockname()[1]}/")

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *error: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for held in self._held.values():
            held.close()

    def force(self, fault: Fault, method: str, path: str) -> None:
        """Let `fault` happen to the next request of `method` in whose path the regular expression `path` is found."""
        self._forced.append((fault, method, re.compile(path)))

    def deliver_copies(self) -> list[int]:
        """Forward the copies that are kept, in their order; return the status of each answer."""

        async def deliver() -> list[int]:
            copies, self._copies = self._copies, []
            return [int((await forward(port, request)).words[1]) for port, request in copies]

        return self._run(deliver())

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """End all connections and refuse new ones while the `with` block runs."""
        self._run(self._refuse())
        try:
            yield
        finally:
            self._run(self._listen())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # ---- in the proxy's own thread

    # Not by asyncio's own servers: closing one while a connection arrives leaves that connection open (Python 3.11).

    async def _listen(self) -> None:
        for target, held in self._held.items():
            listener = socket.create_server((HOST, held.getsockname()[1]))
            listener.setblocking(False)
            self._loop.add_reader(listener, self._accept, target, listener)
            self._listeners.append(listener)

    async def _refuse(self) -> None:
        while self._listeners:
            listener = self._listeners.pop()
            self._loop.remove_reader(listener)
            listener.close()
        await ended(self._connections)

    async def _end(self) -> None:
        await self._refuse()
        await ended(self._late)

    def _accept(self, target: int, listener: socket.socket) -> None:
        with suppress(OSError):  # it was gone before it was accepted
            connection, _ = listener.accept()
            task = self._keep(self._connections, self._serve(target, connection))
            # Also when the task is cancelled before its first step.
            task.add_done_callback(lambda _: connection.close())

    def _keep(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    async def _serve(self, target: int, connection: socket.socket) -> None:
        """Answer the requests of one connection, until either side ends it."""
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection, limit=MAX_HEAD_BYTES)
        try:
            # Ends of connections on either side: the client is gone, or Azurite is stopped and cannot be reached.
            with suppress(OSError, EOFError):
                while answer := await self._answer(target, await read_message(reader), writer):
                    writer.write(answer)
                    await writer.drain()
        finally:
            await closed(writer)

    async def _answer(self, target: int, request: Message, writer: asyncio.StreamWriter) -> bytes | None:
        """Return the answer to `request`; None when its connection has to end."""
        method, path, _ = request.words
        self.requests.append((method, path))
        fault = self._choose(method, path)
        if fault:
            self.counts[fault] += 1
        if isinstance(fault, Drop):
            reset(writer)
            return None
        if isinstance(fault, Answer):
            return answer_of_service(fault, method)
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        answer = await forward(target, request)
        if isinstance(fault, Copy):
            if fault.after_seconds is None:
                self._copies.append((target, request))
            else:
                self._keep(self._late, forward_late(target, request, fault.after_seconds))
        return None if isinstance(fault, LoseAnswer) else answer.data

    def _choose(self, method: str, path: str) -> Fault | None:
        for forced in self._forced:
            fault, wanted, pattern = forced
            if wanted == method and pattern.search(path):
                self._forced.remove(forced)
                return fault
        left = self._chance.random()
        for fault, share in self.shares.items():
            left -= share
            if left < 0:
                return fault
        return None


def port_of(url: str) -> int:
    return int(url.split(":")[2].partition("/")[0])


async def ended(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    """Let the connection end with a reset instead of a farewell when it is closed."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def forward(port: int, request: Message) -> Message:
    """Send `request` to Azurite and return its answer."""
    # Each has its own connection: Azurite closes idle ones at any moment, and no test has asked for that fault.
    reader, writer = await asyncio.open_connection(HOST, port, limit=MAX_HEAD_BYTES)
    try:
        writer.write(request.data)
        await writer.drain()
        return await read_message(reader, answers=request.words[0])
    finally:
        await closed(writer)


async def forward_late(port: int, request: Message, seconds: float) -> None:
    await asyncio.sleep(seconds)
    with suppress(OSError, EOFError):
        await forward(port, request)


async def read_message(reader: asyncio.StreamReader, answers: str | None = None) -> Message:
    """Read one message.

    Args:
        answers: the method of the request that it answers; None: it is a request.

    Raises:
        EOFError: when the connection ends before the message does.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    headers = {
        name.strip().lower(): value.strip().lower()
        for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    }
    if answers == "HEAD" or (answers and head.split(b" ", 2)[1][:3] in (b"204", b"304")):
        return Message(head, b"")
    if headers.get("transfer-encoding") == "chunked":
        return Message(head, await read_pieces(reader))
    return Message(head, await reader.readexactly(int(headers.get("content-length", 0))))


async def read_pieces(reader: asyncio.StreamReader) -> bytes:
    """Read a body whose length is told piece by piece (RFC 9112, section 7.1), up to its empty line."""
    read = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        length = int(line.split(b";")[0], 16)
        read += line + (await reader.readexactly(length + 2) if length else await reader.readuntil(b"\r\n"))
        if not length:
            return read


def answer_of_service(fault: Answer, method: str) -> bytes:
    code = CODES[fault.status]
    body = f"<Error><Code>{code}</Code><Message>A fault on purpose.</Message></Error>"
    lines = [
        f"HTTP/1.1 {fault.status} {code}",
        f"Date: {formatdate(usegmt=True)}",
        "Content-Type: application/xml",
        f"Content-Length: {len(body)}",
        f"x-ms-error-code: {code}",
    ]
    if fault.retry_after_seconds is not None:
        lines.append(f"Retry-After: {fault.retry_after_seconds}")
    return ("\r\n".join(lines) + "\r\n\r\n" + ("" if method == "HEAD" else body)).encode()
