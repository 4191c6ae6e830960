"""What rows print: whose it is, how much of it is kept, and where it goes."""

import os
import subprocess

import pytest
from consumer_site import Site
from wordings import names

from hyperscale.node.working.printed import KEPT_BYTES, excerpt, give_back_middle, open_printed


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.queue.close()
    site.store.close()


@pytest.fixture
def file(tmp_path):
    descriptor = open_printed(tmp_path / "printed")
    yield descriptor
    os.close(descriptor)


def test_little_is_kept_whole(file):
    os.write(file, b"one\xff\xc3\ntwo\0")

    assert excerpt(file) == "one\ufffd\ufffd\ntwo"
    assert excerpt(file, start=6) == "two"


def test_of_much_the_head_and_the_tail_are_kept(file):
    os.write(file, b"first" + b"x" * 100_000 + b"last")

    text = excerpt(file)

    assert text.startswith("first")
    assert text.endswith("last")
    names(text, "67,241 bytes")
    assert len(text) < 2 * KEPT_BYTES + 100


def test_a_file_that_grows_without_end_gives_back_its_middle(file):
    given_back = 0
    for _ in range(40):
        os.write(file, b"x" * 1_000_000)
        given_back = give_back_middle(file, given_back)
    os.write(file, b"last")

    found = os.fstat(file)
    assert found.st_size == 40_000_004
    assert found.st_blocks * 512 < 12_000_000
    assert excerpt(file).startswith("xxx")
    assert excerpt(file).endswith("xlast")


def test_a_file_that_was_cut_meanwhile_is_measured_anew(file):
    assert give_back_middle(file, given_back=30_000_000) == 0


PRINTING = (
    "import ctypes, os, subprocess, sys\n"
    "library = ctypes.CDLL(None)\n"
    "def fit(row, context):\n"
    "    name = row['id']\n"
    "    print(name, 'print', end=' '); sys.stderr.write(name + ' stderr '); sys.stdout.flush()\n"
    "    os.write(1, f'{name} descriptor '.encode())\n"
    "    subprocess.run(['echo', name, 'program'])\n"
    "    library.printf(f'{name} library\\n'.encode())\n"
    "    context.logger.warning('%s logger', name)\n"
    "    print(name, 'unflushed', end='')\n"
    "    if context.row_index % 5 == 3: raise ValueError(name)\n"
    "    return 1"
)
KINDS = ("print", "stderr", "descriptor", "program", "library", "logger", "unflushed")


def test_each_failed_attempt_keeps_what_it_printed_and_nothing_of_its_neighbours(site):
    site.seed(20)

    site.run(PRINTING, max_attempts=2)

    logs = sorted(site.logs(), key=lambda record: (record["row_index"], record["attempt"]))
    assert [(record["row_index"], record["attempt"]) for record in logs] == [
        (row, attempt) for row in (3, 8, 13, 18) for attempt in (1, 2)
    ]
    for record in logs:
        name = f"k{record['row_index']}"
        assert all(f"{name} {kind}" in record["output"] for kind in KINDS), record["output"]
        assert record["output"].count(name) == len(KINDS)
        assert record["output"].count("k") == len(KINDS)
        assert record["worker"] in (0, 1)
    assert site.outcome(8)["failure"]["last_output"] == next(r["output"] for r in logs if r["row_index"] == 8)


def test_each_failed_attempt_is_written_down_with_its_time_and_its_reason_though_it_printed_nothing(site):
    site.seed(3)

    site.run(
        "def fit(row, context):\n"
        "    if context.row_index == 1: raise ValueError(f'attempt {context.attempt}')\n"
        "    if context.row_index == 2 and context.attempt == 1: import os; os._exit(3)",
        max_attempts=2,
    )

    found = {(record["row_index"], record["attempt"]): record for record in site.failed_attempts()}
    assert {name: record["failure"]["message"] for name, record in found.items()} == {
        (1, 1): "attempt 1",
        (1, 2): "attempt 2",
        (2, 1): "the worker exited with code 3",
    }
    first, last = found[1, 1], found[1, 2]
    assert first["failure"]["frames"][0].startswith("activity_of_test.py:")
    assert last["started_at"] == site.outcome(1)["started_at"] >= first["started_at"]
    assert last["seconds"] == site.outcome(1)["seconds"]


def test_all_rows_keep_what_they_printed_if_that_is_asked_for(site):
    site.seed(20)

    site.run(PRINTING, max_attempts=1, logs="all")

    logs = {record["row_index"]: record["output"] for record in site.logs()}
    assert sorted(logs) == list(range(20))
    assert all(output.count("k") == output.count(f"k{row}") == len(KINDS) for row, output in logs.items())


def test_none_is_kept_if_that_is_asked_for_but_a_failure_has_its_last_output(site):
    site.seed(5)

    site.run(PRINTING, max_attempts=1, logs="none")

    assert site.logs() == site.failed_attempts() == []
    assert "k3 library" in site.outcome(3)["failure"]["last_output"]


@pytest.mark.parametrize(
    "ending",
    ["os._exit(3)", "ctypes.string_at(0)", "time.sleep(60)", "ctypes.PyDLL(None).sleep(60)", "os.kill(os.getpid(), 9)"],
)
def test_a_row_that_ends_its_worker_keeps_what_it_printed(site, ending):
    site.seed(10)
    source = (
        f"import ctypes, os, time\ndef fit(row):\n    print('begun', row['id'])\n    if row['id'] == 'k4': {ending}\n"
    )

    site.run(source, timeout_seconds=0.5, max_attempts=1)

    (record,) = site.logs()
    assert (record["row_index"], record["attempt"], record["output"]) == (4, 1, "begun k4\n")
    assert site.outcome(4)["failure"]["last_output"] == "begun k4\n"


def test_what_set_up_prints_is_no_rows(site):
    site.seed(2)
    source = (
        "print('import')\n"
        "class fit:\n"
        "    def set_up(self, context): print('set_up')\n"
        "    def run(self, row): print('run'); raise ValueError"
    )

    site.run(source, max_attempts=1)

    assert {record["output"] for record in site.logs()} == {"run\n"}


def test_a_call_of_several_rows_has_one_record(site):
    site.seed(6)

    site.run("def fit(rows):\n    print(len(rows))\n    return [1] * len(rows)", rows_per_call=3, logs="all")

    assert sorted((record["row_index"], record["row_indices"]) for record in site.logs()) == [
        (0, [0, 1, 2]),
        (3, [3, 4, 5]),
    ]


@pytest.mark.parametrize("what", ["b'x' * 1_000_000", "os.urandom(1_000_000)", "'\u00e9'.encode()[:1] * 1_000_000"])
def test_a_row_that_prints_100_mb_leaves_little_behind(site, what):
    site.seed(4)
    source = (
        "import os\n"
        "def fit(row):\n"
        "    for _ in range(100 if row['id'] == 'k1' else 0): os.write(1, " + what + ")\n"
        "    return len(open('/proc/self/fd/1', 'rb').read(10))"
    )

    site.run(source, workers=1, logs="all")

    (record,) = site.logs()
    assert succeeded_results(site) == [0, 10, 0, 0]
    assert record["row_index"] == 1
    names(record["output"], "99,967,232 bytes")
    used = subprocess.run(["du", "-sk", site.folder / "scratch"], capture_output=True, text=True, check=True).stdout
    assert int(used.split()[0]) < 1_000


def succeeded_results(site):
    return [lines[0]["result"] for _, lines in sorted(site.outcomes().items())]
