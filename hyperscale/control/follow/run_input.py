"""The input of a run, for who collects its results later: the file it was, wherever it still is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.reading.input_check import input_path
from hyperscale.control.reading.loading import load_experiment
from hyperscale.control.remote.fetching import copies_of_input
from hyperscale.control.run_folder import store_at
from hyperscale.control.submit.local_data import UPLOADS
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.experiment import Input
from hyperscale.node.control import SeedRecord
from hyperscale.node.places import is_remote
from hyperscale.node.readers import input_hash


@contextmanager
def input_of(found: FoundRun, source: Input, seed: SeedRecord) -> Iterator[Path]:
    """Give the file or folder whose rows were seeded: of this machine, or a copy of what was uploaded.

    Args:
        found: the run.
        source: what its experiment says about the input.
        seed: of the run; knows the hash.

    Raises:
        RunStateError: when it is not there any more, or is another.
    """
    here = input_here(found, source, seed)
    if here is not None:
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="hyperscale-input-") as folder:
        path = Path(folder) / "input"
        if source.form == "files" or not _download(found, seed.input_hash, path):
            raise RunStateError(
                f"the input of run {found.run_id} is not there any more as it was seeded: its outcomes cannot be put "
                "beside their rows",
                hint="put it back beside the experiment file, and name that file with --file; no row that is done "
                "is lost",
            )
        yield path


def input_here(found: FoundRun, source: Input, seed: SeedRecord) -> Path | None:
    """Return the file or folder of this machine whose rows were seeded; None when it is not here any more as it was."""
    for path in _on_this_machine(found):
        with suppress(HyperscaleError):
            if input_hash(source, path) == seed.input_hash:
                return path
    return None


def _on_this_machine(found: FoundRun) -> Iterator[Path]:
    files = [Path(str((found.manifest or {}).get("experiment_file") or "")), found.file]
    for file in files:
        with suppress(HyperscaleError):
            if file.is_file():
                loaded = load_experiment(file)
                yield from copies_of_input(loaded) or [input_path(loaded)]


def _download(found: FoundRun, digest: str, path: Path) -> bool:
    """Write what `submit` uploaded under `digest` to `path`; return False when it is not there."""
    if not is_remote(found.folder.store_url):
        return False
    with closing(store_at(found.folder.store_url, UPLOADS)) as store:
        names = store.names(f"{digest}/")
        if names:
            store.download(names[0], path)
        return bool(names)
