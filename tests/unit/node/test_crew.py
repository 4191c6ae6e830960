"""The workers of a consumer start together or not at all, and give back what they had open."""

import time

import pytest
from consumer_site import NAME
from descriptors import open_descriptors

from hyperscale.node.consuming.crew import Crew
from hyperscale.node.consuming.row_logs import RowLogs
from hyperscale.node.storing.background import Background

#: Linux starts no process that has a variable of more than 128 KiB (MAX_ARG_STRLEN, linux/binfmts.h).
TOO_LONG = "7," * 100_000


@pytest.fixture
def logs(site):
    background = Background(1)
    yield RowLogs(site.store, background, NAME)
    background.close()


def test_workers_that_are_ended_have_nothing_open(site, logs):
    (site.activity / "activity_of_test.py").write_text("def fit(row): return 1")
    before = open_descriptors()

    crew = Crew(site.settings(), 3, logs, time.monotonic())
    crew.stop()
    crew.kill()

    assert open_descriptors() == before


def test_a_worker_that_cannot_start_takes_those_along_that_did(site, logs):
    before = open_descriptors()

    with pytest.raises(OSError, match="Argument list too long") as raised:
        Crew(site.settings(gpus=("0", "1", TOO_LONG)), 3, logs, time.monotonic())

    assert open_descriptors() == before
    assert raised.traceback, "which holds the crew: no garbage collection has closed it"
