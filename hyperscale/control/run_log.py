"""The log of a run on the machine that started it: what is done here; the steps that run here append to it, too."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from hyperscale.control.progress import Display, Progress, progress_line
from hyperscale.control.run_folder import RunFolder
from hyperscale.log_lines import LogFile, LogLines, fields
from hyperscale.node.working.hidden_values import HiddenValues
from hyperscale.secret_words import without_secrets
from hyperscale.talk import LOG_ONLY, ROOT, TALK

#: Who speaks in the lines of this process; the others are named after their steps.
SPEAKER = "run"

logger = logging.getLogger(LOG_ONLY)


@contextlib.contextmanager
def run_log(run: RunFolder) -> Iterator[None]:
    """Append what is logged while the block runs to the log of `run`, whose folder exists, without secrets."""
    hidden = HiddenValues.of(os.environ, ())
    try:
        file = LogFile(run.log, LogLines(SPEAKER, lambda line: without_secrets(hidden.hide(line))))
    except OSError:  # the folder takes no file: whoever needs to write there says so
        yield
        return
    file.setLevel(logging.INFO)
    file.addFilter(lambda record: record.name != TALK)
    root = logging.getLogger(ROOT)
    level = root.level
    root.setLevel(min(level or logging.INFO, logging.INFO))
    root.addHandler(file)
    try:
        yield
    finally:
        root.removeHandler(file)
        root.setLevel(level)
        file.close()


class LoggedDisplay:
    """A display that also logs how far the run is: at each new phase."""

    def __init__(self, display: Display) -> None:
        """Show all on `display`."""
        self._display = display
        self._phase = ""

    def show(self, progress: Progress, now: float) -> None:
        """Show the progress."""
        phase = progress.phase.partition(":")[0]
        if phase != self._phase:
            self._phase = phase
            counts = {"done": progress.done, "failed": progress.failed, "total": progress.total}
            logger.info("%s", progress_line(progress), extra=fields("phase", phase=phase, **counts))
        self._display.show(progress, now)

    def say(self, text: str) -> None:
        """Say a sentence that stays."""
        logger.info("%s", text, extra=fields("told"))
        self._display.say(text)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._display.close()
