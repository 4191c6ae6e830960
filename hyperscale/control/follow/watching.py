"""Follows a run until it is over, or until something that is waited for has happened, and shows how far it is."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.look import Look
from hyperscale.control.follow.look_lines import shown_progress
from hyperscale.control.follow.observing import Observer
from hyperscale.control.progress import Pace, open_display
from hyperscale.errors import AzureError
from hyperscale.node.azure.resource_manager import RefusedError
from hyperscale.talk import Say
from hyperscale.tempo import at_tempo

#: Between two looks at a run on Azure ML: its heartbeats are 20 seconds apart.
REFRESH_SECONDS = 10.0
#: Of a run on this machine a look is free.
LOCAL_REFRESH_SECONDS = 0.5
#: So many looks in a row without an answer: then it is told as an error.
SILENT_LOOKS = 6


class Follower:
    """Shows looks at a run as they come."""

    def __init__(
        self,
        observer: Observer,
        show: Callable[[Look, float], None],
        say: Say,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], None],
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        """Follow what `observer` looks at.

        Args:
            observer: looks.
            show: takes each look, and the time of it (monotonic seconds).
            say: takes a sentence that stays; each is said once.
            clock: monotonic seconds.
            wait: waits so many seconds.
            refresh_seconds: between two looks.
        """
        self._observer, self._show, self._tell = observer, show, say
        self._clock, self._wait, self._refresh_seconds = clock, wait, refresh_seconds
        self._pace = Pace()
        self._said: set[str] = set()

    def until(self, is_enough: Callable[[Look], bool]) -> Look:
        """Look again and again, and return the first look that is enough.

        Raises:
            AzureError: when Azure refuses to be asked, or has not answered for a minute.
        """
        silent = 0
        while True:
            try:
                look = self._paced(self._observer.look())
                silent = 0
            except RefusedError:
                raise
            except AzureError as error:
                silent += 1
                if silent >= SILENT_LOOKS:
                    raise
                self.say(f"{error}; the run goes on, and it is looked at again")
            else:
                self._show(look, self._clock())
                for warning in look.warnings:
                    self.say(f"warning: {warning}")
                if is_enough(look):
                    return look
            self._wait(self._refresh_seconds)

    @property
    def results(self) -> dict[str, Any] | None:
        """Return run_results.json, as far as it was seen."""
        return self._observer.results

    def say(self, text: str) -> None:
        """Say `text`, unless it was said before."""
        if text not in self._said:
            self._said.add(text)
            self._tell(text)

    def _paced(self, look: Look) -> Look:
        if look.is_over:
            return look
        progress = self._pace.add(look.progress, self._clock())
        # Only who looks several times sees that rows are slow.
        phase = progress.phase if look.phase == look.progress.phase else look.phase
        return dataclasses.replace(look, phase=phase, progress=progress)


@contextmanager
def follow(
    found: FoundRun, *, is_terminal: bool, print_document: Callable[[dict[str, Any]], None] | None = None
) -> Iterator[Follower]:
    """Give what follows `found`.

    Args:
        found: the run.
        is_terminal: whether a bar can be drawn.
        print_document: takes each look as a document, in place of a display.
    """
    display = open_display(is_terminal=is_terminal and print_document is None)

    def show(look: Look, now: float) -> None:
        if print_document is None:
            display.show(shown_progress(look), now)
        else:
            print_document(look.to_document())

    store = found.folder.store()
    try:
        observer = Observer(found, store, time.time)
        yield Follower(
            observer,
            show,
            display.say,
            clock=time.monotonic,
            wait=time.sleep,
            refresh_seconds=at_tempo(REFRESH_SECONDS if found.azure else LOCAL_REFRESH_SECONDS),
        )
    finally:
        store.close()
        display.close()


def look_once(found: FoundRun) -> Look:
    """Return one look at `found`.

    Raises:
        AzureError: when Azure cannot be asked.
    """
    with closing(found.folder.store()) as store:
        return Observer(found, store, time.time, is_once=True).look()
