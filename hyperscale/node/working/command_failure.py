"""How the program of a command activity failed, on its way from there into the ledger."""

from __future__ import annotations

from hyperscale.failures import Failure


class CommandFailedError(Exception):
    """The command ended with another exit code than 0, or by a signal; `failure` says which."""

    def __init__(self, failure: Failure) -> None:
        """Keep what goes into the ledger."""
        super().__init__(failure.message)
        self.failure = failure
