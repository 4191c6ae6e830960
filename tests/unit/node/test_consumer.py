"""A consumer with real workers, a real queue and a real store: what happens to each row."""

import json
from itertools import chain

import pytest
from consumer_site import failed, in_thread, succeeded, until
from wordings import names

from hyperscale import blobs
from hyperscale.body import Body
from hyperscale.node.control import read_cancel, write_cancel, write_resume


def test_each_row_ends_as_one_outcome_and_the_queue_is_empty(site):
    site.seed(35)

    broken = site.run("def fit(row, context): return {'key': context.key, 'at': context.row_index}")

    outcomes = site.outcomes()
    assert broken is None
    assert succeeded(outcomes) == list(range(35))
    assert outcomes[17][0]["result"] == {"key": "k17", "at": 17}
    assert site.queue.depth() == 0
    assert site.heartbeat()["state"] == "left"
    assert site.heartbeat()["rows_done"] == 35


def test_the_activity_sees_its_context(site):
    site.seed(1)

    site.run(
        "import os\n"
        "def fit(row, context):\n"
        "    return [context.run_id, context.arguments['base'], context.attempt, os.environ['COLOUR'],\n"
        "            context.mounts['model'].is_dir(), context.scratch.is_dir(), context.worker_index]",
        workers=1,
    )

    assert site.outcome(0)["result"] == ["run", 100, 1, "blue", True, True, 0]


def test_a_row_that_raises_fails_alone_after_its_attempts_with_the_users_frames(site):
    site.seed(20)

    site.run("def fit(row):\n    if row['id'] == 'k7':\n        raise KeyError('gone')\n    return 1", max_attempts=3)

    outcomes = site.outcomes()
    assert failed(outcomes) == [7]
    assert succeeded(outcomes) == [index for index in range(20) if index != 7]
    line = outcomes[7][0]
    assert line["attempts"] == 3
    assert line["failure"]["kind"] == "raised"
    assert line["failure"]["type"] == "KeyError"
    assert line["failure"]["message"] == "'gone'"
    assert line["failure"]["frames"] == ["activity_of_test.py:3 fit: raise KeyError('gone')"]


def test_heartbeats_count_the_rows_that_have_failed_for_good(site):
    site.seed(6)

    site.run(
        "def fit(row, context):\n"
        "    if row['id'] in ('k1', 'k4') or context.attempt == 1:\n"
        "        raise KeyError('gone')",
        max_attempts=2,
    )

    beat = site.heartbeat()
    assert failed(site.outcomes()) == [1, 4]
    assert (beat["rows_done"], beat["rows_failed"], beat["rows_held"]) == (6, 2, 0)


def test_a_row_that_fails_once_succeeds_at_its_second_attempt(site):
    site.seed(3)

    site.run("def fit(row, context):\n    assert context.attempt == 2\n    return context.attempt", max_attempts=2)

    assert succeeded(site.outcomes()) == [0, 1, 2]
    assert site.outcome(1)["attempts"] == 2


def test_an_exception_that_is_not_to_be_retried_is_tried_once(site):
    site.seed(2)

    site.run("def fit(row): raise ValueError('no')", max_attempts=5, no_retry_on=("ValueError",))

    assert [line["attempts"] for lines in site.outcomes().values() for line in lines] == [1, 1]


@pytest.mark.parametrize(
    ("deed", "kind", "type_", "code", "signal"),
    [
        ("os.kill(os.getpid(), 11)", "killed", "SIGSEGV", None, 11),
        ("print('last words', flush=True); os._exit(3)", "exited", "WorkerExited", 3, None),
        ("import time; time.sleep(60)", "timeout", "TimeoutError", None, None),
    ],
)
def test_a_row_that_kills_its_worker_is_charged_alone(site, deed, kind, type_, code, signal):
    site.seed(30)
    source = f"import os\ndef fit(row):\n    if row['id'] in ('k3', 'k21'):\n        {deed}\n    return 1"

    site.run(source, timeout_seconds=0.5)

    outcomes = site.outcomes()
    assert failed(outcomes) == [3, 21]
    assert succeeded(outcomes) == [index for index in range(30) if index not in (3, 21)]
    failure = outcomes[3][0]["failure"]
    assert (failure["kind"], failure["type"], failure["exit_code"], failure["signal"]) == (kind, type_, code, signal)
    assert outcomes[3][0]["attempts"] == 2
    if kind == "exited":
        assert failure["last_output"] == "last words\n"


