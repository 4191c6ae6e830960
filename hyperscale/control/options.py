"""Checks options that only go together, and numbers that Python code gives: one place for commands and handles."""

from __future__ import annotations

import math
from numbers import Integral, Real

from hyperscale.errors import ExperimentError
from hyperscale.whole_numbers import MAX_DIGITS

#: Numbers below have at most as many digits as an option may have; Python makes no text of one with thousands.
MOST = 10**MAX_DIGITS


def check_whole_numbers(**given: object) -> None:
    """See that each value is a whole number from 1 on of at most 18 digits, or None: it is not given.

    Raises:
        ExperimentError: when one is not.
    """
    for name, value in given.items():
        number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
        is_long = number is not None and not -MOST < number < MOST
        if value is not None and (number is None or number < 1 or is_long):
            shown = f"a number of more than {MAX_DIGITS} digits" if is_long else repr(value)
            raise ExperimentError(f"{name} is {shown}, a whole number from 1 on was expected")


def is_seconds(value: object) -> bool:
    """Return whether `value` is a number of seconds above 0 that ends."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf


def check_seconds_per_row(seconds: float | None, *, azure: bool) -> None:
    """See that how long a row takes is given only where Azure is asked, and as a number of seconds above 0.

    Raises:
        ExperimentError: when it is not.
    """
    if seconds is not None and not azure:
        raise ExperimentError("--seconds-per-row tells time and cost with prices of Azure", hint="add --azure")
    if seconds is not None and not is_seconds(seconds):
        raise ExperimentError(f"--seconds-per-row is {seconds!r}, a number of seconds above 0 was expected")


def check_workers_here(workers: int | None, nodes: int | None = None, *, azure: bool) -> None:
    """See that a retry is given workers and nodes only where it runs on this machine.

    Raises:
        ExperimentError: when it is one on Azure ML.
    """
    if azure and (workers or nodes):
        raise ExperimentError(
            "--workers and --nodes are for runs of this machine",
            hint="a run on Azure ML has those of its file: --set parallelism.workers=N",
        )
