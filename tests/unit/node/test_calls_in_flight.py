"""Workers with several async calls in flight: quick, and as patient with what goes wrong as the others."""

import pytest
from consumer_site import failed, succeeded


def test_so_many_rows_are_in_flight_at_the_same_time_and_no_more(site):
    site.seed(40)
    source = (
        "import asyncio\n"
        "now, most, full = 0, 0, asyncio.Event()\n"
        "async def fit(row):\n"
        "    global now, most\n"
        "    now += 1; most = max(now, most)\n"
        "    if now == 8: full.set()\n"
        "    await full.wait()\n"
        "    await asyncio.sleep(0)\n"
        "    now -= 1\n"
        "    return most"
    )

    site.run(source, workers=1, concurrency=8)

    assert succeeded(site.outcomes()) == list(range(40))
    assert {lines[0]["result"] for lines in site.outcomes().values()} == {8}


def test_rows_that_are_answered_out_of_order_have_their_own_results(site):
    site.seed(30)
    source = (
        "import asyncio\n"
        "async def fit(row, context):\n"
        "    await asyncio.sleep((context.row_index * 7 % 5) / 200)\n"
        "    if context.row_index % 10 == 3: raise ValueError(row['id'])\n"
        "    (context.outputs / 'id').write_text(row['id'])\n"
        "    return row['id']"
    )

    site.run(source, concurrency=5, max_attempts=2)

    outcomes = site.outcomes()
    assert failed(outcomes) == [3, 13, 23]
    assert all(outcomes[row][0]["result"] == f"k{row}" for row in succeeded(outcomes))
    assert outcomes[13][0]["failure"]["message"] == "k13"
    assert outcomes[13][0]["attempts"] == 2
    assert outcomes[13][0]["failure"]["frames"][-1].startswith("activity_of_test.py:4 fit:")
    assert site.store.read("outputs/k7/id") == b"k7"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_class_may_be_async_throughout(site, concurrency):
    site.seed(8)
    source = (
        "import asyncio\n"
        "class fit:\n"
        "    async def set_up(self, context): self.folder = context.mounts['model']; await asyncio.sleep(0)\n"
        "    async def run(self, row): await asyncio.sleep(0); return row['id']\n"
        "    async def tear_down(self): (self.folder / 'torn-down').touch(); await asyncio.sleep(0)\n"
    )

    site.run(source, workers=1, concurrency=concurrency)

    assert succeeded(site.outcomes()) == list(range(8))
    assert (site.folder / "torn-down").exists()


@pytest.mark.parametrize("waiting", ["await asyncio.sleep(60)", "await stubborn()"])
def test_a_call_that_takes_too_long_fails_alone_and_its_worker_goes_on(site, waiting):
    site.seed(20)
    source = (
        "import asyncio, os\n"
        "async def stubborn():\n"
        "    while True:\n"
        "        try: await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError: pass\n"
        "async def fit(row):\n"
        f"    if row['id'] == 'k7': {waiting}\n"
        "    await asyncio.sleep(0.01)\n"
        "    return os.getpid()"
    )

    site.run(source, workers=1, concurrency=4, timeout_seconds=0.5, max_attempts=1)

    outcomes = site.outcomes()
    assert failed(outcomes) == [7]
    assert outcomes[7][0]["failure"]["kind"] == "timeout"
    assert len({lines[0]["result"] for row, lines in outcomes.items() if row != 7}) == 1


@pytest.mark.parametrize(
    ("deed", "kind", "type_"),
    [
        ("os._exit(3)", "exited", "WorkerExited"),
        ("ctypes.string_at(0)", "killed", "SIGSEGV"),
        ("time.sleep(60)", "timeout", "TimeoutError"),
        ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt"),
        ("await asyncio.create_task(interrupt())", "raised", "KeyboardInterrupt"),
        ("raise asyncio.CancelledError", "raised", "CancelledError"),
        ("os.write(4, b'Sx'); os.closerange(3, 100)", "exited", "PipeLost"),
    ],
)
def test_of_the_rows_in_flight_only_the_guilty_one_is_charged(site, deed, kind, type_):
    site.seed(20)
    source = (
        "import asyncio, ctypes, os, time\n"
        "async def interrupt(): raise KeyboardInterrupt\n"
        "async def fit(row, context):\n"
        "    await asyncio.sleep(0.01)\n"
        f"    if row['id'] == 'k7': {deed}\n"
        "    return context.attempt"
    )

    site.run(source, concurrency=4, timeout_seconds=0.5, max_attempts=1)

    outcomes = site.outcomes()
    assert failed(outcomes) == [7]
    assert succeeded(outcomes) == [row for row in range(20) if row != 7]
    assert (outcomes[7][0]["failure"]["kind"], outcomes[7][0]["failure"]["type"]) == (kind, type_)
    assert {lines[0]["attempts"] for lines in outcomes.values()} == {1}


def test_a_forked_child_is_not_a_second_worker_in_the_middle_of_a_loop(site):
    site.seed(12)

    site.run(
        "import asyncio, os\nasync def fit(row):\n    os.fork()\n    await asyncio.sleep(0)\n    return 1",
        concurrency=3,
    )

    assert succeeded(site.outcomes()) == list(range(12))


def test_the_log_of_a_row_is_what_was_printed_while_it_was_in_flight(site):
    site.seed(3)
    source = (
        "import asyncio\n"
        "async def fit(row):\n"
        "    print(row['id'])\n"
        "    await asyncio.sleep(0.05)\n"
        "    if row['id'] == 'k2': raise ValueError('no')"
    )

    site.run(source, workers=1, concurrency=3, max_attempts=1)

    (record,) = site.logs()
    assert record["row_index"] == 2
    assert "k2\n" in record["output"]
