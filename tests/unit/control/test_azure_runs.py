"""The runs of a workspace, as the tags of their jobs tell."""

from __future__ import annotations

from hyperscale.azure_run import TAG_EXPERIMENT, TAG_OWNER, TAG_RUN
from hyperscale.control.azure.azure_runs import runs_of_jobs
from hyperscale.node.azure.workspace_facts import JobFacts

RUN = "digits-20261122-190000-ab12"


def job(name: str, status: str, **tags: str) -> JobFacts:
    return JobFacts(name, status, {TAG_EXPERIMENT: "digits", **tags}, "digits", "2026-11-22T19:00:00Z", "")


def test_the_pipelines_of_a_large_run_are_one_run_that_is_over_when_all_are() -> None:
    tags = {TAG_RUN: RUN, TAG_OWNER: "ada"}
    jobs = [job(f"{RUN}-p2", "Completed", **tags), job("other_run_1", "Failed"), job(f"{RUN}-p1", "Running", **tags)]

    found = runs_of_jobs(jobs)

    assert [(run.run_id, run.state, run.owner) for run in found] == [
        (RUN, "Running", "ada"),
        ("other-run-1", "Failed", ""),
    ]


def test_a_run_made_with_az_is_called_as_its_nodes_call_it() -> None:
    (run,) = runs_of_jobs([job("Sincere_Lemon_1a2b", "Completed")])

    assert run.run_id == "sincere-lemon-1a2b"
    assert run.started_at is not None
