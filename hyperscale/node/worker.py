"""A worker: the child process that runs the user's code on the rows that its consumer hands it.

It must work whatever the user's code does to the process: frames go over private copies of the pipes, our own
references to time and JSON are taken before the user's code is imported, and a thread that waits for the
consumer's end ends the worker when the consumer dies.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from hyperscale.ledger import succeeded_line
from hyperscale.node import wire
from hyperscale.node.activity import Activity, Context, load_activity
from hyperscale.node.exceptions import failure_of
from hyperscale.node.results import ResultError, encode_result

_STOP = "stop"
_now, _timer, _dumps, _write = time.time, time.perf_counter, json.dumps, os.write


def main() -> int:
    """Serve the consumer at the other end of stdin and stdout until it says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox = _private_copy(0, os.O_RDONLY)
    outbox = os.dup(1)
    os.dup2(2, 1)
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inbox, orders), daemon=True).start()
    worker = _Worker(orders.get(), outbox)
    if not worker.set_up():
        return 1
    while True:
        order = orders.get()
        if order.get("order") == _STOP:
            worker.tear_down()
            return 0
        worker.work(order)


def _private_copy(descriptor: int, flags: int) -> int:
    """Return a private copy of a standard descriptor, which then leads nowhere: reading it gives the end."""
    copy = os.dup(descriptor)
    nowhere = os.open(os.devnull, flags)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return copy


def _listen(inbox: int, orders: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass orders on; when the consumer is gone without a word, end this worker and all that it started."""
    reader = os.fdopen(inbox, "rb", buffering=1 << 16)
    try:
        while True:
            order = wire.read_document(reader.read)
            orders.put(order)
            if order.get("order") == _STOP:
                return
    except EOFError:
        os.killpg(0, signal.SIGKILL)


class _Worker:
    """Runs the activity; knows where frames go and who it is."""

    def __init__(self, start: dict[str, Any], outbox: int) -> None:
        self._outbox = outbox
        self._process_id = os.getpid()
        self._consumer: str = start["consumer"]
        self._index: int = start["worker_index"]
        self._key: str | None = start["key"]
        self._is_given_lists: bool = start["is_given_lists"]
        self._entry: str = start["entry"]
        self._folder = Path(start["activity_folder"])
        self._input_folder: str | None = start["input_folder"]
        self._context = Context(
            run_id=start["run_id"],
            worker_index=self._index,
            arguments=start["arguments"],
            mounts={name: Path(path) for name, path in start["mounts"].items()},
            scratch=Path(start["scratch"]),
            logger=logging.getLogger("activity"),
        )
        self._activity: Activity | None = None
        logging.basicConfig(
            level=start["log_level"].upper(), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
        )

    def set_up(self) -> bool:
        """Import the activity and call its set_up; say whether that went well."""
        try:
            os.chdir(self._folder)
            self._activity = load_activity(self._entry, self._folder)
            self._activity.set_up(self._context)
        except BaseException as error:
            self._only_in_worker()
            failure = failure_of(error, self._folder)
            where = "set_up" if self._activity else "import"
            self._send(wire.BROKEN, _dumps({"where": where, "failure": failure.to_document()}))
            return False
        self._only_in_worker()
        self._send(wire.READY, "")
        return True

    def tear_down(self) -> None:
        """Call the activity's tear_down; what it raises is printed, no row depends on it."""
        assert self._activity is not None
        try:
            self._activity.tear_down()
        except BaseException:
            traceback.print_exc()

    def work(self, order: dict[str, Any]) -> None:
        """Run the calls of one order."""
        columns, indices, attempts = order["columns"], order["row_indices"], order["attempts"]
        rows = [dict(zip(columns, values, strict=True)) for values in order["rows"]]
        per_call = order["rows_per_call"]
        for start in range(0, len(rows), per_call):
            call = range(start, min(start + per_call, len(rows)))
            contexts = [self._context_of(indices[n], attempts.get(str(indices[n]), 0) + 1, rows[n]) for n in call]
            self._call([rows[n] for n in call], contexts)

    def _context_of(self, row_index: int, attempt: int, row: dict[str, Any]) -> Context:
        """Return the context of a row, and set the row's path to where its file is on this machine."""
        shared, key = self._context, row.get(self._key) if self._key else None
        if self._input_folder is not None:
            row["path"] = os.path.join(self._input_folder, row["path"])  # noqa: PTH118 - for each row
        return Context(
            shared.run_id, shared.worker_index, shared.arguments, shared.mounts, shared.scratch, shared.logger,
            row_index, None if key is None else str(key), attempt,
        )  # fmt: skip

    def _call(self, rows: list[dict[str, Any]], contexts: list[Context]) -> None:
        assert self._activity is not None
        began, started_at = _timer(), _now()
        try:
            if self._is_given_lists:
                results = _results(self._activity.run(rows, replace(self._context, rows=contexts)), len(rows))
            else:
                results = [_result(self._activity.run(rows[0], contexts[0]))]
        except BaseException as error:
            self._only_in_worker()
            if len(rows) > 1:
                self._send(wire.CALL_FAILED, "")
                return
            results = [error]
        self._only_in_worker()
        seconds = (_timer() - began) / len(rows)
        for context, result in zip(contexts, results, strict=True):
            self._answer(context, result, seconds, started_at)

    def _answer(self, context: Context, result: Any, seconds: float, started_at: float) -> None:
        """Say what became of a row: its ledger line, or why the attempt failed."""
        index = context.row_index
        assert index is not None
        if not isinstance(result, BaseException):
            try:
                line = succeeded_line(
                    index, attempts=context.attempt, seconds=seconds, started_at=started_at,
                    consumer=self._consumer, worker=self._index, result=encode_result(result),
                )  # fmt: skip
            except Exception as error:
                result = error
            else:
                self._send(wire.SUCCEEDED_WITH_FILES if context.kept_files else wire.SUCCEEDED, line)
                return
        if context._outputs is not None:
            shutil.rmtree(context._outputs, ignore_errors=True)
        failure = failure_of(result, self._folder).to_document()
        self._send(wire.FAILED, _dumps({"failure": failure, "seconds": seconds, "started_at": started_at}))

    def _only_in_worker(self) -> None:
        """End a child that the activity forked and let return: it must not go on as a second worker."""
        if os.getpid() != self._process_id:
            os._exit(0)

    def _send(self, kind: str, text: str) -> None:
        line = wire.pack_line(kind, text)
        while line:
            line = line[_write(self._outbox, line) :]


def _result(value: Any) -> Any:
    if inspect.iscoroutine(value):
        value.close()
        raise ResultError("the activity is an async function: these are not available yet, use a plain function")
    return value


def _results(value: Any, count: int) -> list[Any]:
    """Return one result a row.

    Raises:
        ResultError: when the activity returned anything but a list of `count` results.
    """
    if not isinstance(value, (list, tuple)) or len(value) != count:
        what = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"
        raise ResultError(f"the activity returned {what} for {count} rows: a list of {count} results was expected")
    return list(value)


if __name__ == "__main__":
    sys.exit(main())