def test_workers_that_start_at_their_second_try_do_not_end_the_consumer(site):
    site.seed(3)
    source = (
        "import os, pathlib\n"
        "starts = pathlib.Path(__file__).with_name('starts')\n"
        "with starts.open('a') as file:\n"
        "    file.write('.')\n"
        "if starts.stat().st_size % 2:\n"
        "    raise OSError('not yet')\n"
        "def fit(row): os._exit(3)"
    )

    broken = site.run(source, workers=1, max_attempts=1)

    assert broken is None
    assert failed(site.outcomes()) == [0, 1, 2]


@pytest.mark.parametrize(
    "raising", ["KeyboardInterrupt()", "SystemExit(42)", "MemoryError()", "RecursionError('deep')"]
)
def test_no_exception_of_the_activity_ends_its_worker(site, raising):
    site.seed(10)
    source = f"import os\ndef fit(row):\n    if row['id'] == 'k0': raise {raising}\n    return os.getpid()"

    site.run(source, workers=1)

    outcomes = site.outcomes()
    assert failed(outcomes) == [0]
    assert len({lines[0]["result"] for index, lines in outcomes.items() if index}) == 1


def test_what_cannot_be_stored_fails_row_by_row(site):
    site.seed(4)

    site.run("def fit(row): return {'a': b'x'} if row['id'] == 'k2' else {'a': float('nan')}")

    outcomes = site.outcomes()
    assert failed(outcomes) == [2]
    assert outcomes[2][0]["failure"]["kind"] == "result"
    names(outcomes[2][0]["failure"]["message"], "result['a']", "bytes")
    assert outcomes[1][0]["result"] == {"a": {"$number": "NaN"}}


def test_prints_closed_descriptors_and_monkey_patches_do_not_disturb_outcomes(site):
    site.seed(20)
    source = (
        "import os, sys, json, time\n"
        "def fit(row):\n"
        "    print('S' * 200); sys.stderr.write('R'); os.write(1, b'\\xff\\x00')\n"
        "    assert sys.stdin.read() == ''\n"
        "    json.dumps = json.JSONEncoder.encode = None; time.time = time.perf_counter = lambda: -1\n"
        "    if row['id'] == 'k5':\n"
        "        for descriptor in (0, 1, 2): os.close(descriptor)\n"
        "    return 1"
    )

    site.run(source)

    assert set(succeeded(site.outcomes())) == set(range(20))


def test_a_fork_that_returns_is_not_a_second_worker(site):
    site.seed(6)

    site.run("import os\ndef fit(row):\n    os.fork()\n    return 1")

    assert succeeded(site.outcomes()) == list(range(6))


def test_a_call_gets_several_rows_and_answers_each(site):
    site.seed(25)
    source = (
        "def fit(rows, context):\n"
        "    return [[len(rows), one.row_index, row['id']] for row, one in zip(rows, context.rows)]"
    )

    site.run(source, rows_per_call=4, workers=1)

    outcomes = site.outcomes()
    assert succeeded(outcomes) == list(range(25))
    assert outcomes[3][0]["result"] == [4, 3, "k3"]


@pytest.mark.parametrize("deed", ["raise ValueError('bad row')", "os._exit(9)"])
def test_a_call_of_several_rows_that_fails_charges_only_the_guilty_row(site, deed):
    site.seed(20)
    source = (
        "import os\ndef fit(rows):\n"
        "    for row in rows:\n"
        f"        if row['id'] == 'k13': {deed}\n"
        "    return [1] * len(rows)"
    )

    site.run(source, rows_per_call=5)

    outcomes = site.outcomes()
    assert failed(outcomes) == [13]
    assert succeeded(outcomes) == [index for index in range(20) if index != 13]
    assert outcomes[12][0]["attempts"] == 1


