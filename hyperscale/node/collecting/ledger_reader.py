"""Reads what a run has in its ledger: the lines of a part, the chain of seals, and the count of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hyperscale import blobs
from hyperscale.errors import HyperscaleError
from hyperscale.ledger import Seal, Tally, read_part
from hyperscale.node.collecting.outcome_lines import UnreadableLineError, read_head
from hyperscale.node.storing.stores import Store
from hyperscale.row_set import RowSet


def part_lines(
    store: Store, name: str, set_aside: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[int, bool, bytes]]:
    """Yield row_index, whether it succeeded, and the text of each line of the part `name`, in order.

    A line that no table can hold is left out (rule 34), everywhere in the same way: `set_aside` is told which, and why.

    Raises:
        DamagedPartError: when the part is truncated or altered.
        MissingBlobError: when there is no such part.
    """
    for number, line in enumerate(read_part(name, store.read(name)), start=1):
        try:
            row_index, succeeded = read_head(line)
        except UnreadableLineError as error:
            set_aside(f"line {number} of {name} {error}")
            continue
        yield row_index, succeeded, line


def read_seals(store: Store) -> list[Seal]:
    """Return the seals of the run, oldest first.

    Raises:
        HyperscaleError: when a seal is damaged, or one of the chain is not there.
    """
    seals = [_read_seal(store, name) for name in store.names(blobs.SEALS)]
    for number, seal in enumerate(seals, start=1):
        if seal.number != number:
            raise HyperscaleError(
                f"{blobs.seal(number)} is missing though {blobs.seal(seal.number)} is there",
                hint="restore the file from a copy: without it nobody can say which outcomes were final",
            )
    return seals


def _read_seal(store: Store, name: str) -> Seal:
    try:
        return Seal.decode(store.read(name))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HyperscaleError(
            f"{name} is damaged: {error}",
            hint="restore the file from a copy: without it nobody can say which outcomes were final",
        ) from error


def unsealed_parts(store: Store, seals: Sequence[Seal]) -> list[str]:
    """Return the names of the ledger parts that none of `seals` holds, sorted by their bytes."""
    sealed = {name for seal in seals for name in seal.parts}
    return [name for name in store.names(blobs.LEDGER) if name not in sealed]


def tally_of(store: Store, rows: int | RowSet, seals: Sequence[Seal]) -> Tally:
    """Return the count of what `seals` made final, by the merge rule (rule 24).

    Args:
        store: of the run.
        rows: how many the run has, or which.
        seals: the first so many of the chain, oldest first; every part in them is read.

    Raises:
        DamagedPartError: when a part is damaged.
        MissingBlobError: when a sealed part is gone.
    """
    tally = Tally(rows)
    for seal in seals:
        for name in seal.parts:
            count_part(store, name, tally)
        tally.seal()
    return tally


def count_part(store: Store, name: str, tally: Tally) -> None:
    """Count the lines of the part `name`.

    Raises:
        DamagedPartError: when it is damaged.
        MissingBlobError: when there is no such part.
    """
    for row_index, succeeded, _ in part_lines(store, name, tally.set_line_aside):
        if not tally.add(row_index, succeeded):
            tally.set_line_aside(f"a line of {name} has an outcome of row {row_index}, which the run does not have")
