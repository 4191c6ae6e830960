from __future__ import annotations

import pytest

from hyperscale.cores import cores
from hyperscale.node.consuming.threads import own_cores, share_threads

KIN = {
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
}


@pytest.mark.parametrize(("node_cores", "workers", "threads"), [(16, 4, "4"), (16, 5, "3"), (2, 7, "1"), (6, 1, "6")])
def test_workers_share_the_cores_of_their_node_and_have_one_thread_at_least(
    node_cores: int, workers: int, threads: str
):
    assert share_threads(node_cores, workers, {}) == dict.fromkeys(KIN, threads)


def test_a_variable_that_is_given_stays():
    assert share_threads(8, 2, {"MKL_NUM_THREADS": "7"}) == dict.fromkeys(KIN - {"MKL_NUM_THREADS"}, "4")


def test_libraries_that_follow_openmp_follow_what_the_user_gave_it():
    assert set(share_threads(8, 2, {"OMP_NUM_THREADS": "7"})) == {"NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"}


@pytest.mark.parametrize(("given", "own"), [("3", 3), ("0", cores()), ("", cores()), ("many", cores())])
def test_consumers_that_share_a_machine_are_told_how_many_cores_they_have(given: str, own: int):
    assert own_cores({"HYPERSCALE_CORES": given}) == own


def test_workers_start_with_their_share_and_the_users_own_values(site, monkeypatch: pytest.MonkeyPatch):
    for name in KIN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HYPERSCALE_CORES", "9")
    site.seed(1)

    site.run(
        "import os\ndef fit(row): return [os.environ[name] for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')]",
        workers=2,
        environment_variables={"MKL_NUM_THREADS": "7"},
    )

    assert site.outcome(0)["result"] == ["4", "7"]
