from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.control.submit.journal import (
    DONE,
    JOURNAL,
    STEPS,
    UNDO,
    Journal,
    made_by,
    next_step,
    read_journal,
    what_to_do,
    why_not,
)
from hyperscale.errors import RunStateError

HASHES = {"experiment": "e", "input": "i", "code": None, "data": "d"}


def journal(step: str = "files", **changes: object) -> Journal:
    made = Journal(
        run_id="digits-20261122-190000-abcd",
        experiment_file="/home/ada/experiment.yaml",
        step=step,
        started_at=1.0,
        expires_at=2.0,
        owner="ada",
        fingerprint=HASHES,
        plan={"rows": 1, "clusters": [{"name": "hs-digits-a1b2c3-c00"}]},
        store="https://a.blob.core.windows.net/c",
        queue="https://a.queue.core.windows.net",
        version="h0",
        jobs=("digits-20261122-190000-abcd",),
    )
    return dataclasses.replace(made, **changes)


def test_each_step_follows_the_one_before_and_the_last_ends_it():
    order = [STEPS[0]]
    while order[-1] != DONE:
        order.append(next_step(order[-1]))

    assert order == [*STEPS, DONE]


@pytest.mark.parametrize(
    ("step", "made"),
    [
        ("files", ()),
        ("manifest", ("manifest",)),
        ("data", ("manifest",)),
        ("components", ("manifest",)),
        ("clusters", ("clusters", "manifest")),
        ("jobs", ("jobs", "clusters", "manifest")),
    ],
)
def test_what_may_be_there_is_taken_back_jobs_first_and_the_manifest_last(step: str, made: tuple[str, ...]):
    assert made_by(step) == made


@pytest.mark.parametrize(
    ("step", "now", "expected"),
    [
        (DONE, HASHES, "nothing"),
        (DONE, {**HASHES, "code": "other"}, "nothing"),
        ("clusters", HASHES, "go_on"),
        ("clusters", {**HASHES, "code": "other"}, "undo"),
        ("clusters", {**HASHES, "more": "new"}, "undo"),
        (UNDO, HASHES, "undo"),
    ],
)
def test_a_submission_goes_on_only_while_nothing_has_changed(step: str, now: dict[str, str | None], expected: str):
    assert what_to_do(journal(step), now, 1.5) == expected


def test_a_submission_whose_clusters_have_expired_does_not_go_on(wording: Wording):
    assert what_to_do(journal("jobs"), HASHES, 2.0) == "undo"
    wording(why_not(journal("jobs"), HASHES, 2.0))


def test_what_has_changed_is_named_in_the_order_of_the_journal(wording: Wording):
    now = {**HASHES, "data": "x", "input": "x", "more": "x"}

    names(why_not(journal(), now, 0.0), "input and data")
    wording(why_not(journal(), now, 0.0))


def test_a_journal_is_read_as_it_was_written(tmp_path: Path):
    written = journal("jobs", lost_clusters=("hs-digits-a1b2c3-c01",), begun=("jobs",), studio_url="https://ml")

    written.write(tmp_path)

    assert read_journal(tmp_path) == written
    assert [file.name for file in tmp_path.iterdir()] == [JOURNAL]


def test_a_folder_without_a_journal_was_not_submitted(tmp_path: Path):
    assert read_journal(tmp_path) is None


def test_a_journal_that_is_no_json_is_named(tmp_path: Path):
    (tmp_path / JOURNAL).write_text("{")

    with pytest.raises(RunStateError, match=JOURNAL):
        read_journal(tmp_path)
