"""The curve of a run in the studio: rows done, rows failed and rows a second, logged once a minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from importlib import import_module

from hyperscale.node.ending.drain import View

#: Set in each job of Azure ML.
TRACKING = "MLFLOW_TRACKING_URI"
LOG_SECONDS = 60.0

Log = Callable[[dict[str, float]], None]

logger = logging.getLogger(__name__)


class Metrics:
    """Logs figures of a run; what fails there is said once, and costs the curve alone."""

    def __init__(self, log: Log, *, clock: Callable[[], float]) -> None:
        """Log with `log`; `clock` returns seconds."""
        self._log: Log | None = log
        self._clock = clock
        self._done, self._seen_at, self._next_at = 0, clock(), 0.0
        self._thread: threading.Thread | None = None

    def observe(self, view: View) -> None:
        """Log what `view` shows, if it is time to and the last figures have gone."""
        now = self._clock()
        if self._log is None or now < self._next_at or (self._thread and self._thread.is_alive()):
            return
        self._next_at = now + LOG_SECONDS
        failed = sum(beat.failed for beat in view.beats)
        done = sum(beat.succeeded for beat in view.beats) + failed
        seconds = now - self._seen_at
        rate = max(0.0, (done - self._done) / seconds) if seconds else 0.0
        self._done, self._seen_at = done, now
        figures = {"rows_done": float(done), "rows_failed": float(failed), "rows_per_second": rate}
        self._thread = threading.Thread(target=self._say, args=(self._log, figures), name="metrics", daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Wait until what is under way has gone."""
        if self._thread:
            self._thread.join()

    def _say(self, log: Log, figures: dict[str, float]) -> None:
        try:
            log(figures)
        except Exception as error:  # a library of somebody else, over a network: a run does not depend on it
            logger.warning("no metrics are logged any more: %s: %s", type(error).__name__, error)
            self._log = None


def mlflow_log(environ: Mapping[str, str]) -> Log | None:
    """Return what logs metrics of this job with MLflow; None where there is no MLflow, or nowhere to log to."""
    if not environ.get(TRACKING):
        return None
    try:
        mlflow = import_module("mlflow")
    except ImportError:
        return None

    def log(figures: dict[str, float]) -> None:
        mlflow.log_metrics(figures)

    return log
