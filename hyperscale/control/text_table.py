"""A table as lines of text: columns side by side, numbers to the right, cut to the width of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hyperscale.control.terminal_text import cut, padded, width_of
from hyperscale.figures import counted, float_text

MAX_CELL = 40
#: The longest name of a queue, which the id of a run is: who copies an id needs all of it.
LONGEST_NAME = 63
_GAP = "  "


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[object]], width: int, longest_cell: int = MAX_CELL
) -> list[str]:
    """Return `header` and `rows` as lines of at most `width` columns of a terminal, cells of at most `longest_cell`.

    Columns that do not fit are left out, and a last line says how many.
    """
    cells = [[_cell(value, longest_cell) for value in row] for row in (header, *rows)]
    widths = [max(width_of(row[column]) for row in cells) for column in range(len(header))]
    shown = _fitting(widths, width)
    is_right = [all(isinstance(row[column], int | float | Decimal) for row in rows) for column in range(shown)]
    lines = []
    for row in cells:
        shown_cells = (
            padded(cell, widths[column], to_the_right=is_right[column]) for column, cell in enumerate(row[:shown])
        )
        lines.append(_GAP.join(shown_cells).rstrip())
    if shown < len(header):
        more = counted(len(header) - shown, "more column")
        lines.append(cut(f"and {more}: {', '.join(cells[0][shown:])}", width, mark=""))
    return lines


def _fitting(widths: Sequence[int], width: int) -> int:
    used = 0
    for column, needed in enumerate(widths):
        used += needed + (len(_GAP) if column else 0)
        if used > width:
            return max(column, 1)
    return len(widths)


def _cell(value: object, longest: int) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return float_text(value)
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return cut(text, longest)
