from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from experiments import WORKSPACE, make_experiment, make_facts
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording, names

from hyperscale.cost import (
    Estimate,
    NodeHours,
    Range,
    Rates,
    RowTimes,
    check_limits,
    estimate,
    spent_hours,
    spent_usd,
    total_usd,
)
from hyperscale.errors import PlanError
from hyperscale.experiment import Experiment
from hyperscale.plan import Plan, make_plan


def planned(rows: int = 20_000, **parts: Any) -> tuple[Experiment, Plan]:
    parallelism = {"workers": 500, "workers_per_node": 5, **parts.pop("parallelism", {})}
    experiment = make_experiment(azure=WORKSPACE, parallelism=parallelism, **parts)
    return experiment, make_plan(experiment, make_facts(rows), version="1", templates_hash="t")


def times(median: float = 60.0, p95: float = 90.0, set_up: float = 0.0) -> RowTimes:
    return RowTimes(median, p95, set_up, "a test")


def estimated(
    experiment: Experiment, plan: Plan, given_: RowTimes, usd: float | None = 0.5, control_usd: float | None = 0.1
) -> Estimate:
    priced = dataclasses.replace(plan, usd_per_node_hour=usd, usd_per_control_hour=control_usd)
    return estimate(experiment, priced, given_)


def test_the_low_end_is_the_work_of_busy_workers():
    experiment, plan = planned()

    expected = estimated(experiment, plan, times())

    # 20,000 rows of 60 s on 500 workers are 40 minutes; a node starts in 3, one of which is paid for.
    assert expected.hours.low == pytest.approx(43 / 60)
    assert expected.node_hours.low == pytest.approx(100 * 41 / 60)
    assert expected.usd is not None
    # Teardown has a node for all of the 43 minutes, and seed one for a minute.
    assert expected.usd.low == pytest.approx(0.5 * 100 * 41 / 60 + 0.1 * 44 / 60, abs=1e-4)


def test_the_high_end_has_slow_rows_a_tail_slow_starts_and_idle_nodes():
    experiment, plan = planned(compute={"idle_seconds": 120})

    expected = estimated(experiment, plan, times(set_up=30))

    seconds = 30 + 40 * 90 + 90
    assert expected.hours.high == pytest.approx((seconds + 15 * 60) / 3600)
    assert expected.node_hours.high == pytest.approx(100 * (seconds + 5 * 60 + 240) / 3600)


def test_calls_in_flight_share_the_time():
    experiment, plan = planned(activity={"entry": "sweep:fit", "concurrency": 4})

    assert estimated(experiment, plan, times()).hours.low == pytest.approx(13 / 60)


def test_without_a_price_there_is_no_cost():
    experiment, plan = planned()

    assert estimated(experiment, plan, times(), usd=None).usd is None


def test_without_a_price_of_control_nodes_the_cost_is_that_of_the_others():
    experiment, plan = planned()

    with_price, without = (estimated(experiment, plan, times(), control_usd=usd) for usd in (0.1, None))

    assert with_price.usd is not None
    assert with_price.control_usd is not None
    assert without.usd is not None
    assert without.control_usd is None
    assert with_price.usd.high - without.usd.high == pytest.approx(with_price.control_usd.high, abs=1e-3)


@given(
    st.integers(1, 10_000_000),
    st.integers(1, 5_000),
    st.floats(0.001, 3_600),
    st.floats(1, 10),
    st.floats(0, 600),
    st.integers(0, 3_600),
)
def test_the_high_end_is_never_below_the_low_one(
    rows: int, workers: int, median: float, factor: float, set_up: float, idle_seconds: int
):
    experiment, plan = planned(
        rows, parallelism={"workers": workers, "workers_per_node": 8}, compute={"idle_seconds": idle_seconds}
    )

    expected = estimated(experiment, plan, times(median, median * factor, set_up))

    assert expected.usd is not None
    for ends in (expected.hours, expected.node_hours, expected.usd):
        assert 0 < ends.low <= ends.high
    more = estimated(experiment, dataclasses.replace(plan, rows=plan.rows + 1), times(median, median * factor, set_up))
    assert more.hours.low >= expected.hours.low


def expectation(hours: tuple[float, float], usd: tuple[float, float] | None) -> Estimate:
    return Estimate("a test", Range(*hours), Range(1, 2), Range(*usd) if usd else None, Range(1, 2), None)


LIMITS = [
    ({"max_cost_usd": 100}, expectation((1, 2), (50, 90)), True, []),
    ({"max_cost_usd": 100}, None, True, []),
    ({}, expectation((1, 2), (50, 90_000)), True, []),
    (
        {"max_cost_usd": 100},
        expectation((1, 2), (50, 120)),
        True,
        ["the run may cost up to $120.00: it drains when limits.max_cost_usd, 100, is reached"],
    ),
    (
        {"max_cost_usd": 1234567.5},
        expectation((1, 2), (50, 2_000_000)),
        True,
        ["the run may cost up to $2,000,000.00: it drains when limits.max_cost_usd, 1234567.5, is reached"],
    ),
    (
        {"max_cost_usd": 100},
        expectation((1, 2), None),
        False,
        ["limits.max_cost_usd cannot hold: the price of the nodes is unknown"],
    ),
    (
        {"max_hours": 5},
        expectation((1, 7), (1, 2)),
        True,
        ["the run may take up to 7.0 hours: it drains when limits.max_hours, 5, are over"],
    ),
]


