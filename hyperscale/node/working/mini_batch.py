"""The rows of a call as a parallel script gets them: a pandas DataFrame, or a list of file paths."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PANDAS = "pandas"
#: Marks the class of a mini batch's index, and is where `attrs` of its frame keep the number of the call.
_MARK, _CALL = "_is_of_mini_batch", "hyperscale_call"
_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class MiniBatchContext:
    """What `run(mini_batch, mini_batch_context)` may know of its mini batch; the names are those of parallel jobs.

    Attributes:
        minibatch_index: the row_index of its first row: a row that is repeated alone has the same one again.
        partition_key_value: the values of the columns of input.group_by, by column; empty without it.
        dataset: always None; it was of the SDK v1.
    """

    minibatch_index: int
    partition_key_value: Mapping[str, Any] = field(default_factory=dict)
    dataset: None = None


def check_pandas() -> None:
    """See that rows can become DataFrames; pandas is imported no sooner than it is needed, as it takes its time.

    Raises:
        ModuleNotFoundError: when there is no pandas; says how to add it.
    """
    if importlib.util.find_spec(_PANDAS) is None:
        raise ModuleNotFoundError(
            "rows reach a parallel script as a pandas DataFrame: add pandas to the packages of environment "
            "(requirements or conda_file)"
        )


def file_paths(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of an input of files: absolute ones, on this machine."""
    return [row["path"] for row in rows]


def frame_of(rows: Sequence[Mapping[str, Any]], call: int = 0) -> Any:
    """Return rows of a table as a DataFrame whose index counts from 0; `places_of` knows that index again.

    Types are the ones that pandas infers, except where a float column would change an integer: a column of integers
    and nulls is then Int64 or UInt64, and object when it holds floats or integers of more than 64 bits.

    Args:
        rows: of one call, with the same columns.
        call: its number, which tells its frame from the frames of other calls.
    """
    pandas = importlib.import_module(_PANDAS)
    index = _index_class(pandas)._simple_new(pandas.Index(range(len(rows))).to_numpy("int64"), None)
    columns = {name: _exact([row[name] for row in rows], index, pandas) for name in (rows[0] if rows else ())}
    frame = pandas.DataFrame(columns, index=index)
    frame.attrs[_CALL] = call
    return frame


def places_of(lines: Any, call: int) -> list[int] | None:
    """Return the place in the mini batch of each line of a DataFrame or Series, None when its index does not tell.

    Only the index that `frame_of` gave to the same call tells, or a part of it, in any order and as often as you like.
    Its class says so, because labels prove nothing: counts, groups and ids are small integers, too.
    """
    index = lines.index
    is_ours = getattr(type(index), _MARK, False) and index.name is None and lines.attrs.get(_CALL, call) == call
    return index.tolist() if is_ours else None


def is_made_of_frame(lines: Any) -> bool:
    """Return whether a DataFrame or Series was made from a mini batch, as far as pandas keeps track of it."""
    return _CALL in lines.attrs


@functools.cache
def _index_class(pandas: Any) -> Any:
    """Return a class of index that selections and sorts keep, and calculated labels lose.

    A name would not do: pandas passes it on to what is calculated from labels, such as `index // 2`.
    """
    counted = type(pandas.Index([0]))

    def reduce(index: Any) -> Any:  # pickled as a plain index, for readers without this package
        return counted(index.to_numpy(), name=index.name).__reduce__()

    return type("MiniBatchIndex", (counted,), {_MARK: True, "__reduce__": reduce})


def _exact(values: list[Any], index: Any, pandas: Any) -> Any:
    """Return the values of a column in a form in which pandas changes no integer."""
    kinds = set(map(type, values))
    if int not in kinds:
        return values
    whole = [value for value in values if type(value) is int]
    least, most = min(whole), max(whole)
    fits_64_bits = least >= _LEAST and most <= 2 * _MOST + 1
    if fits_64_bits and (len(kinds) == 1 or all(map(_fits_double, whole))):
        return values
    if fits_64_bits and kinds == {int, type(None)} and (most <= _MOST or least >= 0):
        return pandas.array(values, dtype="Int64" if most <= _MOST else "UInt64")
    return pandas.Series(values, index, dtype=object)


def _fits_double(value: int) -> bool:
    return int(float(value)) == value
