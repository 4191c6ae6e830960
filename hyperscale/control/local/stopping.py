"""Counts the wishes to stop (Ctrl-C, SIGTERM) while a run goes on: the first is polite, the second is not."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopRequests:
    """While entered, SIGINT and SIGTERM are counted in place of ending the process."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        """Start with none."""
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequests:
        """Begin to count."""
        if threading.current_thread() is threading.main_thread():  # no other may set handlers; nor does it get signals
            self._before = {number: signal.signal(number, self._add) for number in self._SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _add(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
