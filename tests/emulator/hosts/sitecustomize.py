"""Sends Azure's host names to the emulator on this machine, and refuses every other name, in each Python process.

Python imports a module of this name before anything else, where it finds one on PYTHONPATH. So the product runs with
exactly the names and settings that it has in Azure. The variable HYPERSCALE_EMULATOR_HOSTS names a JSON file:

    {"hosts": {"management.azure.com": 40001, "*.blob.core.windows.net": null}, "refused": "/.../refused.txt",
     "rights": {"labstore.blob.core.windows.net": {"hyperscale": "rwd"}}, "refuser": 40001}

A port is on this machine; null is a name that does not exist. What stands nowhere is refused, and noted in `refused`.
Azurite knows no roles: a request to a host of `rights` goes to its port when they allow it, by the container or queue
(`*` is any, and the account itself) and the kind of request (r, w and d), and else to the port of `refuser`, who says
no as the storage service does. What is signed needs no right.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

VARIABLE = "HYPERSCALE_EMULATOR_HOSTS"
HERE = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - names of this machine, nothing is bound to them
LOOPBACK = "127.0.0.1"
#: Which letter of rights a request needs; all others write.
LETTERS = {"GET": "r", "HEAD": "r", "DELETE": "d"}

Lookup = Callable[..., list[Any]]


def redirected(original: Lookup, file: str) -> Lookup:
    """Return socket.getaddrinfo as it is with the map in `file`."""
    read = json.loads(Path(file).read_text("utf-8"))
    hosts, refused = read["hosts"], read["refused"]
    chosen = threading.local()

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> list[Any]:
        name = (host.decode("ascii", "replace") if isinstance(host, bytes) else host or "").lower()
        if name in HERE or name == socket.gethostname().lower():
            return original(host, port, *arguments, **options)
        pattern = next((known for known in (name, f"*.{name.partition('.')[2]}") if known in hosts), None)
        if pattern is None:
            note(refused, f"{name}:{port} by {' '.join(sys.argv[:3])}")
            raise OSError(f"the emulator of Azure refuses the host {name}: nothing of the product should ask it")
        if hosts[pattern] is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name}")
        if name in getaddrinfo.rights:  # type: ignore[attr-defined]
            guard_requests()
            # aiohttp asks nobody for each request: there, who has any right on an account has all.
            first = hosts[pattern] if getaddrinfo.rights[name] else read["refuser"]  # type: ignore[attr-defined]
            return original(LOOPBACK, getattr(chosen, "ports", {}).get(name, first), *arguments, **options)
        return original(LOOPBACK, hosts[pattern], *arguments, **options)

    def port_for(name: str, method: str, url: str) -> int:
        """Return where a request goes, for a connection that is made in this thread from now on, too."""
        allowed = is_allowed(getaddrinfo.rights[name], method, url)  # type: ignore[attr-defined]
        port: int = hosts[name] if allowed else read["refuser"]
        chosen.ports = {**getattr(chosen, "ports", {}), name: port}
        return port

    getaddrinfo.rights = read.get("rights", {})  # type: ignore[attr-defined]
    getaddrinfo.port_for = port_for  # type: ignore[attr-defined]
    return getaddrinfo


def is_allowed(rights: Mapping[str, str], method: str, url: str) -> bool:
    """Return whether a request is signed, or its container or queue is one that `rights` name."""
    path, _, query = url.partition("?")
    container = path.lstrip("/").partition("/")[0]
    letters = rights.get("*", "") + (rights.get(container, "") if container else "")
    return "sig=" in query or LETTERS.get(method, "w") in letters


def guard_requests() -> None:
    """Have every connection of this process ask where its next request goes: connections are used again."""
    from http.client import HTTPConnection

    original = HTTPConnection.putrequest
    if hasattr(original, "is_guard"):
        return

    def putrequest(self: HTTPConnection, method: str, url: str, *arguments: Any, **options: Any) -> None:
        name, lookup = self.host.lower(), socket.getaddrinfo
        if name in getattr(lookup, "rights", {}):
            port = lookup.port_for(name, method, url)  # type: ignore[attr-defined]
            if self.sock is not None and port_of(self.sock) != port:
                HTTPConnection.close(self)  # it connects again when it sends; urllib3's own close forgets the request
        original(self, method, url, *arguments, **options)

    putrequest.is_guard = True  # type: ignore[attr-defined]
    HTTPConnection.putrequest = putrequest  # type: ignore[method-assign]


def port_of(connected: socket.socket) -> int | None:
    try:
        port: int = connected.getpeername()[1]
    except OSError:  # the other side has gone
        return None
    return port


def note(file: str, line: str) -> None:
    with Path(file).open("a", encoding="utf-8") as notes:
        notes.write(f"{line}\n")


def run_the_next_one() -> None:
    """Run the sitecustomize that this one stands before, if there is one."""
    here = Path(__file__).resolve().parent
    others = [path for path in sys.path if Path(path or ".").resolve() != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec and spec.loader:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    if os.environ.get(VARIABLE):
        socket.getaddrinfo = redirected(socket.getaddrinfo, os.environ[VARIABLE])
    run_the_next_one()
