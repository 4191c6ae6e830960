"""`map_rows`: what becomes of rows, how far it reads ahead, and that nothing of it is left."""

from __future__ import annotations

import copy
import math
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from descriptors import open_descriptors
from wordings import Wording, names

from hyperscale import Context, NodeRunner, Outcomes, map_rows
from hyperscale.control.mapping import parcels
from hyperscale.errors import HyperscaleError, IncompleteRunError

ROWS_AHEAD = 8


class Numbers:
    """Counts how many numbers were asked for, out of very many."""

    def __init__(self, count: int = 1_000_000) -> None:
        self.asked = 0
        self._count = count

    def __iter__(self) -> Iterator[int]:
        while self.asked < self._count:
            self.asked += 1
            yield self.asked - 1


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def test_each_row_has_an_outcome_and_outcomes_come_as_rows_are_done(tmp_path: Path):
    gate = tmp_path / "gate"

    def wait_for_others(row: int) -> int:
        while row == 0 and not gate.exists():
            time.sleep(0.01)
        return row * 10

    given = []
    for outcome in map_rows(wait_for_others, iter(range(4)), workers=2):
        given.append(outcome)
        if len(given) == 3:
            gate.touch()

    assert given[-1].row_index == 0
    assert sorted((outcome.row_index, outcome.row, outcome.result) for outcome in given) == [
        (row, row, row * 10) for row in range(4)
    ]
    assert {(outcome.succeeded, outcome.attempts, outcome.failure) for outcome in given} == {(True, 1, None)}


def test_ordered_outcomes_keep_the_order_of_the_rows_and_hold_only_so_many_back(tmp_path: Path):
    gate, numbers, asked = tmp_path / "gate", Numbers(30), tmp_path / "last"

    def wait_for_last(row: int) -> int:
        if row == ROWS_AHEAD - 1:
            asked.touch()
        while row == 0 and not gate.exists() and not asked.exists():
            time.sleep(0.01)
        return row

    with map_rows(wait_for_last, numbers, workers=2, ordered=True, rows_ahead=ROWS_AHEAD) as outcomes:
        first = next(outcomes)
        taken = numbers.asked
        rest = [outcome.result for outcome in outcomes]

    assert first.result == 0
    assert taken == ROWS_AHEAD
    assert rest == list(range(1, 30))


def test_a_row_that_goes_wrong_fails_alone_and_says_why():
    def misbehave(row: str, context: Context) -> Any:
        if row == "raises":
            sys.stdout.write("so far\n")
            raise ValueError("not a number: x")
        if row == "exits":
            sys.exit(3)
        if row == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if row == "hangs":
            time.sleep(600)
        if row == "keeps files":
            (context.outputs / "picture.png").touch()
        return threading.Lock() if row == "is not to be pickled" else row

    rows = ["raises", "exits", "dies", "hangs", "is not to be pickled", "keeps files", "is fine", "is fine, too"]
    with map_rows(misbehave, rows, workers=2, timeout_seconds=1, ordered=True) as outcomes:
        given = {outcome.row: outcome for outcome in outcomes}

    failures = {row: (outcome.failure.kind, outcome.failure.type) for row, outcome in given.items() if outcome.failure}
    assert failures == {
        "raises": ("raised", "ValueError"),
        "exits": ("raised", "SystemExit"),
        "dies": ("killed", "SIGKILL"),
        "hangs": ("timeout", "TimeoutError"),
        "is not to be pickled": ("result", "ResultError"),
        "keeps files": ("result", "ResultError"),
    }
    assert [given[row].result for row in rows[-2:]] == rows[-2:]
    assert (outcomes.succeeded, outcomes.failed, outcomes.rows_taken) == (2, 6, 8)
    assert given["raises"].printed == "so far\n"
    with pytest.raises(IncompleteRunError) as refused:
        _ = given["raises"].result
    names(refused, "row 0", "ValueError: not a number: x")


def deeper(row: int) -> int:
    return 1 % row  # here it happens


def test_a_failure_shows_the_lines_of_code_though_the_function_travelled_by_value():
    def outer(row: int) -> int:
        return deeper(row) + next(inner(row) for _ in range(1))

    def inner(row: int) -> int:
        return [1, 2][row]

    class Runner(NodeRunner):
        def run(self, row: int) -> int:
            return outer(row)

    def frames(function: Any, row: int) -> list[str]:
        (outcome,) = map_rows(function, [row], workers=1)
        assert outcome.failure is not None
        return [frame.rpartition("/")[2].partition(":")[2].partition(" ")[2] for frame in outcome.failure.frames]

    assert frames(Runner, 7)[:2] == [
        "run: return outer(row)",
        "outer: return deeper(row) + next(inner(row) for _ in range(1))",
    ]
    assert frames(outer, 7)[-1] == "inner: return [1, 2][row]"
    assert frames(outer, 0)[-1] == "deeper: return 1 % row  # here it happens"


