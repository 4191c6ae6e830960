"""What is known of an experiment's input before it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InputFacts:
    """What is known of an experiment's input before it runs.

    Attributes:
        rows: how many, at most `input.limit`; with `input.group_by` they are groups.
        estimated: whether `rows` is an estimate.
        row_bytes: mean size of a row's values in a message, in bytes.
        columns: names, in order.
        input_hash: SHA-256 of the input, hexadecimal; None when it was not read.
        upload_bytes: size of the local files (input and mounts) that a submitted run uploads.
        upload_files: how many they are.
        grouped_records: how many records the rows are made of, when they are groups; else None.
    """

    rows: int
    estimated: bool
    row_bytes: float
    columns: tuple[str, ...]
    input_hash: str | None
    upload_bytes: int
    upload_files: int
    grouped_records: int | None = None

    @property
    def rows_text(self) -> str:
        """Return the number of rows for people, with a ~ when it is an estimate."""
        return f"{'~' * self.estimated}{self.rows:,}"
