"""What the folder store does beyond the contract of tests/contract/store_rules.py."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.stores import open_store
from hyperscale.node.storing.stores.folder import FolderStore

NEIGHBOURS = ("queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm", "rendered/a.yml", "steps/seed.log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def store(folder: Path) -> FolderStore:
    return FolderStore(folder)


def place_neighbours(folder: Path) -> None:
    for name in NEIGHBOURS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not the store's")


def test_to_look_into_a_store_makes_no_folder(store: FolderStore, folder: Path) -> None:
    assert store.names("ledger/") == []
    assert not folder.exists()


def test_what_else_lies_in_the_folder_of_a_run_is_not_shown(store: FolderStore, folder: Path) -> None:
    place_neighbours(folder)
    store.create("run.json", b"{}")
    store.create("outputs/steps/rendered", b"")

    assert store.names("") == ["outputs/steps/rendered", "run.json"]


@pytest.mark.parametrize("name", [*NEIGHBOURS, ".tmp/x", ".tmp"])
def test_what_else_lies_in_the_folder_of_a_run_cannot_be_written(
    name: str, store: FolderStore, wording: Wording
) -> None:
    with pytest.raises(ValueError, match="name") as refused:
        store.create(name, b"")
    wording(refused)


def test_a_name_that_is_too_long_for_the_file_system_is_no_fault_of_the_store(
    store: FolderStore, tmp_path: Path, wording: Wording
) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ValueError, match="name") as refused:
        store.upload(f"outputs/{'a' * 256}", tmp_path / "file")
    wording(refused)
    assert store.create("run.json", b"{}")


def test_a_removal_spares_what_is_not_the_stores(store: FolderStore, folder: Path) -> None:
    place_neighbours(folder)
    store.create("ledger/a", b"")

    store.remove()

    left = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert left == sorted(NEIGHBOURS)


def test_a_removal_leaves_no_folder(store: FolderStore, folder: Path) -> None:
    store.create("ledger/a", b"")

    store.remove()

    assert not folder.exists()


def test_a_store_that_was_removed_is_not_made_again_by_who_still_writes(store: FolderStore, folder: Path) -> None:
    store.create("ledger/a", b"")
    FolderStore(folder).remove()

    for write in (lambda: store.create("ledger/b", b""), lambda: store.beat("consumers/c", {})):
        with pytest.raises(HyperscaleError, match="is gone"):
            write()

    assert not folder.exists()


def test_temporary_files_are_not_shown_and_do_not_stay(folder: Path) -> None:
    seen = []

    def link(source: Path, target: Path) -> None:
        seen.append((source.read_bytes(), FolderStore(folder).names("")))
        os.link(source, target)

    store = FolderStore(folder, link=link)
    store.create("ledger/a", b"whole")

    assert seen[-1] == (b"whole", [])
    assert list((folder / ".tmp").iterdir()) == []


def test_a_name_that_another_process_takes_first_keeps_what_that_wrote(folder: Path) -> None:
    def link(source: Path, target: Path) -> None:
        FolderStore(folder).create("seals/1", b"theirs")
        os.link(source, target)

    store = FolderStore(folder, link=link)

    assert not store.create("seals/1", b"ours")
    assert store.read("seals/1") == b"theirs"


def test_without_hard_links_a_name_that_another_process_takes_before_us_keeps_what_that_wrote(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def wait_for_lock(file: int, how: int) -> None:
        FolderStore(folder).create("seals/1", b"theirs")
        flock(file, how)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", wait_for_lock)
    store = FolderStore(folder, link=link)

    assert not store.create("seals/1", b"ours")
    assert store.read("seals/1") == b"theirs"


def test_a_write_that_fails_leaves_nothing_and_is_named(folder: Path, wording: Wording) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = FolderStore(folder, link=link)

    with pytest.raises(HyperscaleError, match="No space left") as caught:
        store.create("ledger/a", b"x")

    wording(caught)
    assert store.names("") == []
    assert list((folder / ".tmp").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FolderStore(tmp_path / "file" / "run")

    with pytest.raises(HyperscaleError) as refused:
        store.create("seed.json", b"")
    names(refused, "file/run")


def test_an_upload_of_no_file_does_not_say_that_the_store_is_gone(
    store: FolderStore, tmp_path: Path, wording: Wording
) -> None:
    with pytest.raises(HyperscaleError) as caught:
        store.upload("results.csv", tmp_path / "nothing")
    names(caught, tmp_path / "nothing")
    wording(caught)

    assert store.names("") == []


def test_a_heartbeat_that_a_power_cut_has_emptied_is_none(store: FolderStore, folder: Path) -> None:
    store.beat("consumers/a", {"rows_done": 1})
    store.beat("consumers/b", {"rows_done": 2})
    (folder / "consumers" / "a").write_bytes(b"")

    assert [name for name, _, _ in store.beats("consumers/")] == ["consumers/b"]


def test_a_heartbeat_that_vanishes_under_way_is_none(store: FolderStore, folder: Path) -> None:
    for name in ("a", "b", "c"):
        store.beat(f"consumers/{name}", {})
    beats = store.beats("consumers/")
    first = next(beats)

    (folder / "consumers" / "b").unlink()

    assert [first[0], *(name for name, _, _ in beats)] == ["consumers/a", "consumers/c"]


def test_a_clock_that_was_set_back_makes_no_negative_age(folder: Path) -> None:
    FolderStore(folder, clock=lambda: 2_000.0).beat("consumers/a", {})

    ((_, age_seconds, _),) = FolderStore(folder, clock=lambda: 1_000.0).beats("consumers/")

    assert age_seconds == 0


def test_a_download_leaves_what_was_there_when_it_fails(store: FolderStore, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")

    with pytest.raises(HyperscaleError):
        store.download("results.csv", target)

    assert target.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_store_of_this_machine_is_opened_by_path_or_url(form: str, tmp_path: Path) -> None:
    store = open_store(form.format(tmp_path), "run-1")

    store.create("run.json", b"{}")

    assert (tmp_path / "run-1" / "run.json").read_bytes() == b"{}"


def test_a_store_removed_by_hand_between_two_writes_is_gone(store: FolderStore, folder: Path) -> None:
    store.create("ledger/a", b"")
    shutil.rmtree(folder)

    with pytest.raises(HyperscaleError, match="is gone"):
        store.create("seals/000001.json", b"")


def test_a_store_that_is_removed_during_a_write_stays_removed(folder: Path) -> None:
    removals = [FolderStore(folder).remove]

    def link(source: Path, target: Path) -> None:
        while removals:
            removals.pop()()
        os.link(source, target)

    with pytest.raises(HyperscaleError, match="is gone"):
        FolderStore(folder, link=link).create("ledger/a", b"")

    assert not folder.exists()