@pytest.mark.parametrize(("limits", "expected", "is_priced", "said"), LIMITS)
def test_a_limit_that_may_be_reached_is_said(
    limits: dict[str, float], expected: Estimate | None, is_priced: bool, said: list[str]
):
    experiment, plan = planned(limits=limits)

    assert list(check_limits(experiment, plan, expected, is_priced)) == said


def test_a_cost_that_is_above_its_limit_at_the_low_end_is_refused(wording: Wording):
    experiment, plan = planned(limits={"max_cost_usd": 100})

    with pytest.raises(PlanError) as raised:
        list(check_limits(experiment, plan, expectation((1, 2), (400, 900)), True))
    names(raised, "$400.00", "a test", "limits.max_cost_usd is 100")
    wording(raised)

    assert raised.value.hint is not None
    assert "--set input.limit=5000" in raised.value.hint


def test_a_duration_that_is_above_its_limit_at_the_low_end_is_refused(wording: Wording):
    experiment, plan = planned(limits={"max_hours": 2})

    with pytest.raises(PlanError) as raised:
        list(check_limits(experiment, plan, expectation((5, 9), (1, 2)), True))
    names(raised, "5.0 hours", "a test", "limits.max_hours is 2")
    wording(raised)

    assert raised.value.hint is not None
    names(raised, "parallelism.workers", "1,251")


# ---- what a run has cost


def beat(role: str, began: float, seconds: float, **fields: Any) -> dict[str, Any]:
    return {"role": role, "started_at": 1_000.0 + began, "seconds": seconds, **fields}


def paid(beats: list[dict[str, Any]], now: float | None, **rates: float) -> tuple[float, float]:
    """Return the paid seconds of the nodes of consumers, and of those of seed and teardown."""
    hours = spent_hours(beats, Rates(1.0, 1.0, **rates), None if now is None else 1_000.0 + now)
    return round(hours.consumers * 3600, 6), round(hours.control * 3600, 6)


def test_one_sum_has_the_nodes_of_consumers_seed_and_teardown():
    assert total_usd(NodeHours(20.0, 4.0), Rates(0.5, 0.125)) == 10.5
    assert total_usd(NodeHours(20.0, 4.0), Rates(0.5)) == 10.0
    assert total_usd(NodeHours(20.0, 4.0), Rates(None, 0.125)) is None


def test_a_run_that_has_no_rates_costs_nothing_that_could_be_told():
    assert spent_usd([beat("consume", 0, 3_600)], None, None) is None


def test_living_and_dead_processes_count_by_the_kind_of_their_node():
    beats = [
        beat("seed", 0, 40),
        beat("teardown", 0, 500),
        beat("consume", 60, 300, state="left"),
        beat("consume", 60, 410),
        {"role": "consume"},
    ]

    assert paid(beats, 500) == (710, 540)


@pytest.mark.parametrize(
    ("now", "idle"), [(300, 0), (330, 30), (1_000, 120), (None, 120)], ids=["at once", "so far", "longest", "over"]
)
def test_a_node_is_paid_for_until_its_idle_time_is_over(now: float | None, idle: float):
    assert paid([beat("consume", 0, 300)], now, idle_seconds=120) == (300 + idle, 0)
    assert paid([beat("seed", 0, 300)], now, control_idle_seconds=120) == (0, 300 + idle)


def test_a_consumer_that_follows_another_on_its_node_shares_the_idle_time_of_that_node():
    spare = [beat("consume", 0, 300, node="n1"), beat("consume", 350, 10, node="n1")]
    late = [beat("consume", 0, 300, node="n1"), beat("consume", 900, 10, node="n1")]
    elsewhere = [beat("consume", 0, 300, node="n1"), beat("consume", 350, 10, node="n2")]
    at_once = [beat("consume", 0, 300, node="n1"), beat("consume", 100, 100, node="n1")]

    totals = [paid(beats, None, idle_seconds=120)[0] for beats in (spare, late, elsewhere, at_once)]

    assert totals == [300 + 50 + 10 + 120, 300 + 120 + 10 + 120, 310 + 240, 400 + 240]


def test_what_azure_tells_of_starting_nodes_is_paid_for_too_and_once():
    starts = {"consumer_start_seconds": 90.0, "control_start_seconds": 30.0}
    beats = [beat("consume", 0, 100), beat("teardown", 0, 100, **starts), beat("teardown", 100, 50, **starts)]

    assert paid(beats, 150) == (190, 180)
