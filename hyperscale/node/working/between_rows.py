"""What a worker puts right after each row, so that no row feels what the one before did to the process.

Restored are the working folder, the umask, a pending alarm and closed standard descriptors. Environment variables,
signal handlers, imported and patched modules stay as the activity left them, like any global variable of its own.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Any

from hyperscale.node.working import wire
from hyperscale.node.working.hidden_values import NOTHING_HIDDEN
from hyperscale.node.working.printed import excerpt, open_stream

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
        """Make sys.stdout and sys.stderr anew."""
        self._out, self._err = open_stream(1), open_stream(2)
        self._flush_out, self._flush_err = self._out.flush, self._err.flush
        sys.stdout = sys.__stdout__ = self._out  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = self._err  # type: ignore[misc]

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
        if sys.__dict__.get("stdout") is not self._out or sys.__dict__.get("stderr") is not self._err:
            self._flush_theirs()
        try:
            self._flush_out()
            self._flush_err()
            _alarm(0)
            _fchdir(self._folder)
            _umask(self._mask)
            size = _lseek(1, 0, 2)
            if size == _lseek(2, 0, 2) and not self._stdin.closed:
                return size
        except (OSError, ValueError):  # closed descriptors, closed or detached streams
            pass
        self._repair()
        return self.printed_bytes

    def flush(self) -> None:
        """Write what Python still holds of the row's prints."""
        self._flush_theirs()
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
        if _is_shut(self._stdin):
            self._open_stdin()
        if _is_shut(self._out) or _is_shut(self._err):
            self._replace_streams()

    def _replace_streams(self) -> None:
        """Put new streams where shut ones stand; what the activity put in their place stays."""
        standing = [(name, sys.__dict__.get(name), old) for name, old in (("stdout", self._out), ("stderr", self._err))]
        self._open_streams()
        for name, stands, old in standing:
            if stands is not old:
                setattr(sys, name, stands)

    def _flush_theirs(self) -> None:
        """Flush what the activity put in the place of our streams, and put ours back where that is shut.

        `sys.stdout = io.TextIOWrapper(sys.stdout.detach())` leads to descriptor 1 as well: what it holds is the row's.
        """
        for name, ours in (("stdout", self._out), ("stderr", self._err)):
            theirs = sys.__dict__.get(name)
            if theirs is ours or theirs is None:
                continue
            try:
                theirs.flush()
            except BaseException:  # it is the activity's, and no stream perhaps
                if _is_shut(theirs):
                    setattr(sys, name, ours)


def _is_shut(stream: Any) -> bool:
    """Whether a stream is closed, or detached from its bytes: such a one raises ValueError when it is asked."""
    try:
        return stream.closed is True
    except ValueError:
        return True
    except BaseException:
        return False


def _is_closed(number: int) -> bool:
    """Whether a descriptor is closed. One that is open and leads elsewhere is somebody's connection by now."""
    try:
        _lseek(number, 0, 1)
    except OSError as error:
        return error.errno == errno.EBADF
    return False
