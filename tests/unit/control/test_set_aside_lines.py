"""A part of the ledger with lines that cannot be read, or are of no row: what shows a run leaves them out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_run import line_of, make_run, some_rows

from hyperscale import blobs
from hyperscale.control.failed.failed_rows import FailuresInLedger
from hyperscale.control.failed.logs_of import logs_of
from hyperscale.control.follow.failures_so_far import FailuresSoFar
from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.lives import outcomes_so_far
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.trial.measures import outcomes_of
from hyperscale.ledger import write_part
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.collecting.lineage import Generation, failed_so, unsucceeded
from hyperscale.node.control import read_manifest, read_seed
from hyperscale.node.report.row_times import RowTime, row_times
from hyperscale.node.storing.stores import Store

ROWS = [row._replace(succeeded=row.row_index != 4) for row in some_rows(8, consumers=1, workers=1)]
PART = "c-1"


def unreadable(row: RowTime) -> list[str]:
    line = line_of(row)
    deep, digits = "[" * 985 + "]" * 985, "8" * 6_000
    if not row.succeeded:
        return [line.replace('"no number"', deep), line.replace('"frames":[', '"frames":[null,'), line[:-1]]
    return [line[:-2] + deep + "}", line[:-2] + digits + "}", line[:-2], line.replace('"consumer"', '"consumers"')]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Make a run of 8 rows: of row 6 nothing can be read, and row 5 has its line behind some that cannot."""
    made = make_run(tmp_path, [row for row in ROWS if row.row_index < 4], total=8)
    strays = [line_of(row._replace(row_index=index)) for row in ROWS[3:5] for index in (8, 10**17)]
    five = ROWS[5]._replace(succeeded=False)
    lines = [*strays, *unreadable(five), line_of(ROWS[4]), *unreadable(ROWS[6]), line_of(five), line_of(ROWS[7])]
    store = made.store()
    store.create(blobs.part(PART, 0), write_part(lines))
    (seal,) = read_seals(store)
    seal_file = Path(made.path, blobs.seal(1))
    seal_file.chmod(0o644)
    seal_file.write_bytes(seal.encode().replace(b'"parts": [', b'"parts": [\n  "%s",' % blobs.part(PART, 0).encode()))
    store.close()
    return made


@pytest.fixture
def store(run: RunFolder) -> Iterator[Store]:
    opened = run.store()
    yield opened
    opened.close()


def test_the_failures_of_its_ledger_are_those_that_can_be_read(store: Store) -> None:
    found = FailuresInLedger(store, store.names(blobs.LEDGER), range(8))

    assert [(row.row_index, row.failure["message"]) for row in found] == [(4, "no number"), (5, "no number")]


def test_a_look_at_a_run_counts_the_failures_that_can_be_read(store: Store) -> None:
    so_far = FailuresSoFar(store)

    so_far.look([(blobs.heartbeat(PART), 0.0, {"role": "consume", "rows_failed": 2})])

    assert {group.message for group in so_far.largest} == {"no number"}
    assert outcomes_so_far(store) == (7, 2)


def test_the_times_of_the_report_are_of_lines_that_can_be_read(store: Store) -> None:
    times = row_times(store, 8, read_seals(store))

    assert sorted((row.row_index, row.succeeded) for row in times) == [
        (row, row not in (4, 5)) for row in range(8) if row != 6
    ]


def test_a_retry_has_the_rows_without_a_line_that_can_be_read(store: Store) -> None:
    seed = read_seed(store)
    assert seed is not None
    lineage = [Generation("r", store, seed, read_seals(store))]

    left = unsucceeded(lineage)

    assert left.rows_between(0, 8) == [4, 5, 6]
    assert failed_so(lineage, left, lambda _, failure: failure["type"] == "ValueError").rows_between(0, 8) == [4, 5]


def test_the_outcomes_of_a_trial_are_those_that_can_be_read(store: Store) -> None:
    assert {outcome["row_index"] for outcome in outcomes_of(store)} >= {0, 1, 2, 3, 4, 5, 7}


def test_the_logs_of_a_row_tell_of_lines_that_can_be_read(run: RunFolder, store: Store) -> None:
    manifest = read_manifest(store) or {}
    activity = {"entry": "a:f", "no_retry_on": []}
    experiment = {**manifest["node_experiment"], "activity": activity, "output": {"logs": "failed"}, "input": {}}
    found = FoundRun(run, run.path / "experiment.yaml", {**manifest, "node_experiment": experiment})

    five, six = logs_of(found, [5, 6], []).rows

    assert [(attempt.outcome, attempt.number) for attempt in five.attempts] == [("failed", ROWS[5].attempts)]
    assert six.attempts == ()