def test_a_row_is_tried_again_and_finds_its_checkpoint():
    def third_time_lucky(row: str, context: Context) -> list[Any]:
        before = context.last_checkpoint or []
        context.checkpoint([*before, context.attempt])
        if context.attempt < 3:
            raise OSError("not yet")
        return before

    (outcome,) = map_rows(third_time_lucky, ["row"], workers=1, max_attempts=3, retry_delay_seconds=0.01)

    assert (outcome.result, outcome.attempts) == ([1, 2], 3)


def test_a_node_runner_is_set_up_once_in_each_worker_and_tears_down(tmp_path: Path):
    class Doubling(NodeRunner):
        def set_up(self, context: Context) -> None:
            self.factor = context.arguments["factor"]
            self.pid = os.getpid()
            Path(context.arguments["folder"], f"up-{self.pid}").touch(exist_ok=False)

        def run(self, row: int) -> tuple[int, int]:
            return row * self.factor, self.pid

        def tear_down(self) -> None:
            (tmp_path / f"down-{self.pid}").touch()

    arguments = {"factor": 2, "folder": str(tmp_path)}
    outcomes = list(map_rows(Doubling, range(20), workers=1, ordered=True, arguments=arguments))

    assert [outcome.result[0] for outcome in outcomes] == list(range(0, 40, 2))
    up = {path.name.removeprefix("up-") for path in tmp_path.glob("up-*")}
    down = {path.name.removeprefix("down-") for path in tmp_path.glob("down-*")}
    assert len(up) == 1
    assert up == down


def test_a_call_may_have_several_rows_and_one_of_them_may_fail():
    def add_up(rows: list[int]) -> list[Any]:
        return [ValueError("five") if row == 5 else (row, len(rows)) for row in rows]

    outcomes = list(map_rows(add_up, iter(range(10)), workers=1, ordered=True, rows_per_call=4))

    assert [outcome.result[1] for outcome in outcomes if outcome.succeeded] == [4] * 7 + [2] * 2
    assert [outcome.row for outcome in outcomes if not outcome.succeeded] == [5]


def test_rows_that_wait_for_a_full_call_are_waited_for_at_rest(monkeypatch: pytest.MonkeyPatch):
    waits: list[float | None] = []
    select = selectors.DefaultSelector.select

    def noted_select(self: selectors.BaseSelector, timeout: float | None = None) -> Any:
        if threading.current_thread().name == "map_rows":
            waits.append(timeout)
        return select(self, timeout)  # type: ignore[arg-type]

    def slow_rows() -> Iterator[int]:
        yield from range(3)
        before = len(waits)
        wait_until(lambda: len(waits) > before + 5)
        during.extend(waits[before + 1 :])
        yield from range(3, 10)

    during: list[float | None] = []
    monkeypatch.setattr(selectors.DefaultSelector, "select", noted_select)

    results = [one.result for one in map_rows(lambda rows: rows, slow_rows(), workers=1, ordered=True, rows_per_call=4)]

    assert 0.0 not in during
    assert results == list(range(10))


def test_an_async_function_is_waited_for():
    async def double(row: int) -> int:
        import asyncio

        await asyncio.sleep(0)
        return row * 2

    assert sorted(outcome.result for outcome in map_rows(double, [1, 2], workers=1)) == [2, 4]


def test_a_second_parameter_with_a_default_keeps_it_unless_it_is_the_context():
    def tried(row: int, context: Context | None = None) -> int:
        return 0 if context is None else context.attempt

    functions: list[Callable[..., Any]] = [lambda row, factor=3: row * factor, round, int, tried]
    results = [[outcome.result for outcome in map_rows(function, [1.5], workers=1)] for function in functions]

    assert results == [[4.5], [2], [1], [1]]


def test_rows_are_asked_for_as_outcomes_are():
    numbers = Numbers()

    outcomes = map_rows(math.sqrt, numbers, workers=2, rows_ahead=ROWS_AHEAD)
    before = numbers.asked
    ahead = []
    for _ in range(50):
        next(outcomes)
        ahead.append(numbers.asked - outcomes.succeeded)
    outcomes.close()

    assert before == 0
    assert max(ahead) <= ROWS_AHEAD
    assert numbers.asked < 50 + ROWS_AHEAD
    assert next(outcomes, None) is None
    assert numbers.asked == outcomes.rows_taken


