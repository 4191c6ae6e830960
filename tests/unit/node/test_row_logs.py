"""What rows printed, on its way into the store."""

import json
import time

import pytest
from wordings import line_names

from hyperscale.node.consuming.row_logs import PART_BYTES, PART_WAIT_SECONDS, RowLogs
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.stores.folder import FolderStore


@pytest.fixture
def background():
    background = Background(1)
    yield background
    background.close()


def written(store, background):
    deadline = time.monotonic() + 20
    while background.under_way and time.monotonic() < deadline:
        background.deliver()
        time.sleep(0.001)
    return [len(store.read(name).splitlines()) for name in store.names("logs/")]


@pytest.fixture
def store(tmp_path):
    store = FolderStore(tmp_path / "run")
    yield store
    store.close()


def test_records_wait_for_company_but_not_for_long(store, background):
    logs = RowLogs(store, background, "c-1")
    logs.add('{"row_index":1}', 10.0)
    logs.add('{"row_index":2}', 12.0)

    logs.tend(10.0 + PART_WAIT_SECONDS - 0.1)
    assert written(store, background) == []

    logs.tend(10.0 + PART_WAIT_SECONDS)
    assert written(store, background) == [2]
    assert json.loads(store.read("logs/c-1-000000.jsonl").splitlines()[1]) == {"row_index": 2}


def test_much_is_written_at_once_and_the_rest_at_the_end(store, background):
    logs = RowLogs(store, background, "c-1")
    for _ in range(3):
        logs.add("x" * (PART_BYTES // 2), 10.0)
        logs.tend(10.0)
    logs.flush()
    logs.flush()

    assert written(store, background) == [2, 1]


def test_a_store_that_refuses_them_stops_nobody(tmp_path, background, caplog):
    (tmp_path / "run").write_text("a file where the folder should be")
    logs = RowLogs(FolderStore(tmp_path / "run"), background, "c-1")
    logs.add("{}", 0.0)

    logs.flush()
    while background.under_way:
        background.deliver()

    line_names(caplog.text, "logs/c-1-000000.jsonl")
