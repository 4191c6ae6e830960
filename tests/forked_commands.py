"""Runs `python -m hyperscale` in forks of a process that has imported the libraries: that is half of a command's work.

Each command is still a process, with arguments, environment, folder and session of its own, that begins at the first
line of `hyperscale/__main__.py`. Tests of signals, of memory and of what is imported start new interpreters instead.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

from emulator.hosts import sitecustomize as shim
from forked_steps import forking_python

ROOT = Path(__file__).resolve().parent.parent
#: What commands import when they need it.
LIBRARIES = ("azure.ai.ml", "azure.identity", "azure.storage.blob", "azure.storage.queue", "pyarrow.parquet")
YAML_TEMPLATES = ("compute.yml", "conda.yml", "consume.yml", "pipeline.yml", "seed.yml", "teardown.yml")


def run_command(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, and return what it said and its exit code, as subprocess.run does.

    Raises:
        subprocess.TimeoutExpired: when it took longer, and was killed.
    """
    return _server().run(words, folder, environment, timeout_seconds)


@cache
def _server() -> _Server:
    """Return the server of this process, which ends with it."""
    return _Server()


class _Server:
    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
            )

    def run(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_seconds: float
    ) -> subprocess.CompletedProcess[str]:
        ours, theirs = socket.socketpair()
        with TemporaryFile("w+") as asked, TemporaryFile("w+") as said, TemporaryFile("w+") as told, ours, theirs:
            surroundings = {"folder": str(folder), "environment": dict(environment), "python": str(forking_python())}
            json.dump({"words": list(words), **surroundings}, asked)
            asked.flush()
            descriptors = [stream.fileno() for stream in (asked, said, told, theirs)]
            socket.send_fds(self._socket, [b"!"], descriptors)
            theirs.close()
            with ours.makefile() as answers:
                pid = int(answers.readline())
                ours.settimeout(timeout_seconds)
                try:
                    code = int(answers.readline())
                except BaseException as error:
                    os.killpg(pid, signal.SIGKILL)
                    if isinstance(error, TimeoutError):
                        raise subprocess.TimeoutExpired(list(words), timeout_seconds) from None
                    raise
            said.seek(0)
            told.seek(0)
            return subprocess.CompletedProcess(list(words), code, said.read(), told.read())


def serve(requests: socket.socket) -> None:
    """Return in each process that is to be a command; never return in this one, whose end is that of its socket."""
    _import_all()
    # Forks share what no collection of garbage touches.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, 1, 4)
        if not message:
            sys.exit()
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked, said, told, answers = descriptors
            if command := os.fork():
                _mind(command, answers)
            os.close(answers)
            os.setsid()
            _become(asked, said, told)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _import_all() -> None:
    import hyperscale.commands
    from hyperscale.control.templates import page_templates, yaml_templates

    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.iter_modules(hyperscale.commands.__path__, "hyperscale.commands."):
        importlib.import_module(module.name)
    # Templates are compiled once, too.
    for templates, names in ((yaml_templates(), YAML_TEMPLATES), (page_templates("report"), ("report.html",))):
        for name in names:
            templates.get_template(name)


def _mind(pid: int, answers: int) -> NoReturn:
    """Tell the number of a process, and once it has ended its exit code."""
    os.write(answers, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(asked: int, said: int, told: int) -> None:
    """Take on the surroundings of a command; stdin stays empty."""
    with os.fdopen(asked) as file:
        file.seek(0)
        request = json.load(file)
    os.dup2(said, sys.stdout.fileno())
    os.dup2(told, sys.stderr.fileno())
    os.close(said)
    os.close(told)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[0:1] = [request["folder"], *filter(None, paths)]  # in the place of the folder of this module
    sys.argv = ["hyperscale", *request["words"]]
    from hyperscale.control.local import executing

    plan_steps = executing.plan_steps
    executing.plan_steps = lambda *given, python, **named: plan_steps(*given, python=request["python"], **named)
    _find_azure()


def _find_azure() -> None:
    """Look up the hosts of an emulated Azure, as a new interpreter would (see emulator/hosts)."""
    if os.environ.get(shim.VARIABLE):
        socket.getaddrinfo = shim.redirected(socket.getaddrinfo, os.environ[shim.VARIABLE])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("hyperscale", run_name="__main__", alter_sys=True)