def test_rows_that_depend_on_outcomes_are_asked_for_in_the_thread_that_takes_them():
    threads, seen = set(), []

    def next_rows() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.get_ident())
            yield number + len(seen)

    for outcome in map_rows(math.sqrt, next_rows(), workers=1, rows_ahead=1):
        seen.append(outcome.row)

    assert threads == {threading.get_ident()}
    assert seen == list(range(0, 40, 2))


def where_it_works(row: int, context: Context) -> tuple[int, str]:
    return os.getpid(), str(context.scratch.parent.parent)


def close(outcomes: Outcomes[int, tuple[int, str]]) -> None:
    outcomes.close()


def leave_the_block(outcomes: Outcomes[int, tuple[int, str]]) -> None:
    with suppress(ZeroDivisionError), outcomes:
        raise ZeroDivisionError


def take_all(outcomes: Outcomes[int, tuple[int, str]]) -> None:
    assert len(list(outcomes)) == 99


@pytest.mark.parametrize("end", [close, leave_the_block, take_all])
def test_whatever_ends_it_ends_its_processes_and_removes_its_files(end: Callable[..., None]):
    before = open_descriptors()
    outcomes = map_rows(where_it_works, range(100), workers=2)
    pid, folder = next(outcomes).result
    assert is_alive(pid)

    end(outcomes)

    assert not is_alive(pid)
    assert not Path(folder).exists()
    assert "map_rows" not in {thread.name for thread in threading.enumerate()}
    assert open_descriptors() == before


def test_a_loop_that_is_left_and_rows_that_raise_leave_nothing_behind():
    def broken_rows() -> Iterator[int]:
        yield from range(10)
        while pids:
            pass
        raise RuntimeError("the source is broken")

    pids: list[int] = []
    for outcome in map_rows(where_it_works, range(100), workers=1):
        pids.append(outcome.result[0])
        break
    first = pids.pop()
    with pytest.raises(RuntimeError, match="the source is broken"):
        list(map_rows(where_it_works, broken_rows(), workers=1))

    assert not is_alive(first)
    assert "map_rows" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(("limit", "room"), [(resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, 15)])
