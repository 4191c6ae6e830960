"""A table as lines of text: columns side by side, numbers to the right, cut to the width of the screen."""

from __future__ import annotations

from collections.abc import Sequence

MAX_CELL = 40
_GAP = "  "


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> list[str]:
    """Return `header` and `rows` as lines of at most `width` characters.

    Columns that do not fit are left out, and a last line says how many.
    """
    cells = [[_cell(value) for value in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    shown = _fitting(widths, width)
    is_right = [all(isinstance(row[column], int | float) for row in rows) for column in range(shown)]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(widths[column]) if is_right[column] else cell.ljust(widths[column])
            for column, cell in enumerate(row[:shown])
        ]
        lines.append(_GAP.join(padded).rstrip())
    if shown < len(header):
        lines.append(f"and {len(header) - shown} more columns: {', '.join(cells[0][shown:])}"[:width])
    return lines


def _fitting(widths: Sequence[int], width: int) -> int:
    used = 0
    for column, needed in enumerate(widths):
        used += needed + (len(_GAP) if column else 0)
        if used > width:
            return max(column, 1)
    return len(widths)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
