"""Shows the progress of a run as a bar on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from hyperscale.control.progress import Progress, pace_parts


class TerminalDisplay:
    """A bar with M/N, rows per second, failures and time left, on stderr."""

    def __init__(self) -> None:
        """Take the terminal's last line."""
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None, figures="")
        self._bar.start()

    def show(self, progress: Progress, now: float) -> None:
        """Redraw the bar."""
        del now
        self._bar.update(
            self._task,
            description=progress.phase,
            completed=progress.done,
            total=progress.total,
            figures=figures(progress),
        )

    def say(self, text: str) -> None:
        """Print `text` above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.stop()


def figures(progress: Progress) -> str:
    """Return what stands right of the bar."""
    count = [f"{progress.done:,}/{progress.total:,}"] if progress.total else []
    return "  ".join([*count, *pace_parts(progress)])