@pytest.mark.parametrize("guilty", [8, 9])
def test_a_short_last_call_that_fails_charges_only_the_guilty_row(site, guilty):
    site.seed(10)

    broken = site.run(f"def fit(rows): return [1 / (row['id'] != 'k{guilty}') for row in rows]", rows_per_call=4)

    outcomes = site.outcomes()
    assert broken is None
    assert failed(outcomes) == [guilty]
    assert succeeded(outcomes) == [index for index in range(10) if index != guilty]
    assert {lines[0]["attempts"] for index, lines in outcomes.items() if index != guilty} == {1}


def test_one_row_of_a_call_may_fail_by_an_exception_in_the_list(site):
    site.seed(5)

    site.run("def fit(rows): return [ValueError('x') if row['id'] == 'k1' else 1 for row in rows]", rows_per_call=5)

    assert failed(site.outcomes()) == [1]


@pytest.mark.parametrize("options", [{}, {"concurrency": 4}])
def test_an_exception_that_is_returned_is_as_one_that_is_raised(site, options):
    source = "async def fit(row): return KeyError(row['id']) if row['id'] == 'k1' else row['id']"
    site.seed(3)

    site.run(source, no_retry_on=("KeyError",), **options)

    failure = site.outcome(1)["failure"]
    assert (site.outcome(1)["attempts"], failure["type"], failure["message"]) == (1, "KeyError", "'k1'")
    assert succeeded(site.outcomes()) == [0, 2]


def test_an_exception_in_the_list_is_an_attempt_of_its_row_as_one_that_is_raised(site):
    source = """
calls = {}
def fit(rows, context):
    results = []
    for row, own in zip(rows, context.rows):
        try:
            if row["id"] in ("k1", "k2"):
                raise (KeyError if row["id"] == "k1" else OSError)(f"{own.attempt}")
            results.append(own.attempt)
        except Exception as error:
            results.append(error)
    return results
"""
    site.seed(4)

    site.run(source, rows_per_call=4, workers=1, max_attempts=3, no_retry_on=("KeyError",))

    final, retried = site.outcome(1), site.outcome(2)
    assert (final["attempts"], final["failure"]["type"]) == (1, "KeyError")
    assert (retried["attempts"], retried["failure"]["type"], retried["failure"]["message"]) == (3, "OSError", "3")
    assert [frame.partition(": ")[0] for frame in retried["failure"]["frames"]] == ["activity_of_test.py:8 fit"]
    assert succeeded(site.outcomes()) == [0, 3]


def test_a_runner_is_set_up_once_a_worker_and_torn_down(site):
    site.seed(30)
    source = (
        "from hyperscale import NodeRunner\n"
        "class fit(NodeRunner):\n"
        "    def set_up(self, context):\n"
        "        self.context = context; self.calls = 0\n"
        "        with open(context.mounts['model'] / 'set-ups', 'a') as log: log.write('x')\n"
        "    def run(self, row):\n"
        "        self.calls += 1\n"
        "        return self.calls\n"
        "    def tear_down(self):\n"
        "        with open(self.context.mounts['model'] / 'tear-downs', 'a') as log: log.write('x')\n"
    )

    site.run(source, workers=1)

    assert succeeded(site.outcomes()) == list(range(30))
    assert (site.folder / "set-ups").read_text() == "x"
    assert (site.folder / "tear-downs").read_text() == "x"


def test_files_of_a_row_are_kept_on_success_and_dropped_on_failure(site):
    site.seed(2)
    source = (
        "def fit(row, context):\n"
        "    (context.outputs / 'a').mkdir()\n"
        "    (context.outputs / 'a' / 'note.txt').write_text(f'attempt {context.attempt}')\n"
        "    if row['id'] == 'k1' or context.attempt == 1: raise ValueError('no')\n"
        "    return 1"
    )

    site.run(source)

    assert site.store.names("outputs/") == ["outputs/k0/a/note.txt"]
    assert site.store.read("outputs/k0/a/note.txt") == b"attempt 2"


