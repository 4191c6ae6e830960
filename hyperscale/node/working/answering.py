"""Puts what became of a row into the lines that a worker sends: its outcome, or why it failed, and its prints."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperscale.failures import Failure
from hyperscale.ledger import succeeded_line
from hyperscale.node.working import plain_json, wire
from hyperscale.node.working.activity import Context, drop_outputs
from hyperscale.node.working.exceptions import failure_of
from hyperscale.node.working.hidden_values import HiddenValues
from hyperscale.node.working.results import encode_result

_LAST_OUTPUT = 2_000
_FULL = (errno.ENOSPC, errno.EDQUOT)

_write, _exit = os.write, os._exit
now, timer = time.time, time.perf_counter


class Answering:
    """One worker's way of speaking to its consumer.

    Attributes:
        is_unfit: the worker can do no row justice any more (its disk is full): it leaves after this answer.
        hidden: what must not stand in failures; who passes what was printed has hidden it already.
    """

    def __init__(self, start: dict[str, Any], outbox: int, folder: Path) -> None:
        """Speak as the worker that the order `start` describes; `folder` is the activity's."""
        self.is_unfit = False
        self.hidden = HiddenValues.of(os.environ, start["secrets"])
        self._outbox = outbox
        self._folder = folder
        self._consumer: str = start["consumer"]
        self._worker: int = start["worker_index"]
        self._logs: str = start["logs"]

    @property
    def keeps_all_logs(self) -> bool:
        """Whether what rows print is kept of those that succeed, too."""
        return self._logs == "all"

    def succeeded(self, context: Context, result: Any, seconds: float, started_at: float) -> tuple[str, str]:
        """Return kind and text of the answer for a result.

        Raises:
            BaseException: when the result cannot be stored, or does what generators of the activity may do.
        """
        line = succeeded_line(
            context.row_index or 0, context.attempt, seconds, started_at, self._consumer, self._worker,
            encode_result(result),
        )  # fmt: skip
        has_files = context._outputs is not None and context.kept_files
        return wire.SUCCEEDED_WITH_FILES if has_files else wire.SUCCEEDED, line

    def failed(
        self, context: Context, error: BaseException | Failure, printed: str, seconds: float, started_at: float
    ) -> tuple[str, str]:
        """Return kind and text of the answer for a failed attempt; its files are dropped."""
        drop_outputs(context)
        if isinstance(error, OSError) and error.errno in _FULL:
            self.is_unfit = True
        failure = error if isinstance(error, Failure) else failure_of(error, self._folder, self.hidden)
        document = {**failure.to_document(), "last_output": printed[-_LAST_OUTPUT:] or None}
        return wire.FAILED, plain_json.encode({"failure": document, "seconds": seconds, "started_at": started_at})

    def record(self, contexts: list[Context], kind: str, printed: str) -> bytes:
        """Return the line that has what a call printed kept, or nothing when `output.logs` does not ask for it."""
        if not printed or self._logs == "none" or (self._logs == "failed" and kind != wire.FAILED):
            return b""
        attempts = {context.row_index or 0: context.attempt for context in contexts}
        return wire.pack_line(wire.PRINTED, log_record(attempts, self._worker, printed))

    def set_up_failed(self, where: str, error: BaseException) -> None:
        """Say that the import (`where`) or the set_up went wrong."""
        failure = failure_of(error, self._folder, self.hidden).to_document()
        self.send(wire.pack_line(wire.BROKEN, plain_json.encode({"where": where, "failure": failure})))

    def send(self, lines: bytes) -> None:
        """Send whole lines; a worker whose pipe the activity has closed ends."""
        try:
            while lines:
                lines = lines[_write(self._outbox, lines) :]
        except OSError:
            _exit(wire.LOST_PIPE_CODE)

    def leave(self) -> None:
        """Make room for a new worker; this one is unfit."""
        self.send(wire.pack_line(wire.UNFIT, ""))
        _exit(wire.UNFIT_CODE)


def log_record(attempts: Mapping[int, int], worker: int, printed: str) -> str:
    """Return a line of `logs/`: what one call printed.

    Args:
        attempts: row_index to the number of its attempt, of each row of the call; a call of several is one record.
        worker: that called.
        printed: by all of them.
    """
    row_index, attempt = next(iter(attempts.items()))
    several = {"row_indices": list(attempts), "attempts": list(attempts.values())} if len(attempts) > 1 else {}
    return plain_json.encode(
        {"row_index": row_index, **several, "attempt": attempt, "worker": worker, "output": printed}
    )
