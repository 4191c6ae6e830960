"""Shows things in a notebook and on a terminal: lines as they are, figures and tables; every value is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from hyperscale.figures import float_text

#: How a command line begins that helps: Python code knows of no other.
PROGRAM = "hyperscale"


class Shown:
    """What a terminal shows as lines, and a notebook as the same lines in one block."""

    def lines(self) -> Iterable[str]:
        """Return the lines."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return the lines as a text."""
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return block(str(self))


def block(text: str) -> str:
    """Return HTML that shows `text` as it is."""
    return f'<pre style="font-family: monospace; white-space: pre-wrap; text-align: left">{html.escape(text)}</pre>'


def html_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = float_text(value) if isinstance(value, float) else str(value)
    return html.escape(text)