def test_files_of_a_call_of_several_that_failed_are_not_those_of_its_rows_repeated_alone(site):
    site.seed(2)
    source = (
        "def fit(rows, context):\n"
        "    for own in context.rows: (own.outputs / f'of-{len(rows)}.txt').touch()\n"
        "    if len(rows) > 1: raise ValueError('no')\n"
        "    return [1]"
    )

    site.run(source, rows_per_call=2, workers=1)

    assert succeeded(site.outcomes()) == [0, 1]
    assert site.store.names("outputs/") == ["outputs/k0/of-1.txt", "outputs/k1/of-1.txt"]


@pytest.mark.parametrize(
    ("name", "named"), [("b'a\\\\b.txt'", "a\\\\b.txt"), ("b'caf\\xe9'", "caf\\udce9"), ("b'a\\nb'", "a\\nb")]
)
def test_a_file_that_no_store_can_keep_fails_its_row_alone_and_is_named(site, name, named):
    site.seed(3)
    source = (
        "import os\n"
        "def fit(row, context):\n"
        "    (context.outputs / 'a.txt').touch()\n"
        f"    if row['id'] == 'k1': open(os.fsencode(context.outputs) + b'/' + {name}, 'w').close()\n"
        "    return 1"
    )

    broken = site.run(source)

    outcomes = site.outcomes()
    failure = outcomes[1][0]["failure"]
    assert broken is None
    assert failed(outcomes) == [1]
    assert succeeded(outcomes) == [0, 2]
    assert (failure["kind"], outcomes[1][0]["attempts"]) == ("result", 2)
    names(failure["message"], f"'outputs/k1/{named}'")
    assert site.store.names("outputs/") == ["outputs/k0/a.txt", "outputs/k2/a.txt"]
    assert [record["row_index"] for record in site.failed_attempts()] == [1, 1]


def test_the_files_of_a_row_whose_key_is_too_long_for_a_folder_are_kept(site):
    site.seed(1)
    (message,) = site.queue.receive(1, 60.0)
    body = Body("run", "s0", 0, ("id",), {0: ["深" * 100]})
    site.queue.update(message.id, message.receipt, body.encode(), 0.0)

    broken = site.run("def fit(row, context): (context.outputs / 'a.txt').touch()")

    (name,) = site.store.names("outputs/")
    assert broken is None
    assert succeeded(site.outcomes()) == [0]
    assert name.startswith("outputs/%E6%B7%B1")
    assert name.endswith("/a.txt")


def test_context_and_folder_have_the_same_text_of_a_key(site):
    keys = {0: 17, 1: True, 2: None, 3: 2.5, 4: 2.0, 5: 2**53 + 1, 6: "a/b"}
    site.seed(1)
    (message,) = site.queue.receive(1, 60.0)
    site.queue.update(
        message.id, message.receipt, Body("run", "s0", 0, ("id",), {i: [keys[i]] for i in keys}).encode(), 0.0
    )

    site.run("def fit(row, context): (context.outputs / 'key').write_text(context.key)")

    texts = ["17", "true", "", "2.5", "2.0", "9007199254740993", "a/b"]
    assert {name: site.store.read(name).decode() for name in site.store.names("outputs/")} == {
        f"{blobs.outputs(text)}key": text for text in texts
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nowhere_to_be_found", ["activity_of_test", "No module named 'nowhere_to_be_found'"]),
        ("class fit:\n    def set_up(self, context): raise OSError('no model')\n    def run(self, row): pass",
         ["activity_of_test:fit", "set_up", "OSError: no model"]),
        ("import os; os._exit(5)", ["code 5"]),
        ("import time; time.sleep(60)", ["0.3 s", "set_up"]),
    ],
)  # fmt: skip
def test_an_activity_that_cannot_start_charges_no_row(site, source, words):
    site.seed(10)

    broken = site.run(source, set_up_timeout_seconds=0.3 if "sleep" in source else 30.0)

    names(broken, *words)
    assert site.outcomes() == {}
    assert site.queue.depth() == 1
    assert site.heartbeat()["state"] == "broken"
    names(site.heartbeat()["message"], words[0])


