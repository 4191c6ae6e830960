"""Makes the outcomes of a run final, and publishes what it came to: tables and figures, from seals and parts alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hyperscale import blobs
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import Seal
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.collecting.collect import Collected, collect
from hyperscale.node.collecting.failure_groups import FailureGroup
from hyperscale.node.collecting.lineage import Generation, OpenRun, ancestors
from hyperscale.node.collecting.run_results import (
    RowCounts,
    RunResults,
    counts_of,
    counts_of_lineage,
    results_of,
    sealed_reason,
)
from hyperscale.node.control import Cancel, SeedRecord, read_manifest, read_seed, rows_of_run
from hyperscale.node.reading.readers import input_hash, open_rows
from hyperscale.node.storing.stores import Store


def seal_and_publish(
    *,
    run_id: str,
    store: Store,
    experiment: NodeExperiment,
    input_path: Path,
    cancel: Cancel | None,
    sealed_at: float,
    open_run: OpenRun,
    seed: SeedRecord | None = None,
    ledger: Chain | None = None,
    folder: Path,
) -> RunResults:
    """Seal the ledger of a run, write its results, and return its figures.

    What was published is in `folder` afterwards, under the same names.

    Args:
        run_id: of the run.
        store: of the run; takes the results.
        experiment: its output says what is collected.
        input_path: the input, which is read once more.
        cancel: the marker that ended the run, if one did: why rows are missing.
        sealed_at: Unix seconds.
        open_run: opens the store of another run: of those that this one is a retry of.
        seed: seed.json as it was seen; None: it is read here.
        ledger: what has been counted so far; None: it is counted here.
        folder: an empty one, as `work_folder` gives it.

    Raises:
        DamagedPartError: when the ledger cannot be counted.
        RunStateError: when the input is not what was seeded; outcomes are sealed all the same.
    """
    manifest, seed = read_manifest(store) or {}, seed or read_seed(store)
    reason = sealed_reason(cancel.reason, cancel.message) if cancel else "incomplete"
    with _in_our_words(folder.parent), ExitStack() as stack:
        groups: tuple[FailureGroup, ...] = ()
        older: tuple[Generation, ...] = ()
        if seed is None:
            seals = [_unseeded(int((manifest.get("plan") or {}).get("rows") or 0), reason, sealed_at)]
            rows = counts_of(seals[-1])
        else:
            seals = (ledger or Chain(store, rows_of_run(store, seed))).seal(reason, sealed_at)
            older = stack.enter_context(ancestors(seed, open_run))
            lineage = (*older, Generation(run_id, store, seed, seals))
            collected = _collect(lineage, experiment, input_path, folder)
            groups, rows = collected.groups, _counts(lineage, collected)
        results = results_of(
            seals,
            run_id=run_id,
            experiment=experiment.name,
            max_failed=experiment.limits.max_failed,
            manifest=manifest,
            beats=(fields for _, _, fields in store.beats(blobs.CONSUMERS)),
            groups=groups,
            rows=rows,
            ancestors=[generation.run_id for generation in older],
        )
        _write(results, store, folder / blobs.RUN_RESULTS)  # last: who finds it finds the tables too
    return results


def _write(results: RunResults, store: Store, path: Path) -> None:
    path.write_text(json.dumps(results.to_document(), indent=1) + "\n", encoding="utf-8")
    store.upload(blobs.RUN_RESULTS, path)


def _counts(lineage: tuple[Generation, ...], collected: Collected) -> RowCounts:
    return counts_of_lineage(
        lineage, succeeded=collected.succeeded, failed=collected.failed, set_aside=collected.set_aside
    )


def _collect(
    lineage: tuple[Generation, ...], experiment: NodeExperiment, input_path: Path, work_folder: Path
) -> Collected:
    if input_hash(experiment.input, input_path) != lineage[-1].seed.input_hash:
        raise RunStateError(
            "the input has changed since its rows were seeded: results cannot be put beside their rows",
            hint="put the input back as it was, then go on with --resume: no row that is done is lost",
        )
    rows = open_rows(experiment.input, input_path).in_tables
    return collect(lineage=lineage, experiment=experiment, rows=rows, work_folder=work_folder)


def _unseeded(rows: int, reason: str, ended_at: float) -> Seal:
    """Return what stands in for a seal when nothing was seeded; it is not stored: resume seeds first."""
    return Seal(
        number=0,
        state="incomplete",
        reason=reason,
        rows=rows,
        parts=(),
        succeeded=0,
        failed=0,
        missing=rows,
        duplicates=0,
        sealed_at=ended_at,
    )


@contextmanager
def work_folder(scratch: Path | None) -> Iterator[Path]:
    """Give an empty folder for `seal_and_publish`, which goes when the block ends.

    Args:
        scratch: folder that it is made in; None: the system's for temporary files.

    Raises:
        HyperscaleError: when it cannot be made.
    """
    with ExitStack() as stack:
        with _in_our_words(scratch or Path(tempfile.gettempdir())):
            folder = tempfile.TemporaryDirectory(prefix="hyperscale-", dir=scratch, ignore_cleanup_errors=True)
        yield Path(stack.enter_context(folder))


@contextmanager
def _in_our_words(place: Path) -> Iterator[None]:
    """Say in our words what cannot be written in `place`."""
    try:
        yield
    except OSError as error:
        is_ours = place != Path(tempfile.gettempdir())
        named = place if is_ours else f"the folder for temporary files {place}"
        another = "" if is_ours else ", or set TMPDIR to another folder"
        raise HyperscaleError(
            f"results cannot be collected in {named}: {error}",
            hint=f"free some space there{another}; then go on with --resume",
        ) from error
