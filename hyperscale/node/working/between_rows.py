"""What a worker puts right after each row, so that no row feels what the one before did to the process.

Restored are the working folder, the umask, a pending alarm and closed standard descriptors. Environment variables,
signal handlers, imported and patched modules stay as the activity left them, like any global variable of its own.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

from hyperscale.node.working import wire
from hyperscale.node.working.hidden_values import NOTHING_HIDDEN
from hyperscale.node.working.printed import excerpt

#: No system forks a process in less time: a quicker call has not come back as a second worker.
LEAST_FORK_SECONDS = 20e-6

_lseek, _fchdir, _umask, _ftruncate = os.lseek, os.fchdir, os.umask, os.ftruncate
_getpid, _exit, _dup2, _alarm = os.getpid, os._exit, os.dup2, signal.alarm


class BetweenRows:
    """The worker's own view of its process; made before the activity is imported.

    Attributes:
        hidden: what must not stand in what is kept of prints.
    """

    def __init__(self) -> None:
        """Take copies of the standard descriptors; 1 and 2 must be the file for what is printed."""
        self.hidden = NOTHING_HIDDEN
        self._process_id = os.getpid()
        self._nowhere = os.dup(0)
        self._file = os.dup(2)
        self._folder = os.open(".", os.O_RDONLY)
        self._open_stdin()
        self._open_streams()
        self.settle()

    def _open_stdin(self) -> None:
        self._stdin = sys.stdin = open(0, closefd=False)  # noqa: SIM115

    def _open_streams(self) -> None:
        """Make sys.stdout and sys.stderr anew; a line is in the file at once, as a crash loses what is not."""
        self._streams = [
            open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            for number in (1, 2)
        ]
        self._flush_out, self._flush_err = (stream.flush for stream in self._streams)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = self._streams  # type: ignore[misc]

    def settle(self) -> None:
        """Take the state after set_up as the one that each row finds; forget what was printed until now."""
        os.dup2(folder := os.open(".", os.O_RDONLY), self._folder, inheritable=False)
        os.close(folder)
        self._mask = os.umask(0)
        os.umask(self._mask)
        self.flush()
        self.forget_printed()

    def end_forked_child(self) -> None:
        """End a child that the activity forked and let return: it must not go on as a second worker."""
        if _getpid() != self._process_id:
            _exit(0)

    def restore(self, seconds: float) -> int:
        """Put right what a call of `seconds` did to the process, and return how many bytes it printed."""
        if seconds > LEAST_FORK_SECONDS:
            self.end_forked_child()
        try:
            self._flush_out()
            self._flush_err()
            _alarm(0)
            _fchdir(self._folder)
            _umask(self._mask)
            size = _lseek(1, 0, 2)
            if size == _lseek(2, 0, 2) and not self._stdin.closed:
                return size
        except (OSError, ValueError):  # closed descriptors, closed streams
            pass
        self._repair()
        return self.printed_bytes

    def flush(self) -> None:
        """Write what Python still holds of the row's prints."""
        try:
            self._flush_out()
            self._flush_err()
        except (OSError, ValueError):
            self._repair()

    @property
    def printed_bytes(self) -> int:
        """Return how long the file for what is printed is."""
        return _lseek(self._file, 0, 2)

    def printed(self, start: int = 0) -> str:
        """Return what was printed from byte `start` on, its middle left out."""
        return excerpt(self._file, start, self.hidden)

    def forget_printed(self) -> None:
        """Empty the file: what comes next belongs to another row."""
        _ftruncate(self._file, 0)

    def _repair(self) -> None:
        """Put back what was closed, and what the row may have changed beside; end a worker that cannot do so."""
        try:
            for number, copy in ((0, self._nowhere), (1, self._file), (2, self._file)):
                if _is_closed(number):
                    _dup2(copy, number)
            _fchdir(self._folder)
            _umask(self._mask)
        except OSError:
            _exit(wire.LOST_PIPE_CODE)
        if self._stdin.closed:
            self._open_stdin()
        if any(stream.closed for stream in self._streams):
            self._replace_streams()

    def _replace_streams(self) -> None:
        """Put new streams where closed ones stand; what the activity put in their place stays."""
        out, err, old = sys.stdout, sys.stderr, self._streams
        self._open_streams()
        if out is not old[0]:
            sys.stdout = out
        if err is not old[1]:
            sys.stderr = err


def _is_closed(number: int) -> bool:
    """Whether a descriptor is closed. One that is open and leads elsewhere is somebody's connection by now."""
    try:
        _lseek(number, 0, 1)
    except OSError as error:
        return error.errno == errno.EBADF
    return False
