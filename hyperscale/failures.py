"""Why an attempt failed, and what becomes of its row: tried again after a delay, or failed for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["raised", "exited", "killed", "timeout", "result", "poison"]
#: A message or an output longer than this is cut in its middle: a ledger line is for people to read.
MAX_TEXT = 2_000
#: The longest wait before another attempt, whatever the number of attempts.
MAX_DELAY_SECONDS = 300.0


@dataclass(frozen=True)
class Failure:
    """Why one attempt failed.

    Attributes:
        kind: raised (an exception), exited (the worker exited), killed (by a signal), timeout (of the call),
            result (it returned what cannot be stored), poison (it keeps killing its consumers).
        type: the exception's class, or where there is none a word such as "WorkerExited", or a signal's name.
        message: for people.
        frames: the user's own frames, "file:line function: code", innermost last.
        exit_code, signal: of the worker, if it ended.
        last_output: the end of what the attempt printed, if it printed anything.
    """

    kind: Kind
    type: str
    message: str
    frames: tuple[str, ...] = ()
    exit_code: int | None = None
    signal: int | None = None
    last_output: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the failure as the ledger holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Retry:
    """The row is tried again after `delay_seconds`."""

    delay_seconds: float


@dataclass(frozen=True)
class Final:
    """The row has failed for good."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a row is tried, and how long it waits in between.

    Attributes:
        max_attempts: failed attempts after which a row has failed.
        first_delay_seconds: before the second attempt; doubles with each further one.
        no_retry_on: exception classes, by name, that are final at once.
    """

    max_attempts: int
    first_delay_seconds: float
    no_retry_on: Sequence[str] = ()

    def after_failure(self, failure: Failure, attempts: int, chance: float) -> Retry | Final:
        """Return what becomes of a row.

        Args:
            failure: of the newest attempt.
            attempts: failed attempts so far, the newest included.
            chance: 0 to 1; the delay is spread over half of its length, so that rows do not return in step.
        """
        if attempts >= self.max_attempts or failure.type in self.no_retry_on:
            return Final()
        delay = min(self.first_delay_seconds * 2.0 ** (attempts - 1), MAX_DELAY_SECONDS)
        return Retry(delay * (1 - chance / 2))


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text`, its middle left out if it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{text[-half:]}"