SLOW = (
    "import time\n"
    "def fit(row, context):\n"
    "    (context.mounts['model'] / 'begun').touch()\n"
    "    time.sleep(0.05)\n"
    "    return 1"
)


def test_a_consumer_that_is_asked_to_leave_gives_back_its_rows_with_their_outcomes(site):
    site.seed(1_000, rows_per_message=500)
    thread = in_thread(site.consumer(SLOW))
    until(lambda: site.store.names("consumers/") and site.heartbeat()["rows_done"] >= 4)

    site.stop.set()
    thread.join(30)

    assert site.outcomes() == {}
    bodies = [Body.decode(message.body) for message in site.queue.receive(9, 60.0)]
    assert sorted(row for body in bodies for row in body.rows) == [
        row
        for row in range(1_000)
        if row not in {json.loads(line)["row_index"] for body in bodies for line in body.outcomes}
    ]
    assert sum(len(body.outcomes) for body in bodies) >= 4


def test_the_scratch_folder_is_there_until_workers_have_torn_down(site):
    site.seed(1_000)
    source = (
        "import time\n"
        "class fit:\n"
        "    def set_up(self, context): self.context = context\n"
        "    def run(self, row):\n"
        "        (self.context.mounts['model'] / 'begun').touch()\n"
        "        time.sleep(0.01)\n"
        "    def tear_down(self): (self.context.mounts['model'] / str(self.context.scratch.is_dir())).touch()\n"
    )
    thread = in_thread(site.consumer(source))
    until(lambda: (site.folder / "begun").exists())

    site.stop.set()
    thread.join(30)

    assert (site.folder / "True").exists()
    assert not (site.folder / "False").exists()
    assert list((site.folder / "scratch").iterdir()) == []


def test_a_cancelled_run_leaves_its_outcomes_in_the_ledger(site):
    site.seed(1_000, rows_per_message=500)
    thread = in_thread(site.consumer(SLOW))
    until(lambda: site.store.names("consumers/") and site.heartbeat()["rows_done"] >= 4)

    write_cancel(site.store, 0, "user", "enough")
    thread.join(30)

    done = set(site.outcomes())
    bodies = [Body.decode(message.body) for message in site.queue.receive(9, 60.0)]
    assert len(done) >= 4
    assert {row for body in bodies for row in body.rows} == set(range(1_000)) - done
    assert not any(body.outcomes for body in bodies)


def test_the_cancel_marker_of_an_earlier_life_stops_nobody(site):
    site.seed(5)
    write_cancel(site.store, 0, "user", "enough")
    life = write_resume(site.store).number

    site.run("def fit(row): return 1", life=life)

    assert read_cancel(site.store, 0) is not None
    assert succeeded(site.outcomes()) == list(range(5))


def test_a_renewal_carries_the_outcomes_and_a_stolen_message_is_dropped(site):
    site.seed(400, rows_per_message=400)
    thread = in_thread(site.consumer(SLOW, lease_seconds=0.3))
    until(lambda: _body(site).outcomes)

    stolen = _steal(site)
    thread.join(30)

    body = Body.decode(stolen.body)
    assert body.outcomes
    assert set(site.outcomes()).isdisjoint(body.rows)
    assert site.queue.depth() == 1


def _body(site):
    """Return the body of the only message, as it is in the queue's file."""
    import sqlite3

    with sqlite3.connect(site.folder / "run" / "queue.sqlite") as database:
        (text,) = database.execute("select body from messages").fetchone()
    database.close()
    return Body.decode(text)


