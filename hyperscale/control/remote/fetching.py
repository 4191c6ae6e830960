"""Brings the remote data of an experiment as near as a command needs it, and tells every problem at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hyperscale.control.reading.input_check import placed
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.reading.positions import ValuePath
from hyperscale.control.remote.beginnings import HEAD_BYTES, beginning_of, refuse_page
from hyperscale.control.remote.cache import Cache, Say
from hyperscale.control.remote.patterns import matching
from hyperscale.control.remote.remote_data import Reads, RemoteData
from hyperscale.control.remote.remote_files import Entry, RemoteError, RemoteFiles
from hyperscale.control.remote.resolving import Location, Workspaces, locate
from hyperscale.errors import ExperimentError, HyperscaleError, Problem
from hyperscale.experiment import Experiment
from hyperscale.node.workspace import Workspace, WorkspaceName
from hyperscale.uris import Uri, WorkspaceParts, is_uri, parse, split_pattern

INSTALL = "pip install 'hyperscale[remote]'"


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
    found: dict[str, RemoteData] = {}
    problems: list[Problem] = []
    with ExitStack() as opened:
        bringer = _Bringer(loaded, reads, Cache(loaded.folder, say), opened)
        for named in named_in(loaded.experiment):
            try:
                found[named.key] = bringer.bring(named)
            except ExperimentError as error:
                problems.extend(placed(loaded, problem) for problem in error.problems)
            except HyperscaleError as error:
                problems.append(_problem(loaded, named, error))
    if problems:
        message = f"the input of {loaded.positions.file} cannot be used"
        raise ExperimentError(message, problems=loaded.positions.sorted(problems))
    return replace(loaded, remote=found) if found else loaded


def copies_of_input(loaded: LoadedExperiment) -> list[Path]:
    """Return every copy of the remote input that lies here, of whatever content; empty when there is none."""
    named = next((named for named in named_in(loaded.experiment) if named.key == "input"), None)
    return Cache(loaded.folder, lambda _: None).copies(named.text) if named else []


def _problem(loaded: LoadedExperiment, named: Named, error: HyperscaleError) -> Problem:
    path = named.path if named.path in loaded.positions.values else named.path[:2]
    return loaded.positions.problem(path, f"{error}; {error.hint}" if error.hint else str(error))


class _Bringer:
    """Brings one after the other, and asks the workspace at most once for itself."""

    def __init__(self, loaded: LoadedExperiment, reads: Reads, cache: Cache, opened: ExitStack) -> None:
        self._loaded, self._reads, self._cache = loaded, reads, cache
        self._workspaces = _asked_once(loaded, opened)

    def bring(self, named: Named) -> RemoteData:
        uri = parse(named.text)
        assert uri is not None  # the schema has seen to that
        location = locate(uri, self._workspaces)
        with _opened(location.place) as (files, path):
            if named.key != "input":
                return self._mount(named, location, files, path)
            if named.pattern:
                return self._files(named, location, files, path)
            return self._rows(named, location, files, path)

    def _rows(self, named: Named, location: Location, files: RemoteFiles, path: str) -> RemoteData:
        source = self._loaded.experiment.input
        entry = files.look(path)
        if entry.is_folder or location.is_folder:
            raise RemoteError(f"{named.text} is a folder", hint=f"name a file of {source.form}")
        name = location.place.file_name
        data = RemoteData(named.key, named.text, location.uri, False, entry.bytes, 1)
        if source.rows is not None and self._reads == "plan":
            return replace(data, beginning=beginning_of(source, name, files, path))
        copy = self._cache.file(named.text, name, entry, files, path)
        with copy.open("rb") as opened:
            refuse_page(source, opened.read(HEAD_BYTES))
        return replace(data, bytes=copy.stat().st_size, copy=copy)

    def _files(self, named: Named, location: Location, files: RemoteFiles, path: str) -> RemoteData:
        if location.is_folder is False:
            raise RemoteError(f"{named.text} is a file", hint="name a folder")
        entries = matching(files.files(path), named.pattern)
        if not entries:
            raise RemoteError("no file matches; ** stands for any folders, as in images/**/*.png")
        return self._folder(named, location, entries, files, path, listed=True)

    def _mount(self, named: Named, location: Location, files: RemoteFiles, path: str) -> RemoteData:
        entry = files.look(path)
        if entry.is_folder:
            return self._folder(named, location, files.files(path), files, path, listed=False)
        data = RemoteData(named.key, named.text, location.uri, False, entry.bytes, 1)
        if self._reads != "run":
            return data
        return replace(data, copy=self._cache.file(named.text, location.place.file_name, entry, files, path))

    def _folder(
        self, named: Named, location: Location, entries: list[Entry], files: RemoteFiles, path: str, *, listed: bool
    ) -> RemoteData:
        total = sum(entry.bytes or 0 for entry in entries)
        listing = tuple((entry.path, entry.bytes or 0) for entry in entries) if listed else None
        data = RemoteData(named.key, named.text, location.uri, True, total, len(entries), listing=listing)
        if self._reads != "run":
            return data
        return replace(data, copy=self._cache.folder(named.text, entries, files, path))


@contextmanager
def _opened(place: Uri) -> Iterator[tuple[RemoteFiles, str]]:
    """Give what reads `place`, and its path there."""
    try:
        if place.kind == "https":
            from hyperscale.control.remote.web_files import WebFiles

            files: RemoteFiles = WebFiles(place)
        else:
            from hyperscale.control.remote.account_files import AccountFiles

            files = AccountFiles(place.name, place.container)
    except ModuleNotFoundError as error:
        raise RemoteError(
            f"{place.shown} is read with {error.name}, which is not installed here", hint=INSTALL
        ) from None
    with closing(files):
        yield files, "" if place.kind == "https" else place.path


def _asked_once(loaded: LoadedExperiment, opened: ExitStack) -> Workspaces:
    """Return what gives workspaces: that of the experiment is looked for when it is asked for first."""
    own: list[Workspace] = []

    def workspaces(parts: WorkspaceParts | None) -> Workspace:
        # Half a second to import: for those who name a datastore or an asset.
        from hyperscale.control.azure.place import find_place
        from hyperscale.control.azure.session import open_session

        if parts is None:
            if not own:
                own.append(open_session(find_place(loaded, os.environ)).workspace)
                opened.callback(own[0].azure.close)
            return own[0]
        from hyperscale.node.credentials import PERSON, login
        from hyperscale.node.resource_manager import ResourceManager

        azure = ResourceManager(login(), who=PERSON)
        opened.callback(azure.close)
        return Workspace(azure, WorkspaceName(parts.subscription_id, parts.resource_group, parts.name))

    return workspaces
