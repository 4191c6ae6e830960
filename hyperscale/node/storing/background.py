"""Requests to queue and store in threads of their own: the consumer's loop never waits for the network."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Background:
    """Carries out requests in threads; their answers are handled in the thread that calls `deliver`."""

    def __init__(self, threads: int) -> None:
        """Start with nothing under way."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self.under_way = 0

    def ask(self, request: Callable[[], T], then: Callable[[Callable[[], T]], None]) -> None:
        """Carry out `request`; later `deliver` calls `then` with a function that returns its answer or raises."""
        self.under_way += 1

        def done(future: Future[T]) -> None:
            self._answers.put(lambda: then(future.result))
            self._button.send(b"!")

        self._pool.submit(request).add_done_callback(done)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there are answers."""
        return self._bell.fileno()

    def deliver(self) -> None:
        """Handle all answers that have come."""
        try:
            self._bell.recv(4096)
        except BlockingIOError:
            return
        while True:
            try:
                answer = self._answers.get_nowait()
            except queue.Empty:
                return
            self.under_way -= 1
            answer()

    def close(self) -> None:
        """Wait for what is under way; its answers are not handled any more."""
        self._pool.shutdown()
        self._bell.close()
        self._button.close()
