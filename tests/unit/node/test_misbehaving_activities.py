"""Whatever an activity does: the guilty row fails alone, with its reason, and all others are whole."""

import os
import sys
import time
from pathlib import Path

import pytest
from consumer_site import failed, succeeded

ROWS = 24
GUILTY = 5
OTHERS = [row for row in range(ROWS) if row != GUILTY]


def run_with(site, deed, **options):
    """Run rows of which one does `deed`, the lines of a function; the others return their process id."""
    site.seed(ROWS)
    lines = "".join(f"    {line}\n" for line in deed.splitlines())
    source = (
        "import ctypes, json, os, resource, signal, subprocess, sys, threading, time\n"
        f"def do(context):\n{lines}    return 'done'\n"
        f"def fit(row, context):\n    return do(context) if row['id'] == 'k{GUILTY}' else os.getpid()\n"
    )
    broken = site.run(source, **{"max_attempts": 1, "timeout_seconds": 10.0, **options})
    assert broken is None


def failure_of_guilty(site):
    outcomes = site.outcomes()
    assert failed(outcomes) == [GUILTY]
    assert succeeded(outcomes) == OTHERS
    return outcomes[GUILTY][0]["failure"]


def processes():
    """Return the command lines of all processes that are not over."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (line := (entry / "cmdline").read_bytes()):
                found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


# ---- the row that does it is charged


@pytest.mark.parametrize(
    ("deed", "type_", "message"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("sys.exit('enough')", "SystemExit", "the activity called exit('enough')"),
        ("raise MemoryError", "MemoryError", ""),
        ("def deep(): return deep()\ndeep()", "RecursionError", "maximum recursion depth exceeded"),
        ("class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd", "Odd",
         "(its message raises SystemExit)"),
        ("class Odd(Exception):\n    def __str__(self): return 'half \\ud800'\nraise Odd", "Odd", "half ?"),
        *([("raise BaseExceptionGroup('two', [KeyboardInterrupt(), ValueError()])", "BaseExceptionGroup",
            "two (2 sub-exceptions)")] if sys.version_info >= (3, 11) else []),
        ("yield_ = (1 // 0 for _ in [0])\nreturn yield_", "ZeroDivisionError", "integer division or modulo by zero"),
        ("def stop():\n    yield 1\n    raise KeyboardInterrupt\nreturn {'a': stop()}", "KeyboardInterrupt", ""),
        ("class Bad:\n    def __fspath__(self): raise OSError('no')\nos.PathLike.register(Bad)\nreturn Bad()",
         "OSError", "no"),
        ("import shutil\nshutil.rmtree(context.outputs)\nraise ValueError('gone')", "ValueError", "gone"),
    ],
)  # fmt: skip
def test_whatever_it_raises_has_its_name_and_the_users_frames(site, deed, type_, message):
    run_with(site, deed, workers=1)

    failure = failure_of_guilty(site)
    assert (failure["kind"], failure["type"]) == ("raised", type_)
    assert message in failure["message"]
    assert failure["frames"][-1].startswith("activity_of_test.py:")
    assert len({line["result"] for row in OTHERS for line in site.outcomes()[row]}) == 1


@pytest.mark.parametrize(
    ("deed", "kind", "type_"),
    [
        ("ctypes.string_at(0)", "killed", "SIGSEGV"),
        ("os.abort()", "killed", "SIGABRT"),
        ("time.sleep(60)", "timeout", "TimeoutError"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
         "while True: pass", "timeout", "TimeoutError"),
        ("ctypes.PyDLL(None).sleep(60)  # which keeps the interpreter's lock", "timeout", "TimeoutError"),
    ],
)  # fmt: skip
def test_a_crash_and_a_hang_say_where_they_happened(site, deed, kind, type_):
    run_with(site, deed, timeout_seconds=1.0)

    failure = failure_of_guilty(site)
    assert (failure["kind"], failure["type"]) == (kind, type_)
    assert " fit: " in failure["frames"][0]
    assert failure["frames"][1].startswith("activity_of_test.py:")
    assert failure["frames"][1].endswith(f" do: {deed.splitlines()[-1]}")


@pytest.mark.parametrize(
    ("deed", "kind", "type_", "code", "signal"),
    [
        ("os._exit(0)", "exited", "WorkerExited", 0, None),
        ("threading.Thread(target=os._exit, args=[9]).start()\ntime.sleep(60)", "exited", "WorkerExited", 9, None),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed", "SIGKILL", None, 9),
        ("signal.alarm(1)\ntime.sleep(60)", "killed", "SIGALRM", None, 14),
        ("os.closerange(0, 1000)\nreturn 1", "exited", "PipeLost", None, None),
        ("for number in range(3, 30):\n    try: os.write(number, b'S{}\\n')\n    except OSError: pass", "exited",
         "PipeLost", None, None),
        ("import builtins\nbuiltins.len = builtins.isinstance = None", "exited", "WorkerExited", 1, None),
    ],
)  # fmt: skip
def test_whatever_ends_its_worker_is_named(site, deed, kind, type_, code, signal):
    run_with(site, f"print('last words')\n{deed}")

    failure = failure_of_guilty(site)
    assert (failure["kind"], failure["type"]) == (kind, type_)
    assert (failure["exit_code"], failure["signal"]) == (code, signal)
    assert "os.write" in deed or failure["last_output"].startswith("last words\n")


def test_memory_beyond_a_limit_fails_the_row(site):
    run_with(site, "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\nreturn len(bytearray(2**31))", workers=1)

    assert failure_of_guilty(site)["type"] == "MemoryError"


def test_a_full_disk_fails_the_row_and_its_worker_makes_room_for_one_with_an_empty_scratch_folder(site):
    run_with(
        site,
        "(context.scratch / 'big').write_bytes(bytes(1000))\n"
        "with open('/dev/full', 'w') as file: file.write('x')",
        workers=1,
    )  # fmt: skip

    failure = failure_of_guilty(site)
    outcomes = site.outcomes()
    assert (failure["type"], failure["message"]) == ("OSError", "[Errno 28] No space left on device")
    assert len({outcomes[row][0]["result"] for row in OTHERS}) == 2
    until_gone(site.folder.glob("scratch/**/big"))


def until_gone(found):
    deadline = time.monotonic() + 20
    while any(path.exists() for path in found):
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---- no row feels what the one before did


SPOILT = {
    "working folder": "os.chdir('/')",
    "removed working folder": "os.makedirs('gone'); os.chdir('gone'); os.rmdir('../gone')",
    "umask": "os.umask(0o777)",
    "alarm": "signal.setitimer(signal.ITIMER_REAL, 0.3)",
    "standard descriptors": "for number in (0, 1, 2): os.close(number)",
    "streams": "sys.stdin.close(); sys.stdout.close(); sys.stderr.close()",
    "detached streams": "sys.stdin.detach(); sys.stdout.detach(); sys.stderr.detach()",
    "streams of its own, closed": "sys.stdout = sys.stderr = open(os.devnull, 'w'); sys.stdout.close()",
    "half a line": "print('half', end='')",
    "SIGTERM": "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(os.getpid(), signal.SIGTERM)",
    "json": "json.dumps = json.loads = json.JSONEncoder.encode = json.JSONDecoder.decode = None",
    "time": "time.time = time.perf_counter = time.monotonic = lambda: -1",
    "os": "os.write = os.read = os.getpid = os.lseek = os._exit = os.umask = os.fchdir = None",
    "a thread that raises": "threading.Thread(target=lambda: 1 // 0).start()",
    "a thread that stays": "threading.Thread(target=time.sleep, args=[60]).start()",
    "a child that returns": "os.fork()",
    "a child that raises": "if not os.fork(): raise ValueError('child')",
    "a child that stays": "subprocess.Popen(['sleep', '60'])",
    "many files": "kept.extend(os.open('/dev/null', 0) for _ in range(100))",
    "recursion limit": "sys.setrecursionlimit(150)",
}


@pytest.mark.parametrize("name", SPOILT)
def test_the_next_row_finds_the_process_in_order(site, name):
    site.seed(12)
    source = (
        "import json, os, signal, subprocess, sys, threading, time\n"
        "kept, getpid = [], os.getpid\n"
        "def fit(row, context):\n"
        f"    if row['id'] == 'k4':\n        {SPOILT[name]}\n        return 1\n"
        "    time.sleep(0.05)\n"
        "    print('out', flush=True); sys.stderr.write('err')\n"
        "    assert sys.stdin.read() == ''\n"
        "    with open(context.scratch / 'file', 'w') as file: file.write('x')\n"
        "    mode = (context.scratch / 'file').stat().st_mode & 0o777\n"
        "    (context.scratch / 'file').unlink()\n"
        "    return [os.getcwd(), mode, getpid()]"
    )

    broken = site.run(source, workers=1, timeout_seconds=10.0, max_attempts=1)

    results = [lines[0].get("result") for row, lines in sorted(site.outcomes().items()) if row != 4]
    assert broken is None
    assert succeeded(site.outcomes()) == list(range(12)), site.outcomes()
    mask = os.umask(0o22)
    os.umask(mask)
    assert {tuple(result) for result in results} == {(str(site.activity), 0o666 & ~mask, results[0][2])}


TAKEN_OVER = (
    "sys.stdout = io.TextIOWrapper(sys.stdout.buffer)",
    "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')",
    "sys.stdout, sys.stderr = (io.TextIOWrapper(stream.detach()) for stream in (sys.stdout, sys.stderr))",
    "sys.stdout = open(1, 'w', closefd=False)",
    "sys.stdout = type('Tee', (), {'write': sys.stdout.write, 'flush': sys.stdout.flush})()",
    "os.close(1); os.dup2(2, 1)",
    "sys.stdout = io.TextIOWrapper(sys.stderr.detach())",
)


@pytest.mark.parametrize("when", ["import", "set_up", "row"])
def test_what_is_printed_after_standard_output_was_taken_over_is_the_rows(site, when):
    rows = len(TAKEN_OVER)
    site.seed(rows)
    deeds = "\n".join(f"    if row == 'k{number}': {deed}" for number, deed in enumerate(TAKEN_OVER))
    source = (
        f"import io, os, sys\ndef do(row):\n{deeds}\n"
        f"if {when == 'import'}: do('k0')\n"
        "class fit:\n"
        f"    def set_up(self):\n        if {when == 'set_up'}: do('k1')\n"
        "    def run(self, row, context):\n"
        f"        if {when == 'row'}: do(row['id'])\n"
        "        print('text of', row['id'])\n"
        "        context.logger.info('log of %s', row['id'])\n"
        "        return os.getpid()\n"
    )

    broken = site.run(source, workers=1, logs="all", max_attempts=1)

    outcomes = site.outcomes()
    printed = {record["row_index"]: sorted(record["output"].splitlines()) for record in site.logs()}
    assert broken is None
    assert succeeded(outcomes) == list(range(rows)), outcomes
    assert len({lines[0]["result"] for lines in outcomes.values()}) == 1
    assert printed == {row: [f"INFO activity: log of k{row}", f"text of k{row}"] for row in range(rows)}


@pytest.mark.parametrize(
    "at_import",
    [
        "sys.stdin.detach(); sys.stdout.detach(); sys.stderr.detach(); faulthandler.disable()",
        "sys.stdin.close(); sys.stdout.close(); sys.stderr.close(); os.close(0); os.close(1); os.close(2)",
        "del sys.stdin, sys.stdout, sys.stderr",
    ],
)
def test_a_module_without_standard_streams_is_an_activity_like_others(site, at_import):
    site.seed(4)
    source = (
        f"import faulthandler, os, sys\n{at_import}\n"
        "class fit:\n"
        "    def run(self, row):\n"
        "        if row['id'] == 'k0': sys.stdin = sys.stdout = sys.stderr = object()\n"
        "        if row['id'] == 'k1': sys.stdout = sys.stderr = open(os.devnull, 'w')\n"
        "        if row['id'] == 'k2': sys.stdin = sys.stdout = sys.stderr = None\n"
        "        return os.getpid()\n"
        "    def tear_down(self): raise ValueError('nothing depends on it')\n"
    )

    broken = site.run(source, workers=1, max_attempts=1)

    assert broken is None
    assert succeeded(site.outcomes()) == [0, 1, 2, 3]
    assert len({lines[0]["result"] for lines in site.outcomes().values()}) == 1


def test_the_working_folder_that_set_up_chose_is_the_one_that_each_row_finds(site):
    site.seed(6)
    source = (
        "import os\n"
        "class fit:\n"
        "    def set_up(self, context): os.chdir(context.mounts['model'])\n"
        "    def run(self, row):\n"
        "        try: return os.getcwd()\n"
        "        finally: os.chdir('/')\n"
    )

    site.run(source, workers=1)

    assert {lines[0]["result"] for lines in site.outcomes().values()} == {str(site.folder)}


def test_a_worker_whose_row_removed_the_working_folder_goes_on(site):
    site.seed(6)
    source = (
        "import os, shutil\n"
        "class fit:\n"
        "    def set_up(self, context):\n"
        "        (context.scratch / 'here').mkdir(); os.chdir(context.scratch / 'here')\n"
        "    def run(self, row, context):\n"
        "        shutil.rmtree(context.scratch / 'here', ignore_errors=True)\n"
        "        return 1\n"
    )

    site.run(source, workers=1)

    assert succeeded(site.outcomes()) == list(range(6))


# ---- no process stays


@pytest.mark.parametrize("ending", ["return 1", "time.sleep(60)"])
def test_what_a_row_started_ends_with_its_worker(site, ending):
    mark = f"4{os.getpid()}.25"
    sessions = "(False, True)" if ending != "return 1" else "(False,)"

    run_with(
        site,
        f"for new in {sessions}: subprocess.Popen(['sleep', '{mark}'], start_new_session=new)\n"
        f"subprocess.Popen(['sleep', '{mark}'], preexec_fn=os.setpgrp)\n{ending}",
        timeout_seconds=1.0,
    )

    deadline = time.monotonic() + 20
    while left := {pid for pid, line in processes().items() if mark in line}:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


# ---- results


def test_a_result_that_is_too_large_fails_its_row(site):
    run_with(site, "return {'text': 'x' * 50_000_000}")

    failure = failure_of_guilty(site)
    assert failure["kind"] == "result"
    assert "50,000,011 bytes" in failure["message"]


def test_a_generator_without_end_fails_its_row(site):
    run_with(site, "import itertools\nreturn (number for number in itertools.count())")

    assert "more than 524,288 elements" in failure_of_guilty(site)["message"]


def test_rows_may_have_other_columns_than_their_neighbours_and_may_yield(site):
    site.seed(3)

    site.run("def fit(row):\n    yield {row['id']: 1}\n    yield {'other': 2}")

    assert [lines[0]["result"] for _, lines in sorted(site.outcomes().items())] == [
        [{f"k{row}": 1}, {"other": 2}] for row in range(3)
    ]
