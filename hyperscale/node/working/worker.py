"""A worker: the child process that runs the user's code on the rows that its consumer hands it.

It must work whatever the user's code does to the process: frames go over private copies of the pipes, our own
references to time, JSON and the system are taken before the user's code is imported, and a thread that waits for the
consumer's end ends the worker when the consumer dies.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from hyperscale.node.consuming.gpus import VISIBLE, visible_names
from hyperscale.node.working import wire
from hyperscale.node.working.activity import Activity, Context, load_activity
from hyperscale.node.working.answering import Answering
from hyperscale.node.working.between_rows import BetweenRows
from hyperscale.node.working.calls_in_turn import CallsInTurn
from hyperscale.node.working.hidden_values import HiddenValues
from hyperscale.node.working.printed import open_stream, print_exception
from hyperscale.node.working.row_contexts import RowContexts

#: A worker asked for its frames writes them at once, even while code of C does not return (faulthandler).
TELL_FRAMES = signal.SIGUSR2
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h
_LINE_BUFFERED = 1  # _IOLBF of the C library of Linux

_killpg, _exit = os.killpg, os._exit


def main() -> None:
    """Serve the consumer at the other end of stdin and stdout until it says stop; does not return."""
    code = 1
    try:
        code = _serve()
        atexit._run_exitfuncs()
    except BaseException:
        print_exception()
    finally:
        _flush()
        # Not by returning: a thread that the activity left running would hold up the end.
        _exit(code)


def _serve() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox, outbox = _private_pipes()
    between = BetweenRows()
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inbox, orders), daemon=True).start()
    start = orders.get()
    _prepare(start["frames_path"])
    folder = Path(start["activity_folder"])
    answering = Answering(start, outbox, folder)
    between.hidden = answering.hidden
    context = _context(start)
    activity = _set_up(start, folder, context, answering, between)
    if activity is None:
        return 1
    between.settle()
    gc.freeze()  # what set_up has loaded stays: a model is not looked through again and again while rows go by
    answering.send(wire.pack_line(wire.READY, ""))
    contexts = RowContexts(context, start["key"], start["input_folder"], is_grouped=start["is_grouped"])
    if start["concurrency"] > 1:
        from hyperscale.node.working.calls_in_flight import CallsInFlight

        calls = CallsInFlight(
            activity, contexts, answering, between,
            concurrency=start["concurrency"], timeout_seconds=start["timeout_seconds"],
        )  # fmt: skip
        calls.serve(orders.get)
    else:
        calls_in_turn = CallsInTurn(activity, contexts, answering, between, is_given_lists=start["is_given_lists"])
        calls_in_turn.serve(orders.get)
    _tear_down(activity)
    return 0


def _private_pipes() -> tuple[int, int]:
    """Return copies of stdin and stdout; then 0 is at its end, and 1 goes where 2 goes."""
    inbox, outbox = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    return inbox, outbox


def _listen(inbox: int, orders: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass orders on; when the consumer is gone without a word, end this worker and all that it started."""
    try:
        read = os.fdopen(inbox, "rb", buffering=1 << 16).read
        while True:
            orders.put(wire.read_document(read))
    except BaseException:  # the end of the pipe; or the activity has closed it, or broken what reading needs
        _killpg(0, signal.SIGKILL)


def _prepare(frames_path: str) -> None:
    """Let a crash leave the frames it happened in, let C print line by line, and end with the consumer."""
    frames = os.open(frames_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    faulthandler.enable(frames, all_threads=False)
    faulthandler.register(TELL_FRAMES, frames, all_threads=False)
    if sys.platform != "linux":
        return
    try:
        import ctypes

        library = ctypes.CDLL(None)
        library.prctl(_END_WITH_PARENT, signal.SIGKILL)
        library.setvbuf(ctypes.c_void_p.in_dll(library, "stdout"), None, _LINE_BUFFERED, 0)
    except (ImportError, OSError, ValueError, AttributeError):
        return  # an unusual C library: what it prints comes later, that is all


def _context(start: dict[str, Any]) -> Context:
    # A stream of its own: what the activity does to sys.stderr must not make its log raise.
    logging.basicConfig(
        level=start["log_level"].upper(), format="%(levelname)s %(name)s: %(message)s", stream=open_stream(2)
    )
    return Context(
        run_id=start["run_id"],
        worker_index=start["worker_index"],
        arguments=start["arguments"],
        mounts={name: Path(path) for name, path in start["mounts"].items()},
        scratch=Path(start["scratch"]),
        logger=logging.getLogger("activity"),
        gpu=",".join(visible_names(os.environ.get(VISIBLE, ""))) or None,
    )


def _set_up(
    start: dict[str, Any], folder: Path, context: Context, answering: Answering, between: BetweenRows
) -> Activity | None:
    """Import the activity and call its set_up; say so if that does not go well."""
    activity = None
    try:
        os.chdir(folder)
        activity = _load(start, folder, context, answering.hidden)
        activity.wait_for(activity.set_up(context))
    except BaseException as error:
        between.end_forked_child()
        answering.set_up_failed("set_up" if activity else "import", error)
        return None
    between.end_forked_child()
    return activity


def _load(start: dict[str, Any], folder: Path, context: Context, hidden: HiddenValues) -> Activity:
    if start["entry"]:
        return load_activity(start["entry"], folder)
    if start["command"]:
        from hyperscale.node.working.command_activity import load_command

        return load_command(start["command"], hidden)
    from hyperscale.node.working.parallel_script import load_parallel_script

    return load_parallel_script(
        start["parallel_script"],
        folder,
        context,
        gets_files=start["input_folder"] is not None,
        error_on_missing=start["error_on_missing"],
    )


def _tear_down(activity: Activity) -> None:
    """Call the activity's tear_down; what it raises is printed, no row depends on it."""
    try:
        activity.wait_for(activity.tear_down())
    except BaseException:
        print_exception()


def _flush() -> None:
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except BaseException:  # noqa: S112 - closed, or not a stream any more
            continue


if __name__ == "__main__":
    main()
