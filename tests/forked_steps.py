"""A `python` that runs steps in forks of a process that has imported their libraries: that is half of a step's work.

The program `python` in the folder of `forking_python` stands in for an interpreter. What it is asked to run is a new
interpreter, unless it is a step (`-m hyperscale.node ...`): that runs in a fork of the server here, from the folder
where it is started, so with the package as it was staged there. The program has its exit code and signals, and when
the program is killed, so is the step with all of its group.

Tests of kills, freezes, memory and imports start steps with the interpreter itself.
"""

from __future__ import annotations

import gc
import importlib
import marshal
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

#: What steps import besides the package; the package itself is the one that was staged.
LIBRARIES = (
    *("argparse", "concurrent.futures", "csv", "email.utils", "http.client", "ipaddress", "json", "logging.handlers"),
    *(
        "multiprocessing.connection",
        "platform",
        "secrets",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "urllib.request",
    ),
    *("orjson", "pyarrow", "pyarrow.csv", "pyarrow.parquet"),
    *("azure.core.pipeline", "azure.identity", "azure.storage.blob", "azure.storage.queue"),
)
#: What steps hide from those libraries (hyperscale/node/__main__.py).
HIDDEN = ("pandas", "aiohttp")
#: What a new interpreter finds on the PYTHONPATH of an emulated Azure. By its path: its package imports ours.
HOSTS = Path(__file__).parent / "emulator" / "hosts" / "sitecustomize.py"
PROGRAM = """#!{python} -IS
# Stands in for an interpreter: see {module}. Imports nothing but what is built in.
import _signal
import _socket
import marshal
import os
import sys

def run_itself():
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])

def run_forked():
    request = marshal.dumps((sys.argv[3:], os.getcwd(), dict(os.environ)))
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect({address!r})
    except OSError:
        run_itself()
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection.sendmsg([len(request).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    connection.sendall(request)
    step = int.from_bytes(connection.recv(8, _socket.MSG_WAITALL), "big")
    # On a node, whoever ends a step ends its group; here it is asked alone (hyperscale/control/local/steps.py).
    ask = os.kill if os.environ.get("HYPERSCALE_LIFELINE") == "stdin" else os.killpg
    _signal.signal(_signal.SIGTERM, lambda *_: ask(step, _signal.SIGTERM))
    code = int.from_bytes(connection.recv(8, _socket.MSG_WAITALL), "big", signed=True)
    if code < 0:
        _signal.signal(-code, _signal.SIG_DFL) if -code != _signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)

run_forked() if sys.argv[1:3] == ["-m", "hyperscale.node"] else run_itself()
"""


def forking_python() -> Path:
    """Return the program; its server ends with this process."""
    return _server().program


@cache
def _server() -> _Server:
    return _Server()


class _Server:
    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="forking-python-")
        self.program, address = Path(self._folder.name, "python"), Path(self._folder.name, "server")
        text = PROGRAM.format(python=sys.executable, module=Path(__file__).name, address=str(address))
        self.program.write_text(text, encoding="utf-8")
        self.program.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(address))
            listening.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(listening.fileno())],
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,  # its end of file is our end
                stdout=subprocess.DEVNULL,
                cwd=Path(__file__).parent,
            )


class _Hidden(MetaPathFinder):
    def find_spec(self, name: str, *_: Any) -> None:
        if name in HIDDEN:
            raise ModuleNotFoundError(name=name)


def serve(listening: socket.socket) -> None:
    """Return in each process that is to be a step; never return in this one."""
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.meta_path.remove(hidden)
    hosts = runpy.run_path(str(HOSTS))
    # Forks share what no collection of garbage touches.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            length, descriptors, *_ = socket.recv_fds(connection, 8, 3)
            request = connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
            if step := os.fork():
                _mind(step, connection)
            connection.close()
            _become(descriptors, hosts, *marshal.loads(request))  # noqa: S302 - from a process of these tests
            return
        connection.close()


def _mind(step: int, connection: socket.socket) -> NoReturn:
    """Tell the number of a step, and once it has ended its exit code; kill its group when nobody listens any more."""
    connection.sendall(step.to_bytes(8, "big"))
    ended = os.pidfd_open(step)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:
        for kill in (os.killpg, os.kill):
            try:
                kill(step, signal.SIGKILL)
            except ProcessLookupError:
                continue
    _, status = os.waitpid(step, 0)
    try:
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    finally:
        os._exit(0)


def _become(
    descriptors: list[int], hosts: dict[str, Any], words: list[str], folder: str, environment: dict[str, str]
) -> None:
    """Take on the surroundings of a step, as `python -m` has them."""
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through="PYTHONUNBUFFERED" in environment)
    sys.path[0:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["hyperscale.node", *words]
    if environment.get(hosts["VARIABLE"]):
        socket.getaddrinfo = hosts["redirected"](socket.getaddrinfo, environment[hosts["VARIABLE"]])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("hyperscale.node", run_name="__main__", alter_sys=True)
