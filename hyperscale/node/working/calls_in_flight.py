"""A worker with several async calls of the activity in flight at the same time (`activity.concurrency`)."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from hyperscale.node.working import wire
from hyperscale.node.working.activity import Activity, Context
from hyperscale.node.working.answering import Answering, now, timer
from hyperscale.node.working.between_rows import BetweenRows
from hyperscale.node.working.printed import print_exception
from hyperscale.node.working.row_contexts import RowContexts
from hyperscale.node.working.worker_end import timed_out_failure


class _Waiting(NamedTuple):
    """A row that is not begun; `alone` when no other may be in flight beside it."""

    number: int
    row: dict[str, Any]
    context: Context
    alone: bool


class CallsInFlight:
    """Begins rows in the order they come, so many at a time, and answers each when it is done.

    What is printed belongs to no row in particular: a row's log is what the worker printed while it was in flight.
    """

    def __init__(
        self,
        activity: Activity,
        contexts: RowContexts,
        answering: Answering,
        between: BetweenRows,
        *,
        concurrency: int,
        timeout_seconds: float,
    ) -> None:
        """Keep up to `concurrency` calls in flight, each for at most `timeout_seconds`."""
        self._activity, self._contexts = activity, contexts
        self._answering, self._between = answering, between
        self._concurrency, self._timeout_seconds = concurrency, timeout_seconds
        self._loop = activity.loop
        self._waiting: deque[_Waiting] = deque()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._is_alone = False
        self._given = 0
        self._stopped = False

    def serve(self, next_order: Callable[[], dict[str, Any]]) -> None:
        """Work until the order to stop comes."""

        def feed() -> None:
            while True:
                self._loop.call_soon_threadsafe(self._take, next_order())

        threading.Thread(target=feed, daemon=True).start()
        while not self._stopped:
            try:
                self._loop.run_forever()
            except BaseException:  # KeyboardInterrupt and SystemExit come through here, and into their task as well
                print_exception()

    def _take(self, order: dict[str, Any]) -> None:
        if order.get("order") == wire.STOP:
            self._stopped = True
            self._loop.stop()
            return
        for row, context in self._contexts.of(order):
            self._waiting.append(_Waiting(self._given, row, context, order["rows_per_call"] == 1))
            self._given += 1
        self._begin()

    def _begin(self) -> None:
        """Begin what may begin now."""
        while self._waiting and not self._is_alone and len(self._in_flight) < self._concurrency:
            if self._waiting[0].alone and self._in_flight:
                return
            waiting = self._waiting.popleft()
            self._is_alone = waiting.alone
            task = self._loop.create_task(self._call(waiting))
            self._in_flight.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._is_alone = False
        if not self._in_flight:
            self._between.forget_printed()
        self._begin()

    async def _call(self, waiting: _Waiting) -> None:
        context, answering, between = waiting.context, self._answering, self._between
        began, started_at, start = timer(), now(), between.printed_bytes
        try:
            result = await self._result(waiting)
            kind, text = answering.succeeded(context, result, timer() - began, started_at)
            printed = self._printed(start)
        except BaseException as error:
            between.end_forked_child()
            late = isinstance(error, _OverdueError)
            why = timed_out_failure(self._timeout_seconds, None) if late else error
            printed = self._printed(start)
            kind, text = answering.failed(context, why, printed, timer() - began, started_at)
        between.end_forked_child()
        answering.send(answering.record([context], kind, printed) + wire.pack_line(f"{kind}{waiting.number}:", text))
        if answering.is_unfit:
            answering.leave()

    async def _result(self, waiting: _Waiting) -> Any:
        """Return what the activity makes of a row.

        Raises:
            BaseException: what the activity raises, or _OverdueError when it takes too long.
        """
        result = self._activity.run(waiting.row, waiting.context)
        if not inspect.iscoroutine(result):
            return result
        task = self._loop.create_task(result)
        # Not wait_for: it would wait for a task that does not let itself be cancelled.
        await asyncio.wait({task}, timeout=self._timeout_seconds)
        if task.done():
            return task.result()
        task.cancel()
        raise _OverdueError

    def _printed(self, start: int) -> str:
        self._between.flush()
        return self._between.printed(start) if self._between.printed_bytes > start else ""


class _OverdueError(Exception):
    """The call overran its time."""
