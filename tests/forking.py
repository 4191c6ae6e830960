"""Programs that run in forks of a process that has imported their libraries: that is half of the work of most.

The folder of `programs()` has a `python` and a `hyperscale` that stand in for those of an environment. A command
(`hyperscale ...`, `python -m hyperscale ...`) and a step (`python -m hyperscale.node ...`) run in forks, each as a
process with arguments, environment, folder, streams and a session of its own, that begins at the first line of its
`__main__.py`; a step runs the package as it was staged where it is started. `python` with anything else is a new
interpreter. A program has the exit code of its fork and passes signals on; when it is killed, so is the group of its
fork. All processes of a test run have the same two servers.

Tests of memory and imports, and of signals that are not for one process alone, start the interpreter itself.
"""

from __future__ import annotations

import gc
import importlib
import logging
import marshal
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
#: Names the folder of the programs, for all processes of a test run.
VARIABLE = "HYPERSCALE_FORKING_PROGRAMS"
#: The two kinds of what is run, with the module of each.
MODULES = {"command": "hyperscale", "step": "hyperscale.node"}
#: What commands import when they need it.
LIBRARIES_OF_COMMANDS = (
    *("azure.ai.ml", "azure.identity", "azure.storage.blob", "azure.storage.queue"),
    "pyarrow.parquet",
)
#: What steps import besides the package; the package itself is the one that was staged.
LIBRARIES_OF_STEPS = (
    *("argparse", "concurrent.futures", "csv", "email.utils", "http.client", "ipaddress", "json", "logging.handlers"),
    *("multiprocessing.connection", "platform", "secrets", "sqlite3", "ssl", "subprocess", "tempfile"),
    *("urllib.request", "jinja2", "orjson", "pyarrow", "pyarrow.csv", "pyarrow.parquet"),
    *("azure.core.pipeline", "azure.identity", "azure.storage.blob", "azure.storage.queue"),
)
#: What steps hide from those libraries (hyperscale/node/__main__.py).
HIDDEN_FROM_STEPS = ("pandas", "aiohttp")
YAML_TEMPLATES = ("compute.yml", "conda.yml", "consume.yml", "pipeline.yml", "seed.yml", "teardown.yml")
#: What a new interpreter finds on the PYTHONPATH of an emulated Azure. By its path: its package imports ours.
HOSTS = Path(__file__).parent / "emulator" / "hosts" / "sitecustomize.py"
PROGRAM = """#!{python} -IS
# Stands in for {name}: see {module}. Imports nothing but what is built in.
import _signal
import _socket
import marshal
import os
import sys

def run_itself(words):
    os.execv({python!r}, [{python!r}, *words])

def run_forked(kind, module, words):
    request = marshal.dumps((words, os.getcwd(), dict(os.environ)))
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(os.path.join({folder!r}, kind))
    except OSError:
        run_itself(["-m", module, *words])
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection.sendmsg([len(request).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    connection.sendall(request)
    fork = int.from_bytes(connection.recv(8, _socket.MSG_WAITALL), "big")
    if kind == "command":
        for number in (_signal.SIGINT, _signal.SIGHUP, _signal.SIGTERM):
            _signal.signal(number, lambda number, _: os.kill(fork, number))
    else:
        # On a node, whoever ends a step ends its group; here it is asked alone (hyperscale/control/local/steps.py).
        ask = os.kill if os.environ.get("HYPERSCALE_LIFELINE") == "stdin" else os.killpg
        _signal.signal(_signal.SIGTERM, lambda *_: ask(fork, _signal.SIGTERM))
    code = int.from_bytes(connection.recv(8, _socket.MSG_WAITALL), "big", signed=True)
    if code < 0:
        _signal.signal(-code, _signal.SIG_DFL) if -code != _signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)

words = {words!r} + sys.argv[1:]
for kind, module in {modules!r}.items():
    if words[:2] == ["-m", module]:
        run_forked(kind, module, words[2:])
run_itself(words)
"""


def programs() -> Path:
    """Return the folder of `python` and `hyperscale`, for the PATH of what a test starts."""
    return Path(os.environ[VARIABLE])


def forking_python() -> Path:
    """Return the program `python`: Python itself where no servers run, as under `make azure-emulator`."""
    return programs() / "python" if VARIABLE in os.environ else Path(sys.executable)


