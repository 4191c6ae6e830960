from __future__ import annotations

import dataclasses

import pytest
from experiments import make_experiment, make_facts

from hyperscale.control.plan_table import counted, plan_line, size_text
from hyperscale.plan import make_plan


def test_the_last_line_counts_what_would_be_made():
    experiment = make_experiment(parallelism={"workers": 500}, compute={"max_nodes_per_cluster": 200})

    plan = make_plan(experiment, make_facts(20_000), version="1", templates_hash="t")

    assert plan_line(plan) == "Plan: 3 clusters (500 nodes), 20,000 rows in 10,000 messages, 500 workers."


def test_one_of_a_thing_is_singular_and_an_estimate_is_marked():
    plan = make_plan(make_experiment(), make_facts(1), version="1", templates_hash="t")

    estimated = dataclasses.replace(plan, rows_estimated=True)

    assert plan_line(estimated) == "Plan: 1 cluster (1 node), ~1 row in 1 message, 1 worker."


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KB"), (3 * 1024**3, "3.0 GB")]
)
def test_sizes_are_told_in_the_largest_unit_that_fits(size: int, text: str):
    assert size_text(size) == text


def test_large_numbers_are_grouped():
    assert counted(2_000, "node") == "2,000 nodes"
