"""The user's side of a worker: the NodeRunner class, the context of a row, and how an activity is found and called."""

from __future__ import annotations

import inspect
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperscale.node.working.checkpoint_files import read_state, write_state
from hyperscale.node.working.importing import import_module

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

#: The folder of attempts' files, in a worker's scratch folder.
OUTPUTS = "outputs"
#: How the parameter for the context is called, in an activity and in the script of a parallel job.
_CONTEXT_NAMES = ("context", "mini_batch_context")


class NodeRunner:
    """An activity with something to load once: subclass it, and name it in `activity.entry`.

    `set_up` runs once in each worker, before its first row; `run` once a call; `tear_down` when the worker leaves
    in good order. `run` gets a row (a dict) and returns its result; or a list of rows and returns as many results, when
    `rows_per_call` is more than 1; or all rows of a group, of which it returns one result, when there is `group_by`.
    `run` and `set_up` may leave out the context, and each may be async.
    """

    def set_up(self, *args: Any, **kwargs: Any) -> Any:
        """Load what all rows need: write `set_up(self)` or `set_up(self, context)`."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of a row: write `run(self, row)` or `run(self, row, context)`.

        To a type checker this signature says that either is right.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method run(self, row)")

    def tear_down(self) -> None:
        """Give back what `set_up` took."""


@dataclass
class Context:
    """What an activity may know about where it runs.

    Each row finds the process as `set_up` left it in these points, whatever the row before did: working folder, umask,
    no pending alarm, standard input at its end, standard output and error open. All else lives as long as the worker:
    environment variables, signal handlers, imported modules and what was patched in them, threads, files in `scratch`.
    With `concurrency` above 1 rows run side by side, and nothing is put back between them. Processes that a row starts
    are ended with its worker, even if they left its session; those that lost their parent, with the consumer.

    Attributes:
        run_id: the run.
        row_index: the row's place in the input, from 0; None in set_up.
        key: the text of the row's value in the key column; None without one; of a group its values, as a line of CSV.
        attempt: which try of the row this is, from 1.
        worker_index: which worker of its node this is, from 0.
        arguments: `activity.arguments`.
        mounts: name to local folder or file.
        scratch: a folder of this worker; what is in it may be gone after the run.
        logger: what it logs goes where the worker's prints go.
        gpu: the GPUs that the worker sees, as CUDA_VISIBLE_DEVICES names them ("0", or "0,2"); None if it sees none.
        rows: one context a row, when the call has several.
        group: of a group of records (`input.group_by`) the values that they have in common, by column; else None.
    """

    run_id: str
    worker_index: int
    arguments: Mapping[str, Any]
    mounts: Mapping[str, Path]
    scratch: Path
    logger: logging.Logger
    gpu: str | None = None
    row_index: int | None = None
    key: str | None = None
    attempt: int = 1
    rows: Sequence[Context] = ()
    group: Mapping[str, Any] | None = None
    _outputs: Path | None = field(default=None, repr=False)

    @property
    def outputs(self) -> Path:
        """A folder of this attempt, made when asked for: on success its files are kept with the run's results."""
        row_index = self._row_of("outputs")
        if self._outputs is None:
            self._outputs = outputs_folder(self.scratch, row_index, self.attempt)
            self._outputs.mkdir(parents=True, exist_ok=True)
        return self._outputs

    def checkpoint(self, state: Any) -> None:
        """Keep how far the row is, in place of what was kept of it before; call it as often as you like.

        The next attempt of the row finds the newest state in `last_checkpoint`, whatever ended this one. When the
        consumer or its machine is lost, whoever goes on with the row finds the state that was the newest when the
        lease of its message was renewed last: that happens at each third of `parallelism.lease_seconds`, and when
        the consumer leaves in good order. Beyond that nothing is promised: write for a row that may begin anew.

        Args:
            state: what a result may be, at most 1 MiB of JSON: numbers, text, lists, dicts. Of larger things keep
                the name.

        Raises:
            ResultError: when `state` cannot be stored.
            RuntimeError: when there is no row: in set_up; and in a call of several rows, where each has its own.
        """
        write_state(self.scratch, self._row_of("checkpoint"), state)

    @property
    def last_checkpoint(self) -> Any:
        """The newest state of the row, of this attempt or an earlier one, in values of JSON; None if it has none.

        It is read anew each time. Tuples have become lists, and keys text.
        """
        return read_state(self.scratch, self._row_of("last_checkpoint"))

    def _row_of(self, name: str) -> int:
        """Return the row that the attribute `name` is of."""
        if self.row_index is None:
            raise RuntimeError(
                f"context.{name} belongs to a row: there is none in set_up; in a call of several rows "
                f"each one has its own: context.rows[0].{name}"
            )
        return self.row_index

    @property
    def kept_files(self) -> bool:
        """Whether the activity asked for `outputs` and left something in it."""
        return self._outputs is not None and self._outputs.is_dir() and any(self._outputs.iterdir())

    def shared(self) -> Context:
        """Return what all rows of the worker have in common."""
        return replace(self, row_index=None, key=None, attempt=1, rows=(), group=None, _outputs=None)


