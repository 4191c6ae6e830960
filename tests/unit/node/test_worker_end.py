"""What the end of a worker means, and what it says of a failure."""

import pytest
from wordings import Wording, names

from hyperscale.node.working import wire
from hyperscale.node.working.worker_end import broken_message, end_failure, failed_answer, frames_of_crash


@pytest.mark.parametrize(
    ("code", "kind", "type_", "part"),
    [
        (3, "exited", "WorkerExited", 3),
        (-9, "killed", "SIGKILL", "SIGKILL"),
        (-11, "killed", "SIGSEGV", "SIGSEGV"),
        (-40, "killed", "signal 40", "signal 40"),
        (wire.LOST_PIPE_CODE, "exited", "PipeLost", "descriptors"),
    ],
)
def test_the_code_of_a_process_says_how_it_ended(code, kind, type_, part, wording: Wording):
    failure = end_failure(code, "last words")

    assert (failure.kind, failure.type, failure.last_output) == (kind, type_, "last words")
    names(failure.message, part)
    wording(failure.message)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", '{"failure":{}}', '{"failure":{"frames":1},"seconds":1,"started_at":1}']
)
def test_what_no_worker_says_stops_no_consumer(text):
    assert failed_answer(text)[0].type == "PipeLost"
    assert "activity.entry sweep:fit: " in broken_message(text, "activity.entry sweep:fit")


def test_the_frames_of_a_crash_are_those_of_the_activity_innermost_last(tmp_path):
    (tmp_path / "sweep.py").write_text("def fit(row):\n    crash()\n")
    dump = (
        "Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f00 (most recent call first):\n"
        '  File "/usr/lib/python3/ctypes/__init__.py", line 519 in string_at\n'
        f'  File "{tmp_path}/sweep.py", line 2 in fit\n'
        '  File "<frozen runpy>", line 88 in _run_code\n\nExtension modules: numpy (total: 1)\n'
    )

    assert frames_of_crash(dump, tmp_path) == ("sweep.py:2 fit: crash()",)
