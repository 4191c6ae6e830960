"""The rows that failed: a table with the reason of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyperscale.node.collecting.result_columns import Column

COLUMNS = (
    Column("row_index", "integer"),
    Column("key", "string"),
    Column("attempts", "integer"),
    Column("type", "string"),
    Column("message", "string"),
    Column("kind", "string"),
    Column("exit_code", "integer"),
    Column("signal", "integer"),
    Column("frames", "string"),
    Column("consumer", "string"),
    Column("last_output", "string"),
    Column("signature", "string"),
)


def failure_row(outcome: Mapping[str, Any], key: str | None, signature: str) -> list[Any]:
    """Return the values of `COLUMNS` for a failed row; `signature` is the id of its failure's."""
    failure = outcome.get("failure") or {}
    values = {**failure, "frames": "\n".join(failure.get("frames") or ())}
    values |= {name: outcome.get(name) for name in ("row_index", "attempts", "consumer")}
    values |= {"key": key, "signature": signature}
    return [values.get(column.name) for column in COLUMNS]
