"""The input of a run, for who collects its results later: the file it was, wherever it still is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.reading.input_check import input_path
from hyperscale.control.reading.loading import LoadedExperiment, load_experiment
from hyperscale.control.remote.fetching import copies_of_input, with_remote
from hyperscale.control.run_folder import store_at
from hyperscale.control.submit.local_data import UPLOADS
from hyperscale.errors import ExperimentError, HyperscaleError, RunStateError
from hyperscale.experiment import Input
from hyperscale.node.control import SeedRecord
from hyperscale.node.reading.readers import content_hash, input_hash
from hyperscale.node.storing.places import is_remote


@contextmanager
def input_of(found: FoundRun, source: Input, seed: SeedRecord) -> Iterator[Path]:
    """Give the file or folder whose rows were seeded: of this machine, of its address, or of what was uploaded.

    Args:
        found: the run.
        source: what its experiment says about the input.
        seed: of the run; knows the hash.

    Raises:
        RunStateError: when it is not there any more, or is another, or its address does not answer.
    """
    problems: list[str] = []
    here = input_here(found, source, seed) or _seeded(_fetched(found, problems), source, seed)
    if here is not None:
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="hyperscale-input-") as folder:
        path = Path(folder) / "input"
        if source.form == "files" or not _download(found, content_hash(seed.input_hash), path):
            if problems:
                raise RunStateError(
                    f"the input of run {found.run_id} cannot be fetched again: {'; '.join(problems)}",
                    hint="repeat this when its address answers; no row that is done is lost",
                )
            raise RunStateError(
                f"the input of run {found.run_id} is not there any more as it was seeded: its outcomes cannot be put "
                "beside their rows",
                hint="put it back beside the experiment file, and name that file with --file; no row that is done "
                "is lost",
            )
        yield path


def input_here(found: FoundRun, source: Input, seed: SeedRecord) -> Path | None:
    """Return the file or folder of this machine whose rows were seeded; None when it is not here any more as it was."""
    return _seeded(_on_this_machine(found, source), source, seed)


def _seeded(paths: Iterator[Path], source: Input, seed: SeedRecord) -> Path | None:
    """Return the one of `paths` that was seeded; None when none was."""
    for path in paths:
        with suppress(HyperscaleError):
            if input_hash(source, path) == seed.input_hash:
                return path
    return None


def _on_this_machine(found: FoundRun, source: Input) -> Iterator[Path]:
    if source.form == "sweep":  # it is in the experiment that the run was given
        yield Path()
        return
    for loaded in _experiments(found):
        yield from copies_of_input(loaded) or [input_path(loaded)]


def _fetched(found: FoundRun, problems: list[str]) -> Iterator[Path]:
    """Yield what the address of a remote input holds now, in a copy; why it cannot be had is added to `problems`."""
    for loaded in _experiments(found):
        alone = replace(loaded, experiment=replace(loaded.experiment, mounts={}))
        try:
            remote = with_remote(alone, "run", lambda _: None)
        except HyperscaleError as error:
            told = error.problems if isinstance(error, ExperimentError) else ()
            problems.extend(map(str, told or [error]))
            continue
        if remote.remote:
            yield input_path(remote)


def _experiments(found: FoundRun) -> Iterator[LoadedExperiment]:
    """Yield the experiment of a run, as its file says it now."""
    files = [Path(str((found.manifest or {}).get("experiment_file") or "")), found.file]
    for file in dict.fromkeys(files):
        with suppress(HyperscaleError):
            if file.is_file():
                yield load_experiment(file)


def _download(found: FoundRun, digest: str, path: Path) -> bool:
    """Write what `submit` uploaded under `digest` to `path`; return False when it is not there."""
    if not is_remote(found.folder.store_url):
        return False
    with closing(store_at(found.folder.store_url, UPLOADS)) as store:
        names = store.names(f"{digest}/")
        if names:
            store.download(names[0], path)
        return bool(names)
