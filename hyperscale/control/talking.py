"""How loud this program is, and in which colours: the handlers of what people are told, and of what modules log."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from hyperscale.talk import LOG_ONLY, ROOT, TALK, presentable

#: From which level on people hear of a sentence that is told to them, and of what a module logs.
_LEVELS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "quiet": (logging.ERROR, logging.ERROR),
        "normal": (logging.INFO, logging.WARNING),
        "verbose": (logging.DEBUG, logging.DEBUG),
    }
)


@contextlib.contextmanager
def talking(*, quiet: bool = False, verbose: bool = False) -> Iterator[None]:
    """Tell people on stderr what they are to know while the block runs.

    Args:
        quiet: errors alone; neither warnings nor notices nor progress.
        verbose: what is read, asked and decided, too.
    """
    to_people, of_modules = _LEVELS["quiet" if quiet else "verbose" if verbose else "normal"]
    started_at = time.monotonic()
    told = [(logging.getLogger(TALK), to_people, _ToStderr(started_at))]
    told.append((logging.getLogger(ROOT), logging.DEBUG, _ToStderr(started_at)))
    told[1][2].setLevel(of_modules)
    told[1][2].addFilter(lambda record: record.name not in (TALK, LOG_ONLY))
    for logger, level, handler in told:
        logger.setLevel(level)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, _, handler in told:
            logger.setLevel(logging.NOTSET)
            logger.removeHandler(handler)


def write(sentence: str) -> None:
    """Write lines to stderr, without secrets and control characters, in colour where that is wanted."""
    text = presentable(sentence)
    if wants_colour(os.environ, is_terminal=sys.stderr.isatty()):
        from hyperscale.control.terminal import coloured  # rich takes a while: only colours need it

        text = coloured(text)
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def wants_colour(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Return whether lines are written in colour.

    Args:
        environ: NO_COLOR (https://no-color.org) forbids it, FORCE_COLOR wants it where nobody looks, too; either
            counts when it is not empty, the first before the second. TERM=dumb says that colours are not understood.
        is_terminal: whether a terminal takes the lines.
    """
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (is_terminal and environ.get("TERM") != "dumb")


class _ToStderr(logging.Handler):
    """Writes each record as a line."""

    def __init__(self, started_at: float) -> None:
        super().__init__()
        self._started_at = started_at

    def emit(self, record: logging.LogRecord) -> None:
        # stderr at the time of writing: a bar puts something of its own in its place, and so stays below.
        write(self._sentence(record))

    def _sentence(self, record: logging.LogRecord) -> str:
        sentence = record.getMessage()
        if record.exc_info:
            sentence += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        if record.name == TALK and record.levelno > logging.DEBUG:
            return sentence
        if record.levelno >= logging.WARNING:
            return f"{'error' if record.levelno >= logging.ERROR else 'warning'}: {sentence}"
        return f"[{time.monotonic() - self._started_at:6.2f}s] {sentence}"
