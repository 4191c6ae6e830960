"""Every store keeps the rules of store_rules.py, and those rules catch a store that does not."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import store_rules
from places import STORES, StorePlace, folder_place, made_place, places_and_rules

from hyperscale.node.storing.stores.folder import FolderStore


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[StorePlace]:
    place = made_place(STORES, request)
    yield place
    place.close()


@pytest.mark.parametrize(("place", "rule"), places_and_rules(STORES, store_rules.RULES), indirect=["place"])
def test_the_store_keeps_the_rule(rule: store_rules.Rule, place: StorePlace) -> None:
    rule(place)


class Overwrites(FolderStore):
    def create(self, name: str, data: bytes) -> bool:
        if not super().create(name, data):
            self._path(name).write_bytes(data)
        return True


class AlwaysWins(FolderStore):
    def create(self, name: str, data: bytes) -> bool:
        super().create(name, data)
        return True


class ShowsHalves(FolderStore):
    """Writes in place, and slowly."""

    def upload(self, name: str, path: Path) -> None:
        super().upload(name, path)
        data = path.read_bytes()
        self._path(name).write_bytes(data[: len(data) // 2])
        time.sleep(0.02)
        self._path(name).write_bytes(data)


class SortsForPeople(FolderStore):
    def names(self, prefix: str) -> list[str]:
        return sorted(super().names(prefix), key=str.casefold)


class LooksThenWrites(FolderStore):
    """Looks first and writes later: two may both find nothing."""

    def create(self, name: str, data: bytes) -> bool:
        path = self._path(name)
        if path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        time.sleep(0.02)
        path.write_bytes(data)
        return True


class KeepsTheFirstHeartbeat(FolderStore):
    def beat(self, name, fields) -> None:
        if not self._path(name).exists():
            super().beat(name, fields)


class LeavesItsOwnFiles(FolderStore):
    def upload(self, name: str, path: Path) -> None:
        super().upload(name, path)
        shutil.copy(path, self._path(f"{name}.part"))


@pytest.mark.parametrize(
    ("double", "rule"),
    [
        (Overwrites, store_rules.a_name_that_exists_keeps_its_content),
        (Overwrites, store_rules.a_name_has_one_winner_among_threads),
        (Overwrites, store_rules.a_name_has_one_winner_among_processes),
        (AlwaysWins, store_rules.a_name_that_exists_keeps_its_content),
        (ShowsHalves, store_rules.a_reader_sees_a_whole_blob_or_none),
        (SortsForPeople, store_rules.names_are_sorted_by_their_bytes),
        (LooksThenWrites, store_rules.a_name_has_one_winner_among_threads),
        (KeepsTheFirstHeartbeat, store_rules.a_heartbeat_takes_the_place_of_the_one_before),
        (LeavesItsOwnFiles, store_rules.an_upload_takes_the_place_of_what_was_there),
    ],
    ids=lambda value: value.__name__,
)
def test_a_broken_store_breaks_the_rule(double: type[FolderStore], rule: store_rules.Rule, tmp_path: Path) -> None:
    broken = folder_place(tmp_path, double)

    with pytest.raises(AssertionError):
        rule(broken)


def test_no_rule_is_left_out() -> None:
    written = {
        name
        for name, value in vars(store_rules).items()
        if callable(value) and getattr(value, "__annotations__", {}) == {"place": "StorePlace", "return": "None"}
    }

    assert written == {rule.__name__ for rule in store_rules.RULES}
