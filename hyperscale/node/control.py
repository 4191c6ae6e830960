"""The manifest, the seal of the seed, and the markers that cancel and resume a run, as values in the store.

Markers are numbered (rules 26 and 27): consumers of resume n obey only cancel n, so no marker is ever removed
and none is read late.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from hyperscale import blobs
from hyperscale.azure_run import AzureRun, rates_from
from hyperscale.cost import Rates
from hyperscale.documents import build, is_number
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.node.storing.stores import MissingBlobError, Store
from hyperscale.row_set import RowSet

_RESTORE = "restore the file from a copy: it says which rows this run has"
_RESTORE_MANIFEST = "restore the file from a copy; clusters that a run left are found without it, by `hyperscale gc`"
#: What run.json holds, as far as commands rely on it; each of them may be null, or lacking.
_MANIFEST_KINDS: Mapping[str, type | tuple[type, ...]] = MappingProxyType(
    {
        "run_id": str, "experiment": str, "version": str, "created_at": (int, float), "node_experiment": dict,
        "plan": dict, "hashes": dict, "selection": dict, "azure": dict,
    }
)  # fmt: skip
_KIND_NAMES = MappingProxyType({str: "text", (int, float): "a number", dict: "an object"})
_PLAN_NUMBERS = ("rows", "rows_per_message", "lease_seconds", "workers_per_node", "consumers")


@dataclass(frozen=True)
class Selection:
    """Which rows of the input a run has, when not all: what `run.json` and `seed.json` say of it.

    Attributes:
        rows: how many; `selected_rows.bin` in the run's store says which ones.
        input_hash: of the input whose row indices they are.
        where: the conditions of `--where`, for people.
        retry_of: the run whose failed and missing rows they are; None when it is a trial.
        seal: of that run; what it has come to since does not count (rule 28).
    """

    rows: int
    input_hash: str
    where: tuple[str, ...]
    retry_of: str | None
    seal: int | None


@dataclass(frozen=True)
class SeedRecord:
    """What `seed.json` says: seeding is done, and this is what was seeded.

    Attributes:
        seed_id: the seeding whose messages count.
        rows, batches: how many.
        columns: of the input as tables have it, in order.
        types: column to "integer", "number", "boolean", "string" or a decimal, as `result_columns.Column` has them.
        key: the column of messages that names rows, or None.
        input_hash: SHA-256 of the input, hexadecimal.
        seconds: how long seeding took.
        selection: which rows, when not all of the input.
    """

    seed_id: str
    rows: int
    batches: int
    columns: tuple[str, ...]
    types: dict[str, str]
    key: str | None
    input_hash: str
    seconds: float
    selection: Selection | None = None


@dataclass(frozen=True)
class Resume:
    """A marker that starts a further life of a run; `seed_id` names rows seeded again, `seal` which ones."""

    number: int
    seed_id: str | None
    seal: int | None
    created_at: float


@dataclass(frozen=True)
class Cancel:
    """A marker that ends the present life of a run.

    Attributes:
        reason: user, limit, stall, broken, seed_failed or steps_over.
        message: for people; what happened and where.
        created_at: Unix seconds.
    """

    reason: str
    message: str
    created_at: float


def read_manifest(store: Store) -> dict[str, Any] | None:
    """Return run.json, or None when there is none yet.

    Raises:
        RunStateError: when something else lies in its place: anybody who may write to the store can change it.
    """
    manifest = _read(store, blobs.MANIFEST)
    problem = _manifest_problem(manifest or {})
    if problem:
        raise RunStateError(f"{blobs.MANIFEST}: {problem}", hint=_RESTORE_MANIFEST)
    return manifest


def write_manifest(store: Store, manifest: dict[str, Any]) -> None:
    """Write run.json unless there is one."""
    store.create(blobs.MANIFEST, json.dumps(manifest, indent=1).encode())


def azure_run_of(manifest: Mapping[str, Any] | None) -> AzureRun | None:
    """Return where the run of `manifest` is on Azure ML, as it claims; None when it is not there.

    Raises:
        RunStateError: when that part of it is something else.
    """
    document = (manifest or {}).get("azure")
    return AzureRun.from_document(document) if document else None


def rates_of(manifest: Mapping[str, Any] | None) -> Rates | None:
    """Return what the nodes of the run of `manifest` cost; None when it is not on Azure ML: it costs nothing.

    A record that is damaged is no reason to end: what of it is not a price is an unknown one.
    """
    azure = (manifest or {}).get("azure")
    idle_seconds = ((manifest or {}).get("node_experiment") or {}).get("idle_seconds")
    return rates_from(azure, float(idle_seconds or 0)) if isinstance(azure, Mapping) else None


def selection_of(manifest: dict[str, Any] | None) -> Selection | None:
    """Return which rows the run of `manifest` has; None when it has all of its input."""
    document = (manifest or {}).get("selection")
    return build(Selection, document) if document else None


def write_selected_rows(store: Store, rows: RowSet) -> None:
    """Say which rows the run has; before its manifest, which counts them."""
    store.create(blobs.SELECTED_ROWS, rows.encode())


def read_selected_rows(store: Store, selection: Selection) -> RowSet:
    """Return the rows of `selection`.

    Raises:
        HyperscaleError: when they are not what was selected.
    """
    try:
        rows = RowSet.decode(store.read(blobs.SELECTED_ROWS))
    except (MissingBlobError, ValueError) as error:
        raise HyperscaleError(f"{blobs.SELECTED_ROWS} cannot be read: {error}", hint=_RESTORE) from error
    if rows.count != selection.rows:
        said = f"{blobs.SELECTED_ROWS} has {rows.count:,} rows, {selection.rows:,} were selected"
        raise HyperscaleError(said, hint=_RESTORE)
    return rows


def rows_of_run(store: Store, seed: SeedRecord) -> int | RowSet:
    """Return which rows the run in `store` has: so many from the first on, or a set of them."""
    return seed.rows if seed.selection is None else read_selected_rows(store, seed.selection)


def read_seed(store: Store) -> SeedRecord | None:
    """Return seed.json, or None while seeding is not done."""
    document = _read(store, blobs.SEED)
    return build(SeedRecord, document) if document else None


def write_seed(store: Store, record: SeedRecord) -> bool:
    """Seal the seeding; return False when another has sealed it, or this request had come through before."""
    return store.create(blobs.SEED, json.dumps(asdict(record)).encode())


def read_resumes(store: Store) -> list[Resume]:
    """Return all resume markers, oldest first."""
    return [Resume(**json.loads(store.read(name))) for name in store.names(f"{blobs.CONTROL}resume-")]


def write_resume(store: Store, *, seed_id: str | None = None, seal: int | None = None) -> Resume:
    """Start a further life of the run, and return its marker."""
    number = len(store.names(f"{blobs.CONTROL}resume-"))
    while True:
        number += 1
        marker = Resume(number, seed_id, seal, store.now())
        if store.create(blobs.resume(number), json.dumps(asdict(marker)).encode()):
            return marker


def read_cancel(store: Store, life: int) -> Cancel | None:
    """Return the marker that ended the `life`-th life (the number of resumes when it began), or None."""
    document = _read(store, blobs.cancel(life))
    if document is None:
        return None
    created_at: Any = document.get("created_at")
    return Cancel(
        reason=str(document.get("reason") or "user"),
        message=str(document.get("message") or ""),
        created_at=float(created_at) if is_number(created_at) else store.now(),
    )


def write_cancel(store: Store, life: int, reason: str, message: str) -> None:
    """End the `life`-th life of the run; the first reason given stays."""
    marker = Cancel(reason, message, store.now())
    store.create(blobs.cancel(life), json.dumps(asdict(marker)).encode())


def read_beats(store: Store, life: int) -> list[tuple[str, float, Mapping[str, Any]]]:
    """Return name, age in seconds and fields of the heartbeats of the `life`-th life; those of others are zombies."""
    return [
        (name.removeprefix(blobs.CONSUMERS), age_seconds, fields)
        for name, age_seconds, fields in store.beats(blobs.CONSUMERS)
        if fields.get("life") == life
    ]


def _manifest_problem(manifest: Mapping[str, Any]) -> str:
    """Return what is wrong with a run.json; empty when nothing is."""
    for name, kinds in _MANIFEST_KINDS.items():
        value = manifest.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            return f"{name}: {json.dumps(value)[:80]} is not {_KIND_NAMES[kinds]}"
    for name, value in (manifest.get("plan") or {}).items():
        if name in _PLAN_NUMBERS and value is not None and not is_number(value):
            return f"plan.{name}: {json.dumps(value)[:80]} is not a number"
    return ""


def _read(store: Store, name: str) -> dict[str, Any] | None:
    try:
        document = json.loads(store.read(name))
    except MissingBlobError:
        return None
    except (ValueError, RecursionError) as error:
        raise RunStateError(f"{name} is not JSON: {error}", hint=_RESTORE_MANIFEST) from error
    if not isinstance(document, dict):
        raise RunStateError(f"{name} is not an object, but {json.dumps(document)[:80]}", hint=_RESTORE_MANIFEST)
    return document
