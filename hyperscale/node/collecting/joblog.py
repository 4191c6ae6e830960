"""The run as GNU parallel would have logged it, so that scripts which read its --joblog keep working."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperscale.ledger import SUCCEEDED

#: The columns of GNU parallel's --joblog (its manual, section "--joblog").
HEADER = ("Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command")


class JobLog:
    """A file with a line for each row that has an outcome, in order of rows."""

    def __init__(self, path: Path, entry: str) -> None:
        """Open `path`, which is overwritten; `entry` names the activity."""
        self._file = path.open("w", encoding="utf-8", newline="")
        self._entry = entry
        self._file.write("\t".join(HEADER) + "\n")

    def add(self, outcome: Mapping[str, Any], key: str | None) -> None:
        """Add a row; a failed one never has exit value 0."""
        failure = outcome.get("failure") or {}
        exit_value = 0 if outcome["outcome"] == SUCCEEDED else failure.get("exit_code") or 1
        row_index = outcome["row_index"]
        command = " ".join(f"{self._entry} {row_index if key is None else key}".split())
        self._file.write(
            f"{row_index + 1}\t{outcome['consumer']}\t{outcome['started_at']:.3f}\t{outcome['seconds']:10.3f}\t0\t0\t"
            f"{exit_value}\t{failure.get('signal') or 0}\t{command}\n"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()
