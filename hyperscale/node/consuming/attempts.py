"""What becomes of rows that workers have answered: they are finished, repeated, or failed for good."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from hyperscale.failures import Failure, Final, RetryPolicy
from hyperscale.log_lines import fields
from hyperscale.node.consuming.crew import AttemptFailed, CallFailed, Event, NotBegun, RowKeepsFiles, RowsSucceeded
from hyperscale.node.consuming.held import HeldMessage
from hyperscale.node.consuming.row_logs import Logs, attempt_record
from hyperscale.row_key import key_text

logger = logging.getLogger(__name__)


class Holder(Protocol):
    """Who holds the messages that rows belong to."""

    @property
    def held(self) -> Mapping[str, HeldMessage]:
        """Return them by id."""

    def keep_files(self, folder: Path, name: str, then: Callable[[str | None], None]) -> None:
        """Keep the files of `folder` as those of the row `name`; then call `then` with None, or with why not."""


class Attempts:
    """Notes what happened to rows in the messages that they belong to.

    Attributes:
        rows_failed: rows that failed for good so far.
    """

    def __init__(
        self, holder: Holder, policy: RetryPolicy, *, consumer: str, key: str | None, logs: Logs | None = None
    ) -> None:
        """Decide what becomes of rows.

        Args:
            holder: of their messages.
            policy: how often a row is tried.
            consumer: whom ledger lines name.
            key: the column that names rows: files are kept under the text of its value; None: under the row_index.
            logs: take each attempt that fails; None: nobody wants to know.
        """
        self.rows_failed = 0
        self._holder, self._policy = holder, policy
        self._consumer, self._key, self._logs = consumer, key, logs
        self._chance = random.Random()  # noqa: S311 - it spreads retries, nothing depends on it

    def note(self, event: Event, now: float) -> None:
        """Note one event; `now` is monotonic seconds. What is said of a message that is not held counts for nothing."""
        message = event.message
        if self._holder.held.get(message.id) is not message:
            return
        if isinstance(event, RowsSucceeded):
            message.finish(event.row_indices, event.lines)
        elif isinstance(event, RowKeepsFiles):
            self._keep_files(event, now)
        elif isinstance(event, AttemptFailed):
            self._attempt_failed(event, now)
        elif isinstance(event, CallFailed):
            message.repeat_alone(event.row_indices)
        elif isinstance(event, NotBegun):
            message.give_back(event.row_indices)

    def _keep_files(self, event: RowKeepsFiles, now: float) -> None:
        """Let the files of a row be kept; only then is it finished, and if they cannot be, it has failed."""
        message, row_index = event.message, event.row_index
        name = str(row_index) if self._key is None else key_text(message.value_of(row_index, self._key))

        def then(why_not: str | None) -> None:
            if why_not is None:
                message.finish([row_index], [event.line])
            else:
                self.note(_attempt_without_files(event, why_not), now)

        self._holder.keep_files(event.files, name, then)

    def _attempt_failed(self, event: AttemptFailed, now: float) -> None:
        message, row_index = event.message, event.row_index
        attempts = message.charge(row_index)
        if self._logs is not None:
            self._logs.add(_record(event, attempts), now)
        decision = self._policy.after_failure(event.failure, attempts, self._chance.random())
        logger.info(
            "row %d failed, attempt %d: %s: %s",
            row_index,
            attempts,
            event.failure.type,
            event.failure.message,
            extra=fields("attempt_failed", row_index=row_index, attempt=attempts, type=event.failure.type),
        )
        if isinstance(decision, Final):
            self.rows_failed += 1
            message.finish([row_index], [event.line(attempts, self._consumer)])
        else:
            message.delay(row_index, now + decision.delay_seconds)


def _attempt_without_files(event: RowKeepsFiles, why_not: str) -> AttemptFailed:
    """Return what an attempt is whose files cannot be kept: its result does not stand without them."""
    failure, line = Failure("result", "ResultError", why_not), json.loads(event.line)
    return AttemptFailed(event.message, event.row_index, failure, line["seconds"], line["started_at"], line["worker"])


def _record(event: AttemptFailed, attempt: int) -> str:
    return attempt_record(
        event.row_index,
        attempt,
        event.worker,
        started_at=event.started_at,
        seconds=event.seconds,
        failure=event.failure,
    )
