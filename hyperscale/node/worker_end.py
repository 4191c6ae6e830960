"""What the end of a worker, or its failure to start, means: in a failure for its row, or in words for people."""

from __future__ import annotations

import json
import signal

from hyperscale.failures import Failure


def timed_out_failure(timeout_seconds: float, last_output: str | None) -> Failure:
    """Return why a row failed whose call overran its time."""
    message = f"the call took longer than activity.timeout_seconds, {timeout_seconds:g} s"
    return Failure("timeout", "TimeoutError", message, last_output=last_output)


def end_failure(code: int, last_output: str | None) -> Failure:
    """Return why a row failed whose worker ended with `code` (negative: by that signal)."""
    if code >= 0:
        message = f"the worker exited with code {code}"
        return Failure("exited", "WorkerExited", message, exit_code=code, last_output=last_output)
    name = _signal_name(-code)
    advice = " (out of memory?)" if -code == signal.SIGKILL else ""
    message = f"the worker was killed by {name}{advice}"
    return Failure("killed", name, message, signal=-code, last_output=last_output)


def broken_message(text: str, entry: str) -> str:
    """Return what a worker that could not start says, for people: the module first."""
    document = json.loads(text)
    failure = document["failure"]
    what = (
        f"{entry.partition(':')[0]} cannot be imported"
        if document["where"] == "import"
        else f"set_up of {entry} failed"
    )
    frames = "".join(f"\n    {place}" for place in failure["frames"])
    return f"activity.entry {entry}: {what}: {failure['type']}: {failure['message']}{frames}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
