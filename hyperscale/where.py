"""Reads `--where`: which of the failed and missing rows are meant, by what failed, by index or by key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperscale.errors import ExperimentError
from hyperscale.row_set import RowSet
from hyperscale.signature import ID_LENGTH
from hyperscale.suggestions import did_you_mean
from hyperscale.whole_numbers import MAX_DIGITS, whole_number

_NAMES = ("signature", "type", "kind", "rows", "key")
#: Of `failures.py`: what a failure may be.
KINDS = ("raised", "exited", "killed", "timeout", "result", "poison")
_SIGNATURE = re.compile(rf"[0-9a-f]{{1,{ID_LENGTH}}}", re.ASCII)
_MAX_SHOWN = 60
_HINT = "such as signature=ab12cd34, type=ValueError, kind=timeout, rows=100-200,300 or key=a7"


@dataclass(frozen=True)
class Where:
    """Conditions on rows: of one name any may hold, of different names all must.

    Attributes:
        signatures: ids of failures' signatures, or how they begin.
        types: of failures, such as ValueError.
        kinds: of failures, of `KINDS`.
        ranges: of row indices; the last one is in.
        keys: values of the input's key column.
    """

    signatures: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    ranges: tuple[tuple[int, int], ...] = ()
    keys: frozenset[str] = frozenset()

    @property
    def asks_for_failures(self) -> bool:
        """Return whether a row without a failure, a missing one, cannot be meant."""
        return bool(self.signatures or self.types or self.kinds)

    def rows_in_ranges(self, below: int) -> RowSet:
        """Return the rows 0..below-1 that are in a range; all, if there are no ranges."""
        if not self.ranges:
            return RowSet.all(below)
        marks = bytearray(below)
        for first, last in self.ranges:
            marks[first : last + 1] = b"\1" * len(marks[first : last + 1])
        return RowSet(marks)

    def takes_row(self, row_index: int, key: str | None) -> bool:
        """Return whether a row may be meant by its index and its key."""
        is_key = not self.keys or key in self.keys
        return is_key and (not self.ranges or any(first <= row_index <= last for first, last in self.ranges))

    def takes_failure(self, failure: Mapping[str, Any], signature: str) -> bool:
        """Return whether a row that failed so may be meant; `signature` is the id of its failure's."""
        if self.types and failure.get("type") not in self.types:
            return False
        if self.kinds and failure.get("kind") not in self.kinds:
            return False
        return not self.signatures or signature.startswith(tuple(self.signatures))


def read_where(conditions: Sequence[str]) -> Where:
    """Return what the texts `conditions`, `name=value` each, say.

    Raises:
        ExperimentError: when one of them is none.
    """
    found: dict[str, list[str]] = {name: [] for name in _NAMES}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        name = name.strip()
        value = value if name == "key" else value.strip()  # spaces belong to a key, as commas do
        if name not in found:
            guess = did_you_mean(name, _NAMES) or f", expected {', '.join(_NAMES[:-1])} or {_NAMES[-1]}"
            raise ExperimentError(f"--where {condition}: {name!r} is no condition{guess}", hint=_HINT)
        if not equals or not value:
            raise ExperimentError(f"--where {condition}: a value is missing, expected {name}=VALUE", hint=_HINT)
        found[name] += [value] if name == "key" else [part.strip() for part in value.split(",")]
    for kind in found["kind"]:
        if kind not in KINDS:
            guess = did_you_mean(kind, KINDS) or f", expected one of {', '.join(KINDS)}"
            raise ExperimentError(f"--where kind={kind}: a failure has no such kind{guess}")
    for signature in found["signature"]:
        if not _SIGNATURE.fullmatch(signature):
            raise ExperimentError(
                f"--where signature={signature}: no signature looks so, expected up to {ID_LENGTH} of 0-9 and a-f",
                hint="`hyperscale failures` shows the signatures of a run",
            )
    return Where(
        signatures=frozenset(found["signature"]),
        types=frozenset(found["type"]),
        kinds=frozenset(found["kind"]),
        ranges=tuple(_range(text) for text in found["rows"]),
        keys=frozenset(found["key"]),
    )


def _range(text: str) -> tuple[int, int]:
    start, hyphen, end = text.partition("-")
    first, last = whole_number(start), whole_number(end if hyphen else start)
    if first is None or last is None or first > last:
        shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
        raise ExperimentError(
            f"--where rows: {shown!r} is no row_index and no range of them",
            hint=f"row indices are whole numbers from 0 of at most {MAX_DIGITS} digits, "
            "ranges run upwards and hold both ends: rows=100-200,300",
        )
    return first, last
