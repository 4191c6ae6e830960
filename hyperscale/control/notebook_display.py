"""Shows the progress of a run in a notebook: one output of the cell, which is drawn anew as the run goes on."""

from __future__ import annotations

import html

from hyperscale.control.progress import Progress, pace_parts, progress_line
from hyperscale.talk import presentable

#: A notebook is saved with its outputs: it needs no more of these than people read.
MAX_SENTENCES = 20
#: Between two drawings: each one travels to the browser.
DRAW_SECONDS = 0.25


class NotebookDisplay:
    """A bar with its figures, and below it what was said."""

    def __init__(self) -> None:
        """Take an output of the cell."""
        from IPython.display import HTML, display

        self._html = HTML
        self._sentences: list[str] = []
        self._progress: Progress | None = None
        self._drawn_at = float("-inf")
        self._handle = display(HTML(""), display_id=True)

    def show(self, progress: Progress, now: float) -> None:
        """Draw the bar anew, if it was not just drawn."""
        self._progress = progress
        if now >= self._drawn_at + DRAW_SECONDS:
            self._drawn_at = now
            self._draw()

    def say(self, text: str) -> None:
        """Write `text` below the bar."""
        self._sentences = [*self._sentences, text][-MAX_SENTENCES:]
        self._draw()

    def close(self) -> None:
        """Draw how it ended."""
        self._draw()

    def _draw(self) -> None:
        self._handle.update(self._html(drawn(self._progress, self._sentences)))


def drawn(progress: Progress | None, sentences: list[str]) -> str:
    """Return the HTML of a bar and of sentences below it; a reader of screens reads the same figures."""
    said = "".join(f"<div>{html.escape(presentable(sentence))}</div>" for sentence in sentences)
    if progress is None:
        return said
    total = progress.total or 0
    share = f'value="{progress.done}" max="{total}"' if total else ""
    count = f"{progress.done:,}/{total:,} rows" if total else ""
    figures = html.escape("  ".join(filter(None, [progress.phase, count, *pace_parts(progress)])))
    label = html.escape(progress_line(progress), quote=True)
    details = "".join(f"<div>{html.escape(presentable(line))}</div>" for line in progress.details)
    return f'<div><progress {share} aria-label="{label}"></progress> {figures}</div>{details}{said}'