def run_command(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run `hyperscale` to its end, and return what it said and its exit code; its stdin is empty.

    Raises:
        subprocess.TimeoutExpired: when it took longer, and was killed.
    """
    return subprocess.run(
        [programs() / "hyperscale", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )


class Programs:
    """The programs of a test run and their servers, which are started when they are asked for the first time.

    They end when this is closed, and with the process that made it.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="forking-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        for name, words in (("python", []), ("hyperscale", ["-m", "hyperscale"])):
            values = {"name": name, "words": words, "modules": MODULES, "folder": str(folder)}
            text = PROGRAM.format(python=sys.executable, module=Path(__file__).name, **values)
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o755)
        self._servers: list[subprocess.Popen[bytes]] = []
        listening = {kind: socket.socket(socket.AF_UNIX) for kind in MODULES}
        for kind, one in listening.items():
            one.bind(str(folder / kind))
            one.listen(64)
        self._end, end = socket.socketpair()
        Thread(target=self._start_servers, args=(listening, end), daemon=True).start()
        os.environ[VARIABLE] = str(folder)

    def _start_servers(self, listening: dict[str, socket.socket], end: socket.socket) -> None:
        while listening:
            ready, _, _ = select.select([*listening.values(), end], [], [])
            if end in ready:
                break
            for kind in [kind for kind, one in listening.items() if one in ready]:
                # From here on it alone listens: who asks when it is gone, is refused and runs by itself.
                with listening.pop(kind) as one:
                    self._servers.append(self._start_server(kind, one.fileno()))
        for one in (*listening.values(), end):
            one.close()

    @staticmethod
    def _start_server(kind: str, descriptor: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, __file__, kind, str(descriptor)],
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,  # its end of file is our end
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for the tests
        )

    def close(self) -> None:
        """End the servers."""
        del os.environ[VARIABLE]
        self._end.close()
        for server in self._servers:
            server.communicate()
        self._folder.cleanup()


# ---- in the servers


class _Hidden(MetaPathFinder):
    def find_spec(self, name: str, *_: Any) -> None:
        if name in HIDDEN_FROM_STEPS:
            raise ModuleNotFoundError(name=name)


def _import_for_steps() -> None:
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    for name in LIBRARIES_OF_STEPS:
        importlib.import_module(name)
    sys.meta_path.remove(hidden)


def _import_for_commands() -> None:
    sys.path[0] = str(ROOT)
    import hyperscale.commands
    from hyperscale.control.templates import yaml_templates
    from hyperscale.node.report.page import page_templates

    for name in LIBRARIES_OF_COMMANDS:
        importlib.import_module(name)
    for module in pkgutil.iter_modules(hyperscale.commands.__path__, "hyperscale.commands."):
        importlib.import_module(module.name)
    # Templates are compiled once, too.
    for templates, names in ((yaml_templates(), YAML_TEMPLATES), (page_templates(), ("report.html",))):
        for name in names:
            templates.get_template(name)
    _load_rendered_files()


def _load_rendered_files() -> None:
    """Let azure-ai-ml make up its model classes, and `inspect` its table of modules: half of a submission's work."""
    from azure.ai.ml import load_job

    with TemporaryDirectory() as folder:
        for name in ("pipelines", "components"):
            shutil.copytree(ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("code"))
        Path(folder, "components", "code").mkdir()
        logging.disable()
        load_job(next(Path(folder, "pipelines").glob("*.yml")))
        logging.disable(logging.NOTSET)


def serve(kind: str, listening: socket.socket) -> None:
    """Return in each process that is to be a command or step; never return in this one."""
    _import_for_commands() if kind == "command" else _import_for_steps()
    hosts, python = runpy.run_path(str(HOSTS)), forking_python()
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
            if fork := os.fork():
                _mind(fork, connection)
            connection.close()
            words, folder, environment = marshal.loads(request)  # noqa: S302 - from a process of these tests
            _become(descriptors, folder, environment)
            sys.argv = [MODULES[kind], *words]
            if environment.get(hosts["VARIABLE"]):
                socket.getaddrinfo = hosts["redirected"](socket.getaddrinfo, environment[hosts["VARIABLE"]])
            if kind == "command":
                _fork_steps(str(python))
            return
        connection.close()


def _mind(fork: int, connection: socket.socket) -> NoReturn:
    """Tell the number of a process, and its exit code when it has ended; kill its group when nobody listens."""
    connection.sendall(fork.to_bytes(8, "big"))
    ended = os.pidfd_open(fork)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:
        for kill in (os.killpg, os.kill):
            try:
                kill(fork, signal.SIGKILL)
            except ProcessLookupError:
                continue
    _, status = os.waitpid(fork, 0)
    try:
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    finally:
        os._exit(0)


def _become(descriptors: list[int], folder: str, environment: dict[str, str]) -> None:
    """Take on the surroundings of a program, as `python -m` has them."""
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


def _fork_steps(python: str) -> None:
    """Let the command at hand start its steps by the program here, too."""
    from hyperscale.control.local import executing

    plan_steps = executing.plan_steps
    executing.plan_steps = lambda *given, **named: plan_steps(*given, **{**named, "python": python})


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
