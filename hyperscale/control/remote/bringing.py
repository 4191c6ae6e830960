"""Brings one remote input or mount as near as a command needs it: asks where it is, looks, lists, fetches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from hyperscale.control.azure.place import find_place
from hyperscale.control.azure.session import open_session
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.remote.beginnings import HEAD_BYTES, beginning_of, refuse_page
from hyperscale.control.remote.cache import Cache
from hyperscale.control.remote.fetching import Named
from hyperscale.control.remote.patterns import matching
from hyperscale.control.remote.remote_data import Reads, RemoteData
from hyperscale.control.remote.remote_files import Entry, RemoteError, RemoteFiles
from hyperscale.control.remote.resolving import Location, Workspaces, locate
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName
from hyperscale.node.storing.credentials import PERSON, login
from hyperscale.uris import Uri, WorkspaceParts, parse

INSTALL = "pip install 'fsspec[http]' adlfs"


class Bringer:
    """Brings one after the other, and asks the workspace at most once for itself."""

    def __init__(self, loaded: LoadedExperiment, reads: Reads, cache: Cache, opened: ExitStack) -> None:
        self._loaded, self._reads, self._cache = loaded, reads, cache
        self._workspaces = _asked_once(loaded, opened)

    def bring(self, named: Named) -> RemoteData:
        """Return what is known of one of them, with a copy if the command needs it here.

        Raises:
            ExperimentError: when its columns are not those that the experiment names.
            HyperscaleError: when it cannot be had.
        """
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
            entries = files.files(path)
            if not entries:
                raise RemoteError(f"{named.text} holds no file", hint="correct the address, or put the files there")
            return self._folder(named, location, entries, files, path, listed=False)
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
        if parts is None:
            if not own:
                own.append(open_session(find_place(loaded, os.environ)).workspace)
                opened.callback(own[0].azure.close)
            return own[0]
        azure = ResourceManager(login(), who=PERSON)
        opened.callback(azure.close)
        return Workspace(azure, WorkspaceName(parts.subscription_id, parts.resource_group, parts.name))

    return workspaces
