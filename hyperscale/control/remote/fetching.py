"""Brings the remote data of an experiment as near as a command needs it, and tells every problem at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from hyperscale.control.reading.input_check import placed
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.reading.positions import ValuePath
from hyperscale.control.remote.cache import Cache
from hyperscale.control.remote.remote_data import Reads, RemoteData
from hyperscale.errors import ExperimentError, HyperscaleError, Problem
from hyperscale.experiment import Experiment
from hyperscale.talk import Say
from hyperscale.uris import is_uri, split_pattern


@dataclass(frozen=True)
class Named:
    """A remote input or mount, as an experiment names it.

    Attributes:
        key: the name of the pipeline's input.
        path: of its value in the experiment file.
        text: the address; of `files` that of the fixed folder.
        pattern: of `files`, below that folder; empty for others.
    """

    key: str
    path: ValuePath
    text: str
    pattern: str = ""


def named_in(experiment: Experiment) -> Iterator[Named]:
    """Yield the remote input and mounts of an experiment."""
    source = experiment.input
    if is_uri(source.place):
        folder, pattern = split_pattern(source.place) if source.form == "files" else (source.place, "")
        yield Named("input", ("input", source.form), folder, pattern)
    for name, mount in experiment.mounts.items():
        if is_uri(mount.path):
            yield Named(f"mount_{name}", ("mounts", name, "path"), mount.path)


def with_remote(loaded: LoadedExperiment, reads: Reads, say: Say) -> LoadedExperiment:
    """Return `loaded` with what is known of its remote data, and with copies of what `reads` needs.

    Args:
        loaded: the experiment.
        reads: how much of it has to be here.
        say: tells people how far a long fetch is.

    Raises:
        ExperimentError: when data cannot be had; carries a problem for each.
    """
    all_named = list(named_in(loaded.experiment))
    if not all_named:
        return loaded
    # Half a second to import: for those who have remote data.
    from hyperscale.control.remote.bringing import Bringer

    found: dict[str, RemoteData] = {}
    problems: list[Problem] = []
    with ExitStack() as opened:
        bringer = Bringer(loaded, reads, Cache(loaded.folder, say), opened)
        for named in all_named:
            try:
                found[named.key] = bringer.bring(named)
            except ExperimentError as error:
                problems.extend(placed(loaded, problem) for problem in error.problems)
            except HyperscaleError as error:
                problems.append(_problem(loaded, named, error))
    if problems:
        message = f"the input of {loaded.positions.file} cannot be used"
        raise ExperimentError(message, problems=loaded.positions.sorted(problems))
    return replace(loaded, remote=found)


def copies_of_input(loaded: LoadedExperiment) -> list[Path]:
    """Return every copy of the remote input that lies here, of whatever content; empty when there is none."""
    named = next((named for named in named_in(loaded.experiment) if named.key == "input"), None)
    return Cache(loaded.folder, lambda _: None).copies(named.text) if named else []


def _problem(loaded: LoadedExperiment, named: Named, error: HyperscaleError) -> Problem:
    path = named.path if named.path in loaded.positions.values else named.path[:2]
    return loaded.positions.problem(path, f"{error}; {error.hint}" if error.hint else str(error))
