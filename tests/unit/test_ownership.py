"""A cluster is a run's by its name and our own tag, whatever a record says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wordings import names

from hyperscale.azure_run import TAG_CONTROL, TAG_RENDER, TAG_RUN
from hyperscale.ownership import Claim, Owner, owner_of, run_of_job, why_not_owned

SUBMITTED = Claim("digits-1", ("a", "b"), TAG_RUN, "digits-1")
RENDERED = Claim("sad-lime-1a2b3c", ("a", "b"), TAG_RENDER, "84aa62")


@pytest.mark.parametrize(
    ("claim", "name", "tags"),
    [
        (SUBMITTED, "a", {TAG_RUN: "digits-1"}),
        (SUBMITTED, "b", {TAG_RUN: "digits-1", TAG_RENDER: "84aa62", "team": "ml"}),
        (RENDERED, "a", {TAG_RENDER: "84aa62"}),
        (RENDERED, "b", {TAG_RUN: "sad-lime-1a2b3c"}),  # it joined the run
    ],
)
def test_a_run_owns_the_clusters_that_it_names_and_that_carry_its_tag(
    claim: Claim, name: str, tags: dict[str, str]
) -> None:
    assert why_not_owned(claim, name, tags) == ""


@pytest.mark.parametrize(
    ("claim", "name", "tags", "said"),
    [
        (SUBMITTED, "gpu", {TAG_RUN: "digits-1"}, "digits-1"),
        (SUBMITTED, "a", {}, "hyperscale_run=digits-1"),
        (SUBMITTED, "a", {TAG_RUN: ""}, "hyperscale_run=digits-1"),
        (SUBMITTED, "a", {TAG_RUN: "digits-2"}, "hyperscale_run=digits-1"),
        (SUBMITTED, "a", {TAG_RENDER: "digits-1"}, "hyperscale_run=digits-1"),
        (SUBMITTED, "a", {TAG_RUN: "digits-1", TAG_CONTROL: "shared"}, "control"),
        (SUBMITTED, "a", {TAG_RUN: "digits-1", TAG_CONTROL: ""}, "control"),
        (RENDERED, "a", {TAG_RENDER: "84aa62", TAG_RUN: "digits-1"}, "84aa62"),  # that run's alone
        (RENDERED, "a", {TAG_RENDER: "84aa63"}, "84aa62"),
        (replace(SUBMITTED, tag="team", value="ml"), "a", {"team": "ml"}, ("team", TAG_RUN, TAG_RENDER)),
        (replace(SUBMITTED, tag="", value=""), "a", {}, TAG_RUN),
        (replace(SUBMITTED, value=""), "a", {TAG_RUN: ""}, ("hyperscale_run", "no value")),
        (replace(RENDERED, value=""), "a", {TAG_RENDER: ""}, ("hyperscale_render", "no value")),
        (replace(SUBMITTED, value="digits-2"), "a", {TAG_RUN: "digits-2"}, ("digits-2", "digits-1")),
        (replace(SUBMITTED, tag=TAG_CONTROL, value="shared"), "a", {TAG_CONTROL: "shared"}, TAG_CONTROL),
    ],
)
def test_any_other_cluster_is_refused_with_the_reason(
    claim: Claim, name: str, tags: dict[str, str], said: str | tuple[str, ...]
) -> None:
    names(why_not_owned(claim, name, tags), said)


def test_a_cluster_has_one_owner_and_a_control_cluster_has_none() -> None:
    assert owner_of({TAG_RUN: "r", TAG_RENDER: "x"}) == Owner(TAG_RUN, "r")
    assert owner_of({TAG_RENDER: "x"}) == Owner(TAG_RENDER, "x")
    assert owner_of({TAG_CONTROL: "shared", TAG_RUN: "r"}) is None
    assert owner_of({"team": "ml"}) is None


def test_a_job_is_part_of_the_run_that_its_tag_its_input_or_its_name_says() -> None:
    assert run_of_job("digits-1-p2", {TAG_RUN: "digits-1"}, "auto") == "digits-1"
    assert run_of_job("Calm_Owl_1", {}, "digits-7") == "digits-7"
    assert run_of_job("Calm_Owl_1", {}, "auto") == run_of_job("Calm_Owl_1", {}, "") == "calm-owl-1"
