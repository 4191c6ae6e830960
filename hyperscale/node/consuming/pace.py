"""How long a row takes of late: what a consumer hands out, and when it receives more, depends on it."""

from __future__ import annotations

#: Each look weighs so much less at the next one: a change of pace shows within a few looks.
_FADING = 0.75


class Pace:
    """The pace of one worker, by looks at it of any length.

    Rows and seconds fade apart from each other: a look that finds a single row after a pause of the machine says
    little, a look that finds a thousand says much.
    """

    def __init__(self) -> None:
        """Start unknown."""
        self._rows = self._seconds = 0.0

    def note(self, rows: int, seconds: float) -> None:
        """Note that `rows` (at least 1) were done in `seconds`."""
        self._rows = _FADING * self._rows + rows
        self._seconds = _FADING * self._seconds + seconds

    @property
    def seconds_per_row(self) -> float | None:
        """Return what a row takes of late; None while unknown."""
        return self._seconds / self._rows if self._rows else None
