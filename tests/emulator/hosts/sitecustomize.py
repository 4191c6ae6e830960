"""Sends Azure's host names to the emulator on this machine, and refuses every other name, in each Python process.

Python imports a module of this name before anything else, where it finds one on PYTHONPATH. So the product runs with
exactly the names and settings that it has in Azure. The variable HYPERSCALE_EMULATOR_HOSTS names a JSON file:

    {"hosts": {"management.azure.com": 40001, "*.blob.core.windows.net": null}, "refused": "/.../refused.txt"}

A port is on this machine; null is a name that does not exist. What stands nowhere is refused, and noted in `refused`.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "HYPERSCALE_EMULATOR_HOSTS"
HERE = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - names of this machine, nothing is bound to them
LOOPBACK = "127.0.0.1"

Lookup = Callable[..., list[Any]]


def redirected(original: Lookup, file: str) -> Lookup:
    """Return socket.getaddrinfo as it is with the map in `file`."""
    read = json.loads(Path(file).read_text("utf-8"))
    hosts, refused = read["hosts"], read["refused"]

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
        return original(LOOPBACK, hosts[pattern], *arguments, **options)

    return getaddrinfo


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
