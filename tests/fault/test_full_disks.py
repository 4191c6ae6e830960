"""A disk that is full under a step: it says so, leaves nothing half written, and the next life goes on."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wordings import line_names
from worlds import World, squares

from hyperscale import blobs
from hyperscale.errors import HyperscaleError

RESULT_BYTES = 40_000
#: A write beyond it comes back short, as on a full disk; a result fits, all of them do not.
FILE_BYTES = 100_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def step(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one step of the run as a process that can write no large file."""
    places = ["--run-id", "run", "--queue", str(world.folder), "--store", str(world.folder)]
    given = ["--experiment", json.dumps(world.experiment.to_document()), "--input", str(world.input_path)]
    return subprocess.run(
        [sys.executable, "-m", "hyperscale.node", *words, *places, *given, "--lease-seconds", "60"],
        cwd=world.folder / "code",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES)),
    )


def test_a_teardown_without_room_for_its_tables_keeps_its_seal_and_is_repeated(world: World) -> None:
    world.seed()
    world.consume(large_bytes=RESULT_BYTES)

    torn = step(world, "teardown", "--consumers", "1")

    assert torn.returncode == 1
    line_names(torn.stderr, "results", "temporary files")
    assert "Traceback" not in torn.stderr
    assert world.store.names("results") == []
    assert [seal.state for seal in world.seals()] == ["complete"]
    assert world.resume()
    world.tear_down()
    assert world.table() == squares(world.rows)


def test_a_consumer_without_room_for_a_part_deletes_no_message(world: World) -> None:
    world.seed()
    create = world.store.create

    def without_room(name: str, data: bytes) -> bool:
        if name.startswith(blobs.LEDGER):
            raise HyperscaleError("no space left on device")
        return create(name, data)

    world.store.create = without_room  # type: ignore[method-assign]
    with pytest.raises(HyperscaleError, match="no space left"):
        world.consume(name="c-b")
    assert world.queue.depth() == 2

    world.store.create = create  # type: ignore[method-assign]
    world.end_leases()
    world.consume(name="c-a")
    world.tear_down()

    assert world.table() == squares(world.rows)
