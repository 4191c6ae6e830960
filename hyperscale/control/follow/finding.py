"""Finds the run that a command means: in this folder, or in the experiment's workspace, whoever started it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hyperscale.azure_run import AzureRun
from hyperscale.blobs import MANIFEST
from hyperscale.control.azure.place import AzurePlace, find_place
from hyperscale.control.azure.session import Session, open_session
from hyperscale.control.reading.loading import load_experiment
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import find_run, runs_of
from hyperscale.errors import AzureError, ExperimentError, RunStateError
from hyperscale.names import QUEUE
from hyperscale.node.azure.workspace import WorkspaceName
from hyperscale.node.control import azure_run_of, read_manifest
from hyperscale.node.ending.joins import read_joins, with_joins
from hyperscale.node.storing.places import DEFAULT_CONTAINER, account_place


@dataclass(frozen=True)
class FoundRun:
    """A run, wherever it was found.

    Attributes:
        folder: its paths on this machine, and the places of queue and store; a run of somebody else has no files here.
        file: the experiment that was looked at, whose runs lie beside it; it need not be there.
        manifest: run.json; None when there is none yet.
        azure: where it is on Azure ML; None for a run of this machine.
        place: of its workspace; None for a run of this machine.
        opened: a session with that, when there is one already.
        refused: what its records say that cannot be taken, a sentence each.
    """

    folder: RunFolder
    file: Path
    manifest: Mapping[str, Any] | None
    azure: AzureRun | None = None
    place: AzurePlace | None = None
    opened: Session | None = None
    refused: tuple[str, ...] = ()

    @cached_property
    def session(self) -> Session | None:
        """Return a session with its workspace, logged in when it is first needed; None for a run of this machine.

        Raises:
            AzureError: when nobody is logged in, or the workspace cannot be asked.
        """
        return self.opened or (open_session(self.place) if self.place else None)

    @property
    def run_id(self) -> str:
        """Return its id."""
        return self.folder.run_id

    @property
    def experiment(self) -> str:
        """Return the name of its experiment."""
        return str((self.manifest or {}).get("experiment") or self.run_id)


def find_anywhere(file: Path, name: str | None, environ: Mapping[str, str]) -> FoundRun:
    """Return the run that `name` means: one of this folder, else one of the workspace.

    Args:
        file: the experiment; its runs lie beside it, and it says which workspace.
        name: a run's id, the path of a run's folder, or None for the newest run of this folder.
        environ: may name the workspace.

    Raises:
        RunStateError: when there is no such run.
        AzureError: when the workspace, or the store, cannot be asked.
    """
    try:
        return _of_folder(file, find_run(runs_of(file), name))
    except RunStateError as error:
        not_here = error
    place = _place_of(file, environ)
    if place is None and name is not None and not file.is_file():
        hint = f"{not_here.hint}; one on Azure ML is found from anywhere by --file FILE, its experiment"
        raise RunStateError(str(not_here), hint=hint)
    if place is None:
        raise not_here
    if name is None or QUEUE.problem(_as_run_id(name)) is not None:
        raise RunStateError(str(not_here), hint=_or_in_the_workspace(not_here))
    return _of_workspace(file, _as_run_id(name), place, not_here)


def find_session(file: Path, environ: Mapping[str, str]) -> Session:
    """Return a session with the workspace of the experiment in `file`.

    Raises:
        ExperimentError: when the file is wrong.
        AzureError: when no workspace is given, or it cannot be asked.
    """
    return open_session(find_place(load_experiment(file), environ))


def _of_folder(file: Path, folder: RunFolder) -> FoundRun:
    manifest, azure, refused = records_of(folder)
    return FoundRun(folder, file, manifest, azure, _place_in(azure, folder) if azure else None, refused=refused)


def _of_workspace(file: Path, run_id: str, place: AzurePlace, not_here: RunStateError) -> FoundRun:
    session = open_session(place)
    with ExitStack() as unless_found:
        unless_found.callback(session.workspace.azure.close)
        folder = RunFolder.under(runs_of(file), run_id, queue=session.queue_url, store=session.store_url)
        manifest, azure, refused = records_of(folder)
        if azure is None:
            raise RunStateError(
                f"{not_here}, and none in {session.store_url} of workspace {place.workspace.name}",
                hint=_or_in_the_workspace(not_here),
            )
        unless_found.pop_all()
    return FoundRun(folder, file, manifest, azure, place, session, refused)


def _or_in_the_workspace(not_here: RunStateError) -> str:
    return f"{not_here.hint}; `hyperscale runs --azure` lists the runs of the workspace"


def _place_in(azure: AzureRun, folder: RunFolder) -> AzurePlace:
    name = WorkspaceName(azure.subscription_id, azure.resource_group, azure.workspace_name)
    store, queue = account_place(folder.store_url, "store"), account_place(folder.queue_url, "queue")
    container = store.names[0] if store.names else DEFAULT_CONTAINER
    return AzurePlace(name, store.account, queue.account, container, {})


def records_of(folder: RunFolder) -> tuple[dict[str, Any] | None, AzureRun | None, tuple[str, ...]]:
    """Return run.json, what it and the records of joins claim of Azure ML, and which of those cannot be taken.

    Raises:
        RunStateError: when run.json cannot be read, or is another run's.
    """
    with closing(folder.store()) as store:
        manifest = read_manifest(store)
        azure = azure_run_of(manifest)
        named = str((manifest or {}).get("run_id") or folder.run_id)
        if azure is not None and named != folder.run_id:
            raise RunStateError(
                f"{folder.store_file(MANIFEST)} is the record of run {named}, not of {folder.run_id}",
                hint="restore it from a copy; `hyperscale gc` finds the clusters that a run left by their tags",
            )
        if manifest is None or azure is None:
            return manifest, None, ()
        joins = read_joins(store)
    refused = tuple(f"a record of who joined the run is not taken: {join.problem}" for join in joins if join.problem)
    azure = with_joins(azure, [join for join in joins if not join.problem])
    return {**manifest, "azure": azure.to_document()}, azure, refused


def _place_of(file: Path, environ: Mapping[str, str]) -> AzurePlace | None:
    """Return the place that the experiment in `file` names; None when there is no such file, or it names none."""
    if file.is_file():
        with suppress(AzureError, ExperimentError):
            return find_place(load_experiment(file), environ)
    return None


def _as_run_id(name: str) -> str:
    # A run made with az is known by the name of its job, which may hold what names of queues may not.
    return name.replace("_", "-")
