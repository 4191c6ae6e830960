"""The clusters of a run are deleted until they are gone; those of others stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from hyperscale.errors import AzureError, TeardownError
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.node.azure.workspace_facts import ComputeFacts
from hyperscale.node.ending.clusters import (
    LONGEST_WAIT_SECONDS,
    Deletion,
    after_asking,
    after_look,
    check_deleted,
    delete_clusters,
    is_to_be_asked,
)
from hyperscale.ownership import Claim

TAG, VALUE = "hyperscale_run", "r-1"


def cluster(
    name: str = "hs-a-c00", state: str = "Succeeded", value: str = VALUE, errors: tuple[str, ...] = ()
) -> ComputeFacts:
    tags = {TAG: value} if value else {}
    return ComputeFacts(name, "AmlCompute", "westeurope", "s", "dedicated", state, errors, 4, 0, {}, tags)


class Cloud:
    """A workspace whose clusters go after `seconds`; `refuse` says what the n-th request to delete one is answered."""

    def __init__(self, *clusters: ComputeFacts, seconds: float = 10.0) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.clusters = {found.name: found for found in clusters}
        self.asked: Counter[str] = Counter()
        self.asked_at: list[float] = []
        self.refuse: Callable[[str, int], Exception | None] = lambda name, number: None
        self.fail: Callable[[str, int], bool] = lambda name, number: False
        self._ends: dict[str, tuple[float, bool]] = {}

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for name, (at, fails) in list(self._ends.items()):
            if self.now >= at:
                del self._ends[name]
                if fails:
                    self.clusters[name] = cluster(name, "Failed", errors=("InternalServerError: no",))
                else:
                    del self.clusters[name]

    def compute(self, name: str) -> ComputeFacts | None:
        return self.clusters.get(name)

    def delete_compute(self, name: str) -> None:
        self.asked[name] += 1
        self.asked_at.append(self.now)
        refused = self.refuse(name, self.asked[name])
        if refused:
            raise refused
        self.clusters[name] = cluster(name, "Deleting")
        self._ends[name] = (self.now + self.seconds, self.fail(name, self.asked[name]))


def claimed(*clusters: str, tag: str = TAG, value: str = VALUE) -> Claim:
    return Claim("r-1", clusters, tag, value)


def test_all_clusters_of_a_run_are_asked_for_at_once_and_waited_for() -> None:
    cloud = Cloud(cluster("a"), cluster("b"), cluster("c"))

    deleted = delete_clusters(cloud, claimed("a", "b", "c"), clock=cloud.clock, wait=cloud.wait)

    assert (deleted.gone, deleted.left, cloud.clusters) == (("a", "b", "c"), (), {})
    assert cloud.asked_at == [0.0, 0.0, 0.0]


def test_a_cluster_that_lacks_the_tag_of_the_run_is_never_deleted() -> None:
    cloud = Cloud(cluster("a"), cluster("b", value="another"), cluster("c", value=""))

    deleted = delete_clusters(cloud, claimed("a", "b", "c"), clock=cloud.clock, wait=cloud.wait)

    assert (deleted.gone, [it.name for it in deleted.foreign], deleted.left) == (("a",), ["b", "c"], ())
    assert set(cloud.clusters) == {"b", "c"}


def test_without_a_tag_nothing_is_deleted() -> None:
    cloud = Cloud(cluster("a", value=""))

    deleted = delete_clusters(cloud, claimed("a", tag="", value=""), clock=cloud.clock, wait=cloud.wait)

    assert [it.name for it in deleted.foreign] == ["a"]
    assert "no tag" in deleted.foreign[0].problem


def test_one_that_is_gone_or_was_never_made_needs_nothing() -> None:
    cloud = Cloud()

    assert delete_clusters(cloud, claimed("a"), clock=cloud.clock, wait=cloud.wait).gone == ("a",)
    assert not cloud.asked


def test_a_deletion_that_fails_twice_is_asked_for_a_third_time() -> None:
    cloud = Cloud(cluster("a"))
    cloud.fail = lambda name, number: number <= 2

    deleted = delete_clusters(cloud, claimed("a"), clock=cloud.clock, wait=cloud.wait)

    assert deleted.gone == ("a",)
    assert cloud.asked["a"] == 3


def test_a_deletion_that_is_refused_for_the_moment_is_asked_for_again() -> None:
    cloud = Cloud(cluster("a"), cluster("b"))
    conflict = RefusedError("DELETE a: Azure answered 409 Conflict", status=409, code="Conflict")
    cloud.refuse = lambda name, number: conflict if name == "a" and number <= 2 else None

    assert delete_clusters(cloud, claimed("a", "b"), clock=cloud.clock, wait=cloud.wait).left == ()


def test_what_cannot_be_deleted_is_given_up_after_a_while_and_named() -> None:
    cloud = Cloud(cluster("a"), cluster("b"))
    cloud.fail = lambda name, number: name == "b"

    deleted = delete_clusters(cloud, claimed("a", "b"), clock=cloud.clock, wait=cloud.wait, total_seconds=1200)

    assert 1200 <= cloud.now <= 1230
    assert deleted.gone == ("a",)
    with pytest.raises(TeardownError, match=r"b \(InternalServerError: no\)") as left:
        check_deleted(deleted, "r-1")
    assert "hyperscale teardown r-1" in str(left.value.hint)


def test_who_may_not_delete_is_believed_after_a_few_times() -> None:
    cloud = Cloud(cluster("a"))
    cloud.refuse = lambda name, number: RefusedError("the identity may not", status=403, code="AuthorizationFailed")

    deleted = delete_clusters(cloud, claimed("a"), clock=cloud.clock, wait=cloud.wait)

    assert [(it.name, it.problem) for it in deleted.left] == [("a", "the identity may not")]
    assert cloud.now < 120


def test_no_answer_is_asked_again() -> None:
    cloud = Cloud(cluster("a"))
    cloud.refuse = lambda name, number: AzureError("no answer") if number == 1 else None

    assert delete_clusters(cloud, claimed("a"), clock=cloud.clock, wait=cloud.wait).gone == ("a",)


@pytest.mark.parametrize(
    ("asked", "state", "now", "is_asked"),
    [
        (0, "Succeeded", 0.0, True),
        (0, "Creating", 0.0, True),
        (0, "Failed", 0.0, True),
        (0, "Deleting", 0.0, False),
        (1, "Succeeded", 4.9, False),
        (1, "Succeeded", 5.0, True),
        (1, "Deleting", 500.0, False),
    ],
)
def test_azure_is_asked(asked: int, state: str, now: float, is_asked: bool) -> None:
    deletion = Deletion("a", asked=asked, ask_at=5.0 if asked else 0.0)

    assert is_to_be_asked(deletion, state, now) is is_asked


def test_the_waits_between_two_tries_grow_to_an_end() -> None:
    deletion, waits = Deletion("a"), []
    for _ in range(8):
        deletion = after_asking(deletion, 100.0)
        waits.append(deletion.ask_at - 100.0)

    assert waits == [5, 10, 20, 40, 80, *[LONGEST_WAIT_SECONDS] * 3]


def test_why_a_deletion_failed_is_remembered_only_once_it_was_asked_for() -> None:
    seen = cluster("a", "Failed", errors=("AllocationFailed: no room",))

    assert after_look(Deletion("a"), seen, claimed("a")).problem == ""
    assert after_look(Deletion("a", asked=1), seen, claimed("a")).problem == "AllocationFailed: no room"
