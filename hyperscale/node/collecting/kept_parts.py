"""The store as teardown uses it over a network: a ledger part, which is counted and then collected, is read once."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hyperscale import blobs
from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.counting import CountingStore, RequestCounts
from hyperscale.node.storing.stores import Store


class PartKeepingStore(CountingStore):
    """Keeps what it has read of the ledger until it is closed; parts are written once, so that a copy never ages."""

    def __init__(self, store: Store, kind: str, counts: RequestCounts, scratch: Path | None) -> None:
        """Keep copies in a folder of `scratch`, or the system's for temporary files, with room for the ledger."""
        super().__init__(store, kind, counts)
        self._scratch = scratch
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def read(self, name: str) -> bytes:
        if not name.startswith(blobs.LEDGER):
            return super().read(name)
        file = name.removeprefix(blobs.LEDGER)
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="hyperscale-ledger-", dir=self._scratch)
            kept = Path(self._folder.name, file)
            if kept.exists():
                return kept.read_bytes()
            data = super().read(name)
            coming = kept.with_suffix(".tmp")
            coming.write_bytes(data)
            coming.replace(kept)
        except OSError as error:
            raise HyperscaleError(
                f"the ledger cannot be kept in {self._scratch or tempfile.gettempdir()}: {error}",
                hint="free some space there, or set TMPDIR to another folder; then go on with --resume",
            ) from error
        return data

    def close(self) -> None:
        super().close()
        if self._folder is not None:
            self._folder.cleanup()
