"""A consumer ends a run that has passed a limit, when nobody else looks after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wordings import names

from hyperscale import blobs
from hyperscale.azure_run import AzureRun
from hyperscale.cost import Rates
from hyperscale.experiment import Limits
from hyperscale.node.consuming.deputy import Deputy, is_lost, limit_passed
from hyperscale.node.control import read_cancel, write_manifest
from hyperscale.node.storing.stores.folder import FolderStore

LIMITS = Limits(max_cost_usd=None, max_hours=1, max_failed=None)


@pytest.mark.parametrize(
    ("ages", "alone_seconds", "lost"),
    [
        ([], 299, False),
        ([], 300, True),
        ([20], 900, False),
        ([900, 20], 900, False),
        ([301], 900, True),
        ([301], 60, False),
    ],
)
def test_a_teardown_is_lost(ages: list[float], alone_seconds: float, lost: bool) -> None:
    assert is_lost(ages, alone_seconds) is lost


def beat(role: str = "consume", **fields: Any) -> dict[str, Any]:
    return {"role": role, "started_at": 1000.0, **fields}


@pytest.mark.parametrize(
    ("limits", "beats", "usd", "said"),
    [
        (LIMITS, [beat()], None, None),
        (LIMITS, [beat(started_at=0.5)], None, "max_hours"),
        (Limits(None, 24, 3), [beat(rows_done=9, rows_failed=4)], None, "max_failed"),
        (Limits(10.0, 24, None), [beat(seconds=3600), beat(seconds=3600)], 5.0, "max_cost_usd is 10, the nodes"),
        (Limits(10.0, 24, None), [beat(seconds=3600), beat(seconds=3590)], 5.0, None),
        (Limits(10.0, 24, None), [beat(seconds=3600 * 99)], None, None),
        (Limits(10.0, 24, None), [beat("seed", seconds=3600 * 99)], 5.0, "max_cost_usd is 10"),
        (Limits(10.0, 24, None), [beat("teardown", seconds=3600 * 99)], None, None),
    ],
)
def test_a_limit_is_passed(limits: Limits, beats: list[dict[str, Any]], usd: float | None, said: str | None) -> None:
    passed = limit_passed(beats, limits=limits, rows=100, rates=Rates(usd, 1.0), now=3601.0)

    assert (said in passed) if said and passed else (passed is None and said is None)


class Site:
    """A run whose teardown beats at will, and a consumer that looks after it."""

    def __init__(self, folder: Path) -> None:
        self.now = 10_000.0
        self.store = FolderStore(folder, clock=lambda: self.now)
        azure = AzureRun("s", "g", "w", ("r",), (), "", "", "", 2.0)
        write_manifest(self.store, {"azure": azure.to_document()})
        limits = Limits(max_cost_usd=1.0, max_hours=24, max_failed=None)
        self.deputy = Deputy(self.store, life=0, limits=limits, clock=lambda: self.now)
        self.store.beat(
            blobs.heartbeat("c-1"), {"role": "consume", "life": 0, "started_at": 10_000.0, "seconds": 1800.0}
        )

    def teardown_beats(self) -> None:
        self.store.beat(blobs.heartbeat("teardown-1"), {"role": "teardown", "life": 0})

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.deputy.tend()


def test_while_teardown_lives_it_alone_ends_a_run(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for _ in range(20):
        site.teardown_beats()
        site.pass_time(61)

    assert read_cancel(site.store, 0) is None


def test_five_minutes_after_the_last_of_teardown_a_consumer_ends_the_run_at_its_limit(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.teardown_beats()
    site.pass_time(240)
    before = read_cancel(site.store, 0)
    site.pass_time(61)

    cancel = read_cancel(site.store, 0)

    assert before is None
    assert cancel is not None
    assert cancel.reason == "limit"
    names(cancel.message, "limits.max_cost_usd is 1", "$1.00")


def test_it_looks_at_most_once_a_minute(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.pass_time(301)
    (tmp_path / blobs.cancel(0)).unlink()
    site.pass_time(59)

    assert read_cancel(site.store, 0) is None
    site.pass_time(1)
    assert read_cancel(site.store, 0) is not None
