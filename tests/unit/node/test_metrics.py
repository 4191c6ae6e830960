"""The curve in the studio: figures of a run, once a minute, where somebody takes them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from wordings import line_names

from hyperscale.experiment import Limits
from hyperscale.node.ending.drain import Beat, View
from hyperscale.node.ending.metrics import Metrics, mlflow_log

VIEW = View(rows=1000, depth=5, beats=(), consumers=2, lease_seconds=60.0, seconds=10.0, limits=Limits(None, 24, None))


def view(succeeded: int, failed: int = 0) -> View:
    return replace(VIEW, beats=(Beat("c-1", "consume", "running", 1.0, "", succeeded, failed),))


class Curve:
    """What was logged; the clock is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.points: list[dict[str, float]] = []
        self.metrics = Metrics(self.points.append, clock=lambda: self.now)

    def observe(self, seen: View, after_seconds: float) -> None:
        self.now += after_seconds
        self.metrics.observe(seen)
        self.metrics.settle()


def test_rows_and_their_rate_are_logged_once_a_minute() -> None:
    curve = Curve()
    curve.observe(view(0), 10)
    curve.observe(view(50), 30)
    curve.observe(view(100, 20), 30)

    assert curve.points == [
        {"rows_done": 0.0, "rows_failed": 0.0, "rows_per_second": 0.0},
        {"rows_done": 120.0, "rows_failed": 20.0, "rows_per_second": 2.0},
    ]


def test_what_fails_there_ends_the_curve_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    def log(_: dict[str, float]) -> None:
        raise RuntimeError("no network")

    metrics = Metrics(log, clock=lambda: 1e6)
    metrics.observe(view(1))
    metrics.settle()
    metrics.observe(view(2))

    line_names(caplog.text, "metrics", "RuntimeError: no network")


def test_mlflow_is_used_where_it_is_and_where_there_is_a_place_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.py").write_text("logged = []\nlog_metrics = logged.append\n")
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)

    without = mlflow_log({"MLFLOW_TRACKING_URI": "azureml://x"})
    monkeypatch.syspath_prepend(str(tmp_path))
    nowhere = mlflow_log({})
    log = mlflow_log({"MLFLOW_TRACKING_URI": "azureml://x"})

    assert without is None
    assert nowhere is None
    assert log is not None
    log({"rows_done": 1.0})
    assert sys.modules["mlflow"].logged == [{"rows_done": 1.0}]
    monkeypatch.delitem(sys.modules, "mlflow")
