"""The files of one worker process: its scratch folder, what it prints, and where it was when it crashed."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from hyperscale.node.working.activity import OUTPUTS, outputs_folder
from hyperscale.node.working.hidden_values import HiddenValues
from hyperscale.node.working.printed import excerpt, give_back_middle, open_printed


class WorkerFiles:
    """Made by the consumer when it starts the worker, read by it, and removed when the worker is dead.

    Attributes:
        scratch: the worker's folder.
        frames_path: where the worker writes the frames of a crash.
        printed_descriptor: of the file that the worker's descriptors 1 and 2 lead to.
    """

    def __init__(self, folder: Path, name: str, hidden: HiddenValues) -> None:
        """Make the files of the worker `name` in `folder`; what is read of its prints is without `hidden` values."""
        self._hidden = hidden
        self.scratch = folder / name
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.frames_path = folder / f"{name}.frames"
        self._printed_path = folder / f"{name}.log"
        self.printed_descriptor = open_printed(self._printed_path)
        self._is_closed = False
        self._given_back = 0
        self._last_words: str | None = None

    def printed(self) -> str:
        """Return what the present call has printed, its middle left out."""
        return excerpt(self.printed_descriptor, hidden=self._hidden) if self._last_words is None else self._last_words

    def keep_last_words(self) -> None:
        """Let `printed` stand as it is now: the worker may go on to another call before it is killed."""
        self._last_words = self.printed()

    def frames(self) -> str:
        """Return what the worker wrote of its frames, if it did."""
        try:
            return self.frames_path.read_text(errors="replace")
        except OSError:
            return ""

    def bound(self) -> None:
        """Keep the disk from filling while a row prints without end."""
        self._given_back = give_back_middle(self.printed_descriptor, self._given_back)

    def outputs_of(self, row_index: int, attempt: int) -> Path:
        """Return the folder of the files of an attempt."""
        return outputs_folder(self.scratch, row_index, attempt)

    def close(self) -> None:
        """Give back the descriptor; what was printed cannot be read afterwards. Closing again does nothing."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self.printed_descriptor)

    def discard(self, outputs: Sequence[Path]) -> None:
        """Remove them, off the consumer's way: of the outputs only the given ones, as others are being kept."""
        self.close()

        def remove() -> None:
            for path in (*outputs, *(path for path in self.scratch.iterdir() if path.name != OUTPUTS)):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            for path in (self.frames_path, self._printed_path):
                path.unlink(missing_ok=True)

        threading.Thread(target=_quietly, args=(remove,), daemon=True).start()


def _quietly(remove: Callable[[], None]) -> None:
    """Call `remove`; what cannot be removed now goes with the consumer's scratch folder."""
    with contextlib.suppress(OSError):
        remove()
