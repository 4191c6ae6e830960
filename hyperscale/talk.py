"""What people are told besides results: sentences that go to stderr through one logger, whose handler knows how.

A sentence that begins with `warning: `, `error: ` or `hint: ` is one: so colour only repeats what words say.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from hyperscale.secret_words import without_secrets

#: Tells people a sentence.
Say = Callable[[str], None]
#: Asks somebody whether something shall be done; True is yes.
Ask = Callable[[str], bool]

#: The logger of what is told to people. What machines are told, too, goes to the loggers of modules.
TALK = "hyperscale.talk"
#: The logger of what goes into logs alone, because people are told of it in another way.
LOG_ONLY = "hyperscale.log_only"
#: What every logger of this program stands below.
ROOT = "hyperscale"
#: How a sentence begins that is more than a notice, and how much it matters.
LEVELS: Mapping[str, int] = MappingProxyType(
    {"error: ": logging.ERROR, "hint: ": logging.ERROR, "warning: ": logging.WARNING}
)

#: Whoever waits longer than this wants to know for what.
SLOW_SECONDS = 2.0
#: What is told then of requests to Azure: a token of `az` alone takes a second or two.
ASKING = "asking Azure ..."


def say(sentence: str) -> None:
    """Tell people something, on stderr: stdout is for results."""
    logger = logging.getLogger(TALK)
    if logger.handlers:
        logger.log(level_of(sentence), "%s", sentence)
    elif level_of(sentence) >= logger.level:  # this program is used as a library
        # A notebook paints what goes to stderr as if something were wrong.
        (sys.stdout if is_notebook() else sys.stderr).write(f"{presentable(sentence)}\n")


def presentable(text: str) -> str:
    """Return `text` as people may see it: names and values in it are users' data, and must not steer a terminal.

    Nor is a secret shown: what a notebook shows is saved with it, and a terminal's lines are copied into questions.
    """
    harmless = (character if character.isprintable() or character in "\n\t" else " " for character in text)
    return without_secrets("".join(harmless))


def say_warnings(warnings: Iterable[object]) -> None:
    """Tell people what is worth a look."""
    for line in warning_lines(warnings):
        say(line)


def warning_lines(warnings: Iterable[object]) -> list[str]:
    """Return `warnings` as sentences that begin as warnings do."""
    return [f"warning: {warning}" for warning in warnings]


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def level_of(sentence: str) -> int:
    """Return how much a sentence matters, by how it begins: the level of its log record."""
    return next((level for word, level in LEVELS.items() if sentence.startswith(word)), logging.INFO)


def is_quiet() -> bool:
    """Return whether people want to hear of results and errors alone."""
    return logging.getLogger(TALK).level > logging.INFO


@contextlib.contextmanager
def say_if_slow(text: str, after_seconds: float = SLOW_SECONDS) -> Iterator[None]:
    """Tell people what is going on if the block takes longer than `after_seconds`."""
    timer = threading.Timer(after_seconds, say, [text])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
