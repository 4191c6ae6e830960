"""`input.group_by` as a user meets it: a model for each store and brand, whatever the size of its history."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from command_line import Command

WEEKS = 20
#: The history of one group fits no message.
LONG_WEEKS = 20_000
GROUPS = [("S1", "Acme"), ("S1", "Bolt"), ("S2", "Acme"), ("S2", "Cup, Inc"), ("S3", "")]
LONG = ("S2", "Acme")
EXPERIMENT = """
name: forecast
input:
  csv: sales.csv
  columns: {week: integer, sold: number}
  group_by: [store, brand]
activity: {entry: "forecast:Forecast", max_attempts: 1}
parallelism: {workers: 2, rows_per_message: 1}
output: {format: [csv]}
"""
CODE = """
from hyperscale import NodeRunner


class Forecast(NodeRunner):
    def set_up(self, context):
        self.broken = {broken!r}

    def run(self, rows, context):
        if context.group["brand"] == self.broken:
            raise ValueError("no model for " + context.key)
        assert {{(row["store"], row["brand"]) for row in rows}} == {{tuple(context.group.values())}}
        weeks = [row["week"] for row in rows]
        assert weeks == sorted(weeks)
        mean_week, mean_sold = sum(weeks) / len(rows), sum(row["sold"] for row in rows) / len(rows)
        spread = sum((week - mean_week) ** 2 for week in weeks)
        slope = sum((row["week"] - mean_week) * (row["sold"] - mean_sold) for row in rows) / spread
        (context.outputs / "model.txt").write_text(str(slope))
        return {{"slope": round(slope, 6), "weeks": len(rows)}}
"""
IN_FLIGHT = """
import asyncio


async def count(rows, context):
    await asyncio.sleep(0.01)
    return [{"brand": brand, "weeks": n} for brand, n in tally(rows).items()]


def tally(rows):
    found = {}
    for row in rows:
        found[row["brand"]] = found.get(row["brand"], 0) + 1
    return found
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sales = [
        (store, brand, week, 100 + number * week)
        for number, (store, brand) in enumerate(GROUPS)
        for week in range(LONG_WEEKS if (store, brand) == LONG else WEEKS)
    ]
    sales.sort(key=lambda sale: (sale[2], random.Random(f"{sale}").random()))
    with (tmp_path / "sales.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("store", "brand", "week", "sold"), *sales])
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    (tmp_path / "src").mkdir()
    return tmp_path


def results(folder: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    """Return the newest run, and its results by key."""
    run = max((folder / ".hyperscale" / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as file:
        return run, {row["key"]: row for row in csv.DictReader(file)}


def test_a_model_is_fitted_for_each_group_and_a_failed_one_is_retried_by_its_name(folder: Path, hyperscale: Command):
    code = folder / "src" / "forecast.py"
    code.write_text(CODE.format(broken="Cup, Inc"))

    first = hyperscale("run", folder=folder)
    code.write_text(CODE.format(broken=None))
    again = hyperscale("retry", "--where", 'key=S2,"Cup, Inc"', folder=folder)

    assert "succeeded=4 failed=1 missing=0 total=5" in first.stdout, first.stderr
    assert 'no model for S2,"Cup, Inc"' in first.stdout
    assert again.returncode == 0, again.stderr
    run, table = results(folder)
    assert set(table) == {"S1,Acme", "S1,Bolt", "S2,Acme", 'S2,"Cup, Inc"', 'S3,""'}
    assert {(row["store"], row["brand"]): float(row["slope"]) for row in table.values()} == {
        group: float(number) for number, group in enumerate(GROUPS)
    }
    assert {key: row["rows"] for key, row in table.items()} == {key: row["weeks"] for key, row in table.items()}
    assert table["S2,Acme"]["rows"] == str(LONG_WEEKS)
    (kept,) = (run / "outputs").iterdir()
    assert (kept / "model.txt").read_text() == "3.0"


def test_groups_are_in_flight_together_and_may_become_several_rows_of_the_table(folder: Path, hyperscale: Command):
    (folder / "src" / "counting.py").write_text(IN_FLIGHT)

    run = hyperscale(
        "run", "--set", "activity.entry=counting:count", "--set", "activity.concurrency=4",
        "--set", "input.group_by=[store]", "--set", "input.limit=2", folder=folder,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    assert "succeeded=2 failed=0 missing=0 total=2" in run.stdout
    path, _ = results(folder)
    with (path / "results.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {row["store"] for row in rows} <= {"S1", "S2", "S3"}
    assert len(rows) > 2
    assert all(row["key"] == row["store"] and int(row["rows"]) >= int(row["weeks"]) for row in rows)
