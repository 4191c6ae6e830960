"""When a consumer that finds nothing to do may leave before the queue is empty: a pure decision (rule 22).

Safety and the end of a run do not depend on it. It gives nodes back: of consumers that wait, as many stay as there are
messages left that could come back, or from which rows could be handed back.
"""

from __future__ import annotations

from collections.abc import Collection


def may_leave(name: str, *, idle_seconds: float, patience_seconds: float, depth: int, living: Collection[str]) -> bool:
    """Return whether the consumer `name` may leave.

    Args:
        name: of the consumer.
        idle_seconds: for how long it has held nothing and found nothing.
        patience_seconds: for how long it waits at least (compute.idle_seconds).
        depth: messages that are left; all of them are held by somebody.
        living: names of the consumers that live, this one included; empty while nobody knows.
    """
    if idle_seconds < patience_seconds or name not in living:
        return False
    return sorted(living).index(name) >= depth