def test_workers_that_cannot_start_leave_nothing_behind(
    limit: int, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, (soft, hard) = open_descriptors(), resource.getrlimit(limit)

    resource.setrlimit(limit, (len(before) + room if limit == resource.RLIMIT_NOFILE else room, hard))
    try:
        with pytest.raises(OSError, match=r"File too large|Too many open files") as raised:
            next(map_rows(where_it_works, range(100), workers=20))
    finally:
        resource.setrlimit(limit, (soft, hard))

    assert list(tmp_path.iterdir()) == []
    assert "map_rows" not in {thread.name for thread in threading.enumerate()}
    assert open_descriptors() == before
    assert raised.traceback, "which holds what was open: no garbage collection has closed it"


SCRIPT = """
import os, sys, time
from dataclasses import dataclass
from hyperscale import map_rows

@dataclass
class Place:
    pid: int
    folder: str

def find(row, context):
    if row == "hangs":
        time.sleep(600)
    return Place(os.getpid(), str(context.scratch.parent.parent))

try:
    for outcome in map_rows(find, ["works", "hangs", "hangs"], workers=2):
        assert type(outcome.result) is Place
        print(outcome.result.pid, outcome.result.folder, flush=True)
except KeyboardInterrupt:
    print("interrupted", os.path.exists(outcome.result.folder), flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that maps what it defines itself, and waits for a row that hangs."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    yield process
    process.kill()
    process.communicate()


def test_ctrl_c_ends_it_in_good_order(script: subprocess.Popen[str]):
    assert script.stdout is not None
    pid, folder = script.stdout.readline().split()

    script.send_signal(signal.SIGINT)
    said, _ = script.communicate(timeout=30)

    assert said == "interrupted False\n"
    assert script.returncode == 0
    assert not is_alive(int(pid))
    assert not Path(folder).exists()


def test_workers_end_with_a_process_that_is_killed(script: subprocess.Popen[str]):
    assert script.stdout is not None
    pid = int(script.stdout.readline().split()[0])

    script.kill()

    wait_until(lambda: not is_alive(pid))


def test_it_works_in_any_thread():
    results: list[float] = []
    thread = threading.Thread(
        target=lambda: results.extend(one.result for one in map_rows(math.sqrt, [4, 9], workers=1, ordered=True))
    )

    thread.start()
    thread.join()

    assert results == [2.0, 3.0]


def test_large_values_travel_as_files_that_do_not_stay():
    def double(row: bytes, context: Context) -> tuple[bytes, int]:
        return row * 2, len(list(context.scratch.parent.glob("*.pickle")))

    outcomes = list(map_rows(double, (bytes(1024 * 1024) for _ in range(5)), workers=1, rows_ahead=1))

    assert {len(outcome.result[0]) for outcome in outcomes} == {2 * 1024 * 1024}
    assert {outcome.result[1] for outcome in outcomes} == {2}, "the function and the row"


def test_the_function_works_where_its_caller_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "factors.py").write_text("FACTOR = 7\n")
    (tmp_path / "number.txt").write_text("6")
    monkeypatch.chdir(tmp_path)

    def multiply(row: str) -> int:
        import factors

        return int(Path(row).read_text()) * factors.FACTOR

    (outcome,) = map_rows(multiply, ["number.txt"], workers=1)

    assert outcome.result == 42


def test_modules_are_looked_for_in_the_order_of_its_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("second", "first"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "place_of_test.py").write_text(f"NAME = '{folder}'")
        monkeypatch.syspath_prepend(tmp_path / folder)

    def place(row: int) -> str:
        import place_of_test

        return str(place_of_test.NAME)

    (outcome,) = map_rows(place, [1], workers=1)

    assert outcome.result == "first"


def test_a_function_that_cannot_be_set_up_is_told_once():
    class Broken(NodeRunner):
        def set_up(self, context: Context) -> None:
            raise FileNotFoundError("model.bin")

    with pytest.raises(HyperscaleError, match=r"set_up of .*FileNotFoundError: model\.bin"):
        next(map_rows(Broken, [1], workers=1))


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"workers": 0}, ("workers", 0, 1)),
        ({"rows_per_call": "4"}, ("rows_per_call", "'4'")),
        ({"max_attempts": True}, ("max_attempts", True)),
        ({"rows_ahead": -1}, ("rows_ahead", -1)),
        ({"function": "math.sqrt"}, "'math.sqrt'"),
        ({"arguments": {"model": object()}}, "arguments"),
        ({"timeout_seconds": 0}, ("timeout_seconds", 0)),
        ({"retry_delay_seconds": math.nan}, ("retry_delay_seconds", "nan", 0)),
        ({"retry_delay_seconds": math.inf}, ("retry_delay_seconds", "inf")),
        ({"retry_delay_seconds": -1}, ("retry_delay_seconds", -1)),
        ({"retry_delay_seconds": "5"}, ("retry_delay_seconds", "'5'")),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_starts(
    options: dict[str, Any], parts: str | tuple[object, ...], wording: Wording
):
    values = {"function": math.sqrt, "rows": [4], **options}

    with pytest.raises(HyperscaleError) as refused:
        map_rows(**values)
    names(refused, parts)
    wording(refused)


def test_a_function_that_cannot_be_sent_is_refused_with_the_name_of_what_it_cannot_take_along(wording: Wording):
    lock, number = threading.Lock(), 2

    def hold(row: int) -> int:
        with lock:
            return row * number

    class Holding(NodeRunner):
        held = lock

        def run(self, row: int) -> int:
            return row

    with pytest.raises(HyperscaleError) as refused:
        map_rows(hold, [4])
    names(refused, "hold", "`lock`", "TypeError")
    wording(refused)
    with pytest.raises(HyperscaleError) as refused:
        map_rows(Holding, [4])
    names(refused, "Holding", "TypeError")


def test_without_cloudpickle_a_function_has_to_be_importable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)

    with pytest.raises(HyperscaleError, match="without cloudpickle") as raised:
        map_rows(lambda row: row, [4])

    assert raised.value.hint is not None
    names(raised, "pip install cloudpickle")
    assert [outcome.result for outcome in map_rows(math.sqrt, [4], workers=1)] == [2.0]


def test_without_cloudpickle_rows_and_results_may_speak_of_main(monkeypatch: pytest.MonkeyPatch):
    row = {"source": 'if __name__ == "__main__":\n    main()\n', "name": "__main__"}
    monkeypatch.setitem(sys.modules, "cloudpickle", None)

    (outcome,) = map_rows(copy.deepcopy, [row], workers=1)

    assert outcome.result == row


@dataclass
class Place:
    name: str


@pytest.mark.parametrize(
    "value",
    [Place("x"), [Place], {"deep": (1, Place("x"))}, math.sqrt, "__main__"],
    ids=["an instance", "a class", "an instance deep inside", "of a module", "a text"],
)
def test_what_is_defined_in_main_travels_by_value_and_nothing_else_does(value: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Place, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Place", Place, raising=False)

    data = parcels.to_bytes(value)

    assert (b"cloudpickle" in data) == ("Place" in repr(value))