def drop_outputs(context: Context) -> None:
    """Remove the files of an attempt that failed."""
    if context._outputs is not None:
        shutil.rmtree(context._outputs, ignore_errors=True)


def outputs_folder(scratch: Path, row_index: int, attempt: int) -> Path:
    """Return the folder of an attempt's files, in the scratch folder of its worker."""
    return scratch / OUTPUTS / f"{row_index}-{attempt}"


@dataclass(frozen=True)
class Activity:
    """An activity that is found and ready to be called; what its functions return may have to be waited for."""

    set_up: Callable[[Context], Any]
    run: Callable[[Any, Context], Any]
    tear_down: Callable[[], Any]
    _loops: list[AbstractEventLoop] = field(default_factory=list)

    @property
    def loop(self) -> AbstractEventLoop:
        """The event loop of the worker, made when it is needed: asyncio is not imported for plain functions."""
        if not self._loops:
            import asyncio

            self._loops.append(asyncio.new_event_loop())
            asyncio.set_event_loop(self._loops[0])
        return self._loops[0]

    def wait_for(self, value: Any) -> Any:
        """Return `value`, or what it results in if it is a coroutine; call it outside of the loop."""
        return self.loop.run_until_complete(value) if inspect.iscoroutine(value) else value


def load_activity(entry: str, folder: Path) -> Activity:
    """Return the activity `module:name`, its module taken from `folder`.

    Raises:
        Exception: whatever the import raises; AttributeError when the module has no such name; TypeError when it is
            neither a function nor a class.
    """
    module_name, _, name = entry.partition(":")
    return activity_of(getattr(import_module(module_name, folder), name), entry)


def activity_of(found: Any, named: str) -> Activity:
    """Return what is called of `found`, a function or a class; `named` is what messages call it.

    Raises:
        Exception: whatever the class raises when it is made; TypeError when `found` is neither.
    """
    if isinstance(found, type):
        runner = found()
        return Activity(
            with_context(getattr(runner, "set_up", nothing), 0),
            with_context(runner.run, 1),
            getattr(runner, "tear_down", nothing),
        )
    if not callable(found):
        raise TypeError(f"{named} is a {type(found).__name__}; a function or a class was expected")
    return Activity(nothing, with_context(found, 1), nothing)


def nothing(*_: Any) -> None:
    """Do what an activity does that leaves a function out."""


def with_context(call: Callable[..., Any], others: int) -> Callable[..., Any]:
    """Return `call` with a context behind `others` arguments, which `call` may do without.

    A parameter in its place that has a default (`def fit(row, seed=7)`, `round`) keeps it, unless it is `context`; one
    of any number (`print`) is not in its place.
    """
    if _takes_context(call, others):
        return call
    return (lambda row, _: call(row)) if others else (lambda _: call())


def _takes_context(call: Callable[..., Any], others: int) -> bool:
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):  # of C, without a signature
        return False
    named = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(named) <= others:
        return False
    return named[others].default is inspect.Parameter.empty or named[others].name in _CONTEXT_NAMES
