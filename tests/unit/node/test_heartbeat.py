"""A consumer's heartbeat: what it says last stays its last word."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from hyperscale import blobs
from hyperscale.node.consuming.heartbeat import Counts, Heartbeat
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.stores.folder import FolderStore


def test_a_beat_that_comes_late_does_not_take_back_the_last_word(tmp_path: Path) -> None:
    store, background, gate = FolderStore(tmp_path), Background(threads=1), threading.Event()
    heartbeat = Heartbeat(
        store,
        background,
        RequestCounts(),
        process="c-1",
        life=0,
        interval_seconds=1,
        clock=time.monotonic,
        started_at=0.0,
    )
    background.ask(gate.wait, lambda answer: None)
    heartbeat.tend(Counts(), is_ready=False, looks_around=False)

    heartbeat.last("broken", "no model", Counts())
    gate.set()
    background.close()

    ((name, _, fields),) = store.beats(blobs.CONSUMERS)
    assert (name, fields["state"], fields["message"]) == (blobs.heartbeat("c-1"), "broken", "no model")
