"""`map_rows`: applies a function to rows of this process in workers, and gives the outcomes as they come."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

from hyperscale.control.mapping import parcels
from hyperscale.control.mapping.mapped import FUNCTION_FILE
from hyperscale.control.mapping.outcomes import Outcomes, Result, Row
from hyperscale.control.mapping.source_lines import with_source
from hyperscale.control.mapping.terms import Terms
from hyperscale.control.mapping.workshop import Workshop
from hyperscale.control.run_folder import check_machine
from hyperscale.cores import cores
from hyperscale.errors import HyperscaleError
from hyperscale.node.working.activity import Context, NodeRunner

#: So many rows are taken ahead for each worker: where a row takes 1 ms, a worker is busy for a quarter of a second.
ROWS_AHEAD = 256
NOTHING: Mapping[str, Any] = MappingProxyType({})


@overload
def map_rows(
    function: type[NodeRunner],
    rows: Iterable[Row],
    *,
    workers: int | None = None,
    ordered: bool = False,
    rows_ahead: int | None = None,
    rows_per_call: int = 1,
    max_attempts: int = 1,
    retry_delay_seconds: float = 1.0,
    timeout_seconds: float | None = None,
    set_up_timeout_seconds: float = 600.0,
    arguments: Mapping[str, Any] = NOTHING,
) -> Outcomes[Row, Any]: ...


@overload
def map_rows(
    function: Callable[[list[Row]], Sequence[Result | BaseException]],
    rows: Iterable[Row],
    *,
    workers: int | None = None,
    ordered: bool = False,
    rows_ahead: int | None = None,
    rows_per_call: int,
    max_attempts: int = 1,
    retry_delay_seconds: float = 1.0,
    timeout_seconds: float | None = None,
    set_up_timeout_seconds: float = 600.0,
    arguments: Mapping[str, Any] = NOTHING,
) -> Outcomes[Row, Result]: ...


@overload
def map_rows(
    function: Callable[[Row], Coroutine[Any, Any, Result]] | Callable[[Row, Context], Coroutine[Any, Any, Result]],
    rows: Iterable[Row],
    *,
    workers: int | None = None,
    ordered: bool = False,
    rows_ahead: int | None = None,
    max_attempts: int = 1,
    retry_delay_seconds: float = 1.0,
    timeout_seconds: float | None = None,
    set_up_timeout_seconds: float = 600.0,
    arguments: Mapping[str, Any] = NOTHING,
) -> Outcomes[Row, Result]: ...


@overload
def map_rows(
    function: Callable[[Row], Result] | Callable[[Row, Context], Result],
    rows: Iterable[Row],
    *,
    workers: int | None = None,
    ordered: bool = False,
    rows_ahead: int | None = None,
    max_attempts: int = 1,
    retry_delay_seconds: float = 1.0,
    timeout_seconds: float | None = None,
    set_up_timeout_seconds: float = 600.0,
    arguments: Mapping[str, Any] = NOTHING,
) -> Outcomes[Row, Result]: ...


def map_rows(
    function: Callable[..., Any],
    rows: Iterable[Any],
    *,
    workers: int | None = None,
    ordered: bool = False,
    rows_ahead: int | None = None,
    rows_per_call: int = 1,
    max_attempts: int = 1,
    retry_delay_seconds: float = 1.0,
    timeout_seconds: float | None = None,
    set_up_timeout_seconds: float = 600.0,
    arguments: Mapping[str, Any] = NOTHING,
) -> Outcomes[Any, Any]:
    """Apply `function` to each row in worker processes, and give an outcome for each.

    Nothing is started before the first outcome is asked for, and rows are taken as outcomes are: any iterable will
    do, of any length. A row that raises, takes too long or kills its worker has an outcome that says so, and the
    others go on. `with map_rows(...) as outcomes:` ends the workers when the block is left.

    Args:
        function: takes a row and, if it likes, a `Context`; a lambda, a closure, a function of a notebook or a module.
            Or a `NodeRunner` class, whose `set_up` runs once in each worker.
        rows: anything that can be pickled; asked for in the thread that asks for outcomes.
        workers: processes; None is one for each core of this machine.
        ordered: give the outcomes in the order of the rows, not as rows are done.
        rows_ahead: so many rows at most are taken whose outcomes were not given yet; None is 256 a worker.
        rows_per_call: more than 1: the function is given a list of so many rows, and returns as many results.
        max_attempts: of each row.
        retry_delay_seconds: before the second attempt of a row; it doubles with each further one.
        timeout_seconds: of a call, whose worker is killed then; None: no limit.
        set_up_timeout_seconds: of the start of a worker.
        arguments: constants, for `context.arguments`; what JSON can hold.

    Returns:
        An iterator of outcomes.

    Raises:
        HyperscaleError: when an argument cannot be used, or the function cannot be sent to workers.
        TypeError: when `rows` cannot be iterated.
    """
    check_machine()
    count = cores() if workers is None else workers
    ahead = ROWS_AHEAD * count if rows_ahead is None else rows_ahead
    terms = Terms(
        count, ahead, rows_per_call, max_attempts,
        retry_delay_seconds, timeout_seconds, set_up_timeout_seconds, arguments,
    )  # fmt: skip
    return Outcomes(
        rows,
        _opener(function, terms),
        frames_of=lambda frames: with_source(frames, function),
        rows_ahead=max(ahead, rows_per_call),
        ordered=ordered,
    )


def _opener(function: Any, terms: Terms) -> Callable[[], tuple[Workshop, Path, Callable[[], None]]]:
    """Return what starts the workers; see `Outcomes`.

    Raises:
        HyperscaleError: when `function` cannot be called, or not be sent to workers.
    """
    if not callable(function):
        raise HyperscaleError(
            f"map_rows: {function!r} cannot be called", hint="give a function, or a class derived from NodeRunner"
        )
    parcel = pickle.dumps(parcels.search_path()) + parcels.function_to_bytes(function)

    def open_workshop() -> tuple[Workshop, Path, Callable[[], None]]:
        folder = Path(tempfile.mkdtemp(prefix="hyperscale-map-rows-"))
        try:
            settings = terms.settings(folder)
            settings.scratch.mkdir()
            (settings.scratch / FUNCTION_FILE).write_bytes(parcel)
            workshop = Workshop(settings, terms.workers, terms.policy)
            workshop.start()
        except BaseException:  # a full disk, no more threads
            shutil.rmtree(folder, ignore_errors=True)
            raise

        def end() -> None:
            try:
                workshop.close()
            finally:
                shutil.rmtree(folder, ignore_errors=True)

        return workshop, settings.scratch, end

    return open_workshop
