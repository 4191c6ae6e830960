"""The activity of a worker of `map_rows`: it unpacks the function and its rows, calls it, and packs the results."""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hyperscale.control.mapping import parcels
from hyperscale.node.working.activity import Activity, Context, activity_of
from hyperscale.node.working.importing import add_to_path
from hyperscale.node.working.results import ResultError

#: In the folder that the workers share: first where modules are looked for, then the function.
FUNCTION_FILE = "function.pickle"
#: The one column of rows on their way.
COLUMN = "row"


class Mapped:
    """Stands between the worker and the function that `map_rows` was given."""

    def set_up(self, context: Context) -> None:
        """Take the function from its file, and call its own set_up if it has one."""
        with (context.scratch.parent / FUNCTION_FILE).open("rb") as file:
            for path in pickle.load(file):  # noqa: S301 - written by the process that started us
                if path not in sys.path:
                    add_to_path(Path(path))
            function = pickle.load(file)  # noqa: S301
        self._activity: Activity = activity_of(_callable_of(function), "the function")
        self._activity.wait_for(self._activity.set_up(context))

    def run(self, row: Any, context: Context) -> Any:
        """Return the packed result of a packed row, or those of a list of rows."""
        if isinstance(row, list):
            results = self._call([parcels.unpack(one[COLUMN]) for one in row], context)
            if not isinstance(results, Sequence) or len(results) != len(row):
                return results  # the worker says what it expected
            pairs = zip(results, context.rows, strict=True)
            return [result if isinstance(result, BaseException) else self._pack(result, one) for result, one in pairs]
        return self._pack(self._call(parcels.unpack(row[COLUMN]), context), context)

    def tear_down(self) -> None:
        """Let the function give back what its set_up took."""
        self._activity.wait_for(self._activity.tear_down())

    def _call(self, rows: Any, context: Context) -> Any:
        result = self._activity.run(rows, context)
        return self._activity.wait_for(result) if inspect.iscoroutine(result) else result

    def _pack(self, result: Any, context: Context) -> Any:
        if context.kept_files:
            raise ResultError("map_rows has no place for files of context.outputs: write them to a folder of your own")
        try:
            return parcels.pack(result, _result_file(context))
        except Exception as error:
            raise ResultError(f"the result cannot be pickled: {type(error).__name__}: {error}") from error


def _result_file(context: Context) -> Path:
    return context.scratch.parent / f"result-{context.row_index}-{context.attempt}.pickle"


def _callable_of(function: Any) -> Any:
    """Return what is called; a class without `run` (`int`, a dataclass) is called as a function is."""
    if isinstance(function, type) and not hasattr(function, "run"):
        return lambda row: function(row)
    return function
