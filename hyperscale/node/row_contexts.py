"""The rows of an order as the activity gets them, each beside its context."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from hyperscale.node.activity import Context

_join = os.path.join


class RowContexts:
    """Makes the context of each row from the one that all rows of a worker share."""

    def __init__(self, shared: Context, key: str | None, input_folder: str | None) -> None:
        """Take keys from the column `key`; with `input_folder`, a row's path is made one of this machine."""
        self._shared, self._key, self._input_folder = shared, key, input_folder

    def of(self, order: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Context]]:
        """Yield the rows of `order` as dicts, with their contexts; the body has as many values a row as columns."""
        columns, attempts = order["columns"], order["attempts"]
        shared, key, folder = self._shared, self._key, self._input_folder
        common = (
            shared.run_id, shared.worker_index, shared.arguments, shared.mounts, shared.scratch, shared.logger,
            shared.gpu,
        )  # fmt: skip
        for row_index, values in zip(order["row_indices"], order["rows"], strict=True):
            row = dict(zip(columns, values))  # noqa: B905 - strict costs a tenth of a microsecond a row
            if folder is not None:
                row["path"] = _join(folder, row["path"])
            name = row.get(key) if key else None
            attempt = attempts.get(str(row_index), 0) + 1 if attempts else 1
            yield row, Context(*common, row_index, None if name is None else str(name), attempt)
