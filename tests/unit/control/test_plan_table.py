from __future__ import annotations

import dataclasses

from experiments import make_experiment, make_facts

from hyperscale.control.plan_table import plan_line
from hyperscale.plan import make_plan


def test_the_last_line_counts_what_would_be_made():
    experiment = make_experiment(parallelism={"workers": 500}, compute={"max_nodes_per_cluster": 200})

    plan = make_plan(experiment, make_facts(20_000), version="1", templates_hash="t")

    assert plan_line(plan) == "Plan: 3 clusters (500 nodes), 20,000 rows in 10,000 messages, 500 workers."


def test_one_of_a_thing_is_singular_and_an_estimate_is_marked():
    plan = make_plan(make_experiment(), make_facts(1), version="1", templates_hash="t")

    estimated = dataclasses.replace(plan, rows_estimated=True)

    assert plan_line(estimated) == "Plan: 1 cluster (1 node), ~1 row in 1 message, 1 worker."


def test_serverless_nodes_are_no_cluster():
    experiment = make_experiment(parallelism={"workers": 7}, compute={"serverless": True})

    plan = make_plan(experiment, make_facts(100), version="1", templates_hash="t")

    assert plan_line(plan) == "Plan: 7 serverless nodes, 100 rows in 100 messages, 7 workers."
