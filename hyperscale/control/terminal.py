"""The door to rich: the progress of a run as a bar on a terminal, and colours for the words that matter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from hyperscale.control.progress import Progress, pace_parts
from hyperscale.talk import presentable, say

#: How a line begins, and the colour of that: it repeats what the word says, for whoever sees it.
_STYLES: Mapping[str, str] = MappingProxyType(
    {
        r"^error:": "bold red",
        r"^warning:": "bold yellow",
        r"^hint:": "bold cyan",
        r"^[^\s:]+:\d+(:\d+)?:": "bold",
        r"^\[ *\d+\.\d+s\] .*": "dim",
    }
)


def coloured(text: str) -> str:
    """Return `text` with the codes that colour it on a terminal; nothing of it is taken for a code or for markup."""
    line = Text(text)
    for pattern, style in _STYLES.items():
        line.highlight_regex(re.compile(pattern, re.MULTILINE), style)
    console = Console(force_terminal=True, highlight=False)
    with console.capture() as captured:
        console.print(line, soft_wrap=True, end="")
    return captured.get()


class _BarWithDetails(Bar):
    """A bar, and lines below it."""

    details: tuple[str, ...] = ()

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar, then the lines; each is cut at the terminal's edge."""
        yield from super().get_renderables()
        for line in self.details:
            yield Text(presentable(line), no_wrap=True, overflow="ellipsis")


class TerminalDisplay:
    """A bar with M/N, rows per second, failures and time left, on stderr; below it what else is to be known."""

    def __init__(self) -> None:
        """Take the terminal's last line."""
        self._bar = _BarWithDetails(
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
        self._bar.details = progress.details
        self._bar.update(
            self._task,
            description=progress.phase,
            completed=progress.done,
            total=progress.total,
            figures=figures(progress),
        )

    def say(self, text: str) -> None:
        """Print `text` above the bar, which puts itself below all that is written to stderr."""
        say(text)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.stop()


def figures(progress: Progress) -> str:
    """Return what stands right of the bar."""
    count = [f"{progress.done:,}/{progress.total:,}"] if progress.total else []
    return "  ".join([*count, *pace_parts(progress)])
