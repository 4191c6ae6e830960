"""A worker that makes one call of the activity after the other: the usual way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from types import CoroutineType
from typing import Any

from hyperscale.node.working import wire
from hyperscale.node.working.activity import Activity, Context, drop_outputs
from hyperscale.node.working.answering import Answering, now, timer
from hyperscale.node.working.between_rows import BetweenRows
from hyperscale.node.working.results import ResultError
from hyperscale.node.working.row_contexts import RowContexts


class CallsInTurn:
    """Works on orders as they come, and answers each row before it begins the next call."""

    def __init__(
        self,
        activity: Activity,
        contexts: RowContexts,
        answering: Answering,
        between: BetweenRows,
        *,
        is_given_lists: bool,
    ) -> None:
        """Call `activity` with a row, or with a list of rows (`is_given_lists`)."""
        self._activity, self._contexts = activity, contexts
        self._answering, self._between = answering, between
        self._is_given_lists = is_given_lists

    def serve(self, next_order: Callable[[], dict[str, Any]]) -> None:
        """Work until the order to stop comes."""
        while True:
            order = next_order()
            if order.get("order") == wire.STOP:
                return
            rows = self._contexts.of(order)
            if not self._is_given_lists:
                for row, context in rows:
                    self._call_row(row, context)
                continue
            while call := list(islice(rows, order["rows_per_call"])):
                self._call_rows(call)

    def _call_row(self, row: dict[str, Any], context: Context) -> None:
        began, started_at = timer(), now()
        answering, between, printed = self._answering, self._between, ""
        try:
            result = self._activity.run(row, context)
            if type(result) is CoroutineType:
                result = self._activity.wait_for(result)
            kind, text = answering.succeeded(context, result, timer() - began, started_at)
        except BaseException as error:
            has_printed = between.restore(timer() - began)
            if has_printed:
                printed = between.printed()
            kind, text = answering.failed(context, error, printed, timer() - began, started_at)
        else:
            has_printed = between.restore(timer() - began)
            if has_printed and answering.keeps_all_logs:
                printed = between.printed()
        lines = wire.pack_line(kind, text)
        if has_printed:
            between.forget_printed()
            lines = answering.record([context], kind, printed) + lines
        answering.send(lines)
        if answering.is_unfit:
            answering.leave()

    def _call_rows(self, rows: list[tuple[dict[str, Any], Context]]) -> None:
        began, started_at = timer(), now()
        contexts = [context for _, context in rows]
        try:
            result = self._activity.run([row for row, _ in rows], replace(contexts[0].shared(), rows=contexts))
            if type(result) is CoroutineType:
                result = self._activity.wait_for(result)
            results = _results(result, len(rows))
            printed = self._between.printed() if self._between.restore(timer() - began) else ""
            answers = self._answers(contexts, results, printed, timer() - began, started_at)
        except BaseException as error:
            printed = self._between.printed() if self._between.restore(timer() - began) else ""
            answers = [self._call_failed(contexts, error, printed, timer() - began, started_at)]
        self._between.end_forked_child()
        self._between.forget_printed()
        kinds = [kind for kind, _ in answers]
        record = self._answering.record(contexts, wire.FAILED if wire.FAILED in kinds else kinds[0], printed)
        self._answering.send(record + b"".join(wire.pack_line(kind, text) for kind, text in answers))
        if self._answering.is_unfit:
            self._answering.leave()

    def _call_failed(
        self, contexts: list[Context], error: BaseException, printed: str, seconds: float, started_at: float
    ) -> tuple[str, str]:
        """Return the answer for a call that failed as a whole; of several rows none is charged."""
        if len(contexts) == 1:
            return self._answering.failed(contexts[0], error, printed, seconds, started_at)
        for context in contexts:  # repeated alone, each is the same attempt, and has the same folder
            drop_outputs(context)
        return wire.CALL_FAILED, ""

    def _answers(
        self, contexts: list[Context], results: list[Any], printed: str, seconds: float, started_at: float
    ) -> list[tuple[str, str]]:
        """Return an answer for each row of a call; one whose result is an exception has failed alone."""
        answers, share = [], seconds / len(contexts)
        for context, result in zip(contexts, results, strict=True):
            try:
                if isinstance(result, BaseException):
                    raise result
                answers.append(self._answering.succeeded(context, result, share, started_at))
            except Exception as error:
                answers.append(self._answering.failed(context, error, printed, share, started_at))
        return answers


def _results(value: Any, count: int) -> list[Any]:
    """Return one result a row.

    Raises:
        ResultError: when the activity returned anything but a list of `count` results.
    """
    if not isinstance(value, (list, tuple)) or len(value) != count:
        what = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"
        raise ResultError(f"the activity returned {what} for {count} rows: a list of {count} results was expected")
    return list(value)
