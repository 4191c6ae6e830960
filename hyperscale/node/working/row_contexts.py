"""The rows of an order as the activity gets them, each beside its context."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from hyperscale.node.working.activity import Context
from hyperscale.row_key import key_text

_join = os.path.join


class RowContexts:
    """Makes the context of each row from the one that all rows of a worker share."""

    def __init__(self, shared: Context, key: str | None, input_folder: str | None, *, is_grouped: bool = False) -> None:
        """Take keys from the column `key`; with `input_folder`, a row's path is made one of this machine."""
        self._shared, self._key, self._input_folder = shared, key, input_folder
        self._is_grouped = is_grouped

    def of(self, order: dict[str, Any]) -> Iterator[tuple[Any, Context]]:
        """Yield the rows of `order` as dicts, with their contexts; the body has as many values a row as columns.

        A group is a list of dicts.
        """
        columns, attempts = order["columns"], order["attempts"]
        shared, key, folder = self._shared, self._key, self._input_folder
        common = (
            shared.run_id, shared.worker_index, shared.arguments, shared.mounts, shared.scratch, shared.logger,
            shared.gpu,
        )  # fmt: skip
        for row_index, values in zip(order["row_indices"], order["rows"], strict=True):
            attempt = attempts.get(str(row_index), 0) + 1 if attempts else 1
            if self._is_grouped:
                name, group = values
                yield _records(group, folder), Context(*common, row_index, name, attempt, (), group["group"])
                continue
            row = dict(zip(columns, values))  # noqa: B905 - strict costs a tenth of a microsecond a row
            name = key_text(row[key]) if key else None
            if folder is not None:
                row["path"] = _join(folder, row["path"])  # a place on this machine; a key is the same on all of them
            yield row, Context(*common, row_index, name, attempt)


def _records(group: dict[str, Any], folder: str | None) -> list[dict[str, Any]]:
    """Return the records of a group as its message carries it (`grouped_rows`)."""
    columns = group["columns"]
    records = [dict(zip(columns, values)) for values in group["records"]]  # noqa: B905 - made by one hand, as rows are
    if folder is not None:
        for record in records:
            record["path"] = _join(folder, record["path"])
    return records