def _steal(site):
    """Take the message under a lease of our own, as when the consumer's lease had run out."""
    site.queue.expire_leases()
    (message,) = site.queue.receive(1, 3600.0)
    site.stop.set()
    return message


def test_messages_of_others_are_set_aside_with_their_text(site):
    site.seed(3)
    site.queue.put("not a body")
    site.seed(1, run_id="another", record=False)

    site.run("def fit(row): return 1")

    texts = [site.store.read(name) for name in site.store.names("foreign/")]
    assert b"not a body" in texts
    assert len(texts) == 2
    assert succeeded(site.outcomes()) == [0, 1, 2]


def test_rows_of_a_seeding_that_came_to_nothing_are_deleted_unexecuted(site):
    site.seed(3)
    site.seed(3, seed_id="stale", record=False)

    site.run("def fit(row): return 1")

    assert succeeded(site.outcomes()) == [0, 1, 2]
    assert site.store.names("foreign/") == []


def test_rows_seeded_again_by_a_resume_are_executed(site):
    site.seed(3)
    site.seed(3, seed_id="again", record=False)
    write_resume(site.store, seed_id="again")

    site.run("def fit(row): return 1", life=1)

    assert sorted(len(lines) for lines in site.outcomes().values()) == [2, 2, 2]


def test_a_queue_that_is_gone_means_a_run_that_is_over(site):
    site.seed(1_000)
    thread = in_thread(site.consumer(SLOW))
    until(lambda: (site.folder / "begun").exists())

    site.queue.remove()
    thread.join(30)

    assert not thread.is_alive()


def test_small_messages_share_a_ledger_part(site):
    site.seed(640, rows_per_message=10)

    site.run("def fit(row): return 1")

    assert succeeded(site.outcomes()) == list(range(640))
    assert len(site.store.names("ledger/")) < 40


def test_a_consumer_hands_rows_back_to_one_that_finds_nothing(site):
    site.seed(40, rows_per_message=40)
    busy = in_thread(site.consumer(SLOW, name="c-busy"))
    until(lambda: (site.folder / "begun").exists())

    idle = in_thread(site.consumer(SLOW, name="c-idle"))
    for thread in (busy, idle):
        thread.join(60)

    lines = list(chain.from_iterable(site.outcomes().values()))
    assert sorted(line["row_index"] for line in lines) == list(range(40))
    assert {line["consumer"] for line in lines} == {"c-busy", "c-idle"}
    assert site.queue.depth() == 0


def test_a_message_that_lost_a_consumer_is_worked_off_in_slices(site):
    site.seed(16, rows_per_message=16)
    site.queue.receive(1, 60.0)
    site.queue.expire_leases()

    site.run("def fit(row): return 1")

    assert succeeded(site.outcomes()) == list(range(16))


def test_a_row_that_was_alone_when_consumers_were_lost_fails_as_poison_and_the_rest_goes_on(site):
    site.seed(3, record=True)
    (message,) = site.queue.receive(1, 60.0)
    body = Body.decode(message.body)
    body.trial = (1, 3, 3)
    site.queue.update(message.id, message.receipt, body.encode(), 60.0)
    site.queue.expire_leases()

    site.run("def fit(row): return 1")

    outcomes = site.outcomes()
    assert failed(outcomes) == [0]
    assert outcomes[0][0]["failure"]["kind"] == "poison"
    assert succeeded(outcomes) == [1, 2]


def test_of_consumers_that_find_nothing_as_many_stay_as_there_are_messages_left(site):
    site.seed(2)
    (message,) = site.queue.receive(1, 60.0)  # somebody else holds it
    stays = in_thread(site.consumer(SLOW, name="c-1", patience_seconds=0.3))
    leaves = in_thread(site.consumer(SLOW, name="c-2", patience_seconds=0.3))

    leaves.join(30)

    assert not leaves.is_alive()
    assert stays.is_alive()
    site.queue.delete(message.id, message.receipt)
    stays.join(30)
    assert not stays.is_alive()
