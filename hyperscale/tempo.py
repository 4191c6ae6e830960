"""How often this program looks, and how soon it tries again: its own seconds, or a part of them in tests.

Only waits are shortened that nobody needs for their length: between two looks, before a repeat, for others to leave.
How long a process may be silent, a lease lasts or a service has time to answer stays as it is.
"""

from __future__ import annotations

import os

from hyperscale.errors import HyperscaleError

#: The variable that says how many times as fast as a person would want it.
VARIABLE = "HYPERSCALE_TEMPO"


def at_tempo(seconds: float) -> float:
    """Return how long to wait for what takes `seconds` by default: the same, unless HYPERSCALE_TEMPO says otherwise.

    Raises:
        HyperscaleError: when the variable is not a number above 0.
    """
    text = os.environ.get(VARIABLE, "1")
    try:
        tempo = float(text)
    except ValueError:
        tempo = 0.0
    if not tempo > 0:
        raise HyperscaleError(f"{VARIABLE} is {text!r}, a number above 0 was expected", hint=f"unset {VARIABLE}")
    return seconds / tempo
