from __future__ import annotations

from pathlib import Path

from hyperscale.azure_run import AzureRun
from hyperscale.node.ending.joins import Join, note_join, read_joins, with_joins
from hyperscale.node.storing.stores.folder import FolderStore

RUN = AzureRun("s", "g", "w", ("run-1",), ("hs-a-c00",), "hyperscale_run", "run-1", "hs-control-w1", None)


def test_who_joined_is_read_as_it_was_noted_and_no_name_is_taken_twice(tmp_path: Path):
    store = FolderStore(tmp_path)

    first = note_join(store, Join("run-1-j1", ("hs-b-c00",)))
    again = note_join(store, Join("run-1-j1", ("hs-c-c00",)))
    note_join(store, Join("run-1-j2", ()))

    assert (first, again) == (True, False)
    assert read_joins(store) == [Join("run-1-j1", ("hs-b-c00",)), Join("run-1-j2", ())]


def test_jobs_and_clusters_of_who_joined_stand_behind_those_of_the_run_once():
    joined = with_joins(RUN, [Join("run-1-j1", ("hs-b-c00", "hs-a-c00")), Join("run-1", ())])

    assert joined.jobs == ("run-1", "run-1-j1")
    assert joined.clusters == ("hs-a-c00", "hs-b-c00")
    assert with_joins(RUN, []) == RUN
