"""What the end of a worker, or its failure to start, means: in a failure for its row, or in words for people."""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
from pathlib import Path

from hyperscale.failures import Failure
from hyperscale.node.working import wire
from hyperscale.node.working.exceptions import user_frames

_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')


def timed_out_failure(timeout_seconds: float, last_output: str | None) -> Failure:
    """Return why a row failed whose call overran its time."""
    message = f"the call took longer than activity.timeout_seconds, {timeout_seconds:.15g} s"
    return Failure("timeout", "TimeoutError", message, last_output=last_output)


def end_failure(code: int, last_output: str | None) -> Failure:
    """Return why a row failed whose worker ended with `code` (negative: by that signal)."""
    if code == wire.LOST_PIPE_CODE:
        return garbled_failure(last_output)
    if code >= 0:
        message = f"the worker exited with code {code}"
        return Failure("exited", "WorkerExited", message, exit_code=code, last_output=last_output)
    name = _signal_name(-code)
    advice = " (out of memory?)" if -code == signal.SIGKILL else ""
    message = f"the worker was killed by {name}{advice}"
    return Failure("killed", name, message, signal=-code, last_output=last_output)


def garbled_failure(last_output: str | None) -> Failure:
    """Return why a row failed that closed the worker's own pipe, or wrote into it."""
    message = "the activity closed descriptors of the worker (numbers above 2 that it did not open), or wrote into them"
    return Failure("exited", "PipeLost", message, last_output=last_output)


def failed_answer(text: str) -> tuple[Failure, float, float]:
    """Return failure, seconds and Unix time of the beginning from what a worker says of an attempt that failed."""
    try:
        said = json.loads(text)
        failure = Failure(**{**said["failure"], "frames": tuple(said["failure"]["frames"])})
        return failure, float(said["seconds"]), float(said["started_at"])
    except (ValueError, TypeError, KeyError, RecursionError):  # somebody else wrote into the pipe
        return garbled_failure(None), 0.0, 0.0


def frames_of_crash(text: str, folder: Path) -> tuple[str, ...]:
    """Return the user's own frames, innermost last, from what faulthandler wrote about the thread that was running."""
    found = [_FRAME.match(line) for line in text.splitlines()]
    places = [(frame[1], int(frame[2]), frame[3]) for frame in found if frame]
    return user_frames(places[::-1], folder)


def broken_message(text: str, named: str) -> str:
    """Return what a worker that could not start says, for people: the module first.

    Args:
        text: what it sent.
        named: what its activity is called, such as `activity.entry sweep:fit`.
    """
    subject = named.rpartition(" ")[2]
    module = subject.partition(":")[0]
    try:
        document = json.loads(text)
        failure = document["failure"]
        what = f"{module} cannot be imported" if document["where"] == "import" else f"set_up of {subject} failed"
        frames = "".join(f"\n    {place}" for place in failure["frames"])
        return f"{named}: {what}: {failure['type']}: {failure['message']}{frames}"
    except (ValueError, TypeError, KeyError, RecursionError):  # somebody else wrote into the pipe
        return f"{named}: {garbled_failure(None).message}"


def worker_memory_mb() -> float:
    """Return the most that one of our workers that have ended, or a process that one waited for, had in memory.

    It is no less than what this process has itself: the system counts a child from before it runs a program of its own.
    """
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit_bytes / 1e6, 1)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
