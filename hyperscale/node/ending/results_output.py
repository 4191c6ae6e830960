"""What a teardown leaves for the studio and for later jobs: its output `results`, the report, and a data asset.

All of it comes after publishing, and none of it decides what a run has come to: what fails here is said, and no more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hyperscale import blobs
from hyperscale.errors import HyperscaleError, in_words
from hyperscale.experiment import NodeExperiment
from hyperscale.node.azure.workspace_facts import DataAsset
from hyperscale.node.collecting.results_copy import (
    ResultsCopy,
    add_to_copy,
    copy_published,
    finish_copy,
    note_copy,
)
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.storing.places import is_remote, local_folder, storage_uri
from hyperscale.node.storing.stores import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ResultsOutput:
    """Where the results of a run go beside its store.

    Attributes:
        folder: of the output.
        kept_with_job: folder whose files Azure ML keeps with the job; None: the report is made by who started the run.
        store: of the run.
        store_url: where the store is.
        experiment: of the run.
        register: makes a data asset; raises HyperscaleError when it cannot.
    """

    folder: Path
    kept_with_job: Path | None
    store: Store
    store_url: str
    experiment: NodeExperiment
    register: Callable[[DataAsset], None]

    def fill(self, published: Path, results: RunResults) -> None:
        """Copy what was published, make the report, and register the results; nothing is raised.

        Args:
            published: the folder that the published files are in.
            results: of the run.
        """
        problems: list[str] = []
        copy = self.copy_of(results)
        with _said(problems, "the output `results` is not written"):
            copy = copy_published(published, self.folder, copy)
        has_output = not problems
        if self.kept_with_job is not None:
            with _said(problems, "the report is not made"):
                page = self._report(results)
                _write(self.kept_with_job / blobs.REPORT, page)
                copy = add_to_copy(self.folder, copy, blobs.REPORT, page) if has_output else copy
        copy = self._registered(copy, results, problems)
        copy = replace(copy, problems=tuple(problems))
        if has_output:
            with _said([], f"{self.folder} does not say what it is a copy of"):
                finish_copy(self.folder, copy)
        with _said([], "the store does not say that its results were copied"):
            note_copy(self.store, copy)

    def copy_of(self, results: RunResults) -> ResultsCopy:
        """Return the copy of what was published with `results`, which has no files yet."""
        return ResultsCopy(results.run_id, results.experiment, self._address(results.run_id), results.seal, {})

    def _address(self, run_id: str) -> str:
        if is_remote(self.store_url):
            return f"{self.store_url.rstrip('/')}/{run_id}"
        return str(local_folder(self.store_url, "store") / run_id)

    def _report(self, results: RunResults) -> str:
        # Jinja takes a while to import, and on one machine the report is not made here.
        from hyperscale.node.report.facts import read_facts
        from hyperscale.node.report.page import NODE_EXPERIMENT, node_experiment_text, render_page

        facts = read_facts(self.store, results.run_id, json.loads(json.dumps(results.to_document())))
        return render_page(facts, node_experiment_text(facts.manifest), NODE_EXPERIMENT)

    def _registered(self, copy: ResultsCopy, results: RunResults, problems: list[str]) -> ResultsCopy:
        wanted = self.experiment.output.register
        if wanted is None:
            return copy
        if results.exit_code:
            reason = results.reason or "a limit of the experiment was passed"
            problems.append(f"nothing is registered as {wanted.name}: the results are not complete ({reason})")
            logger.warning(problems[-1])
            return copy
        asset = DataAsset(
            name=wanted.name,
            version=wanted.version or results.run_id,
            uri=storage_uri(self.store_url, f"{results.run_id}/") if is_remote(self.store_url) else "",
            description=f"results of run {results.run_id} of {results.experiment}",
            tags={"hyperscale_run": results.run_id, "hyperscale_seal": str(results.seal), **_counts(results)},
        )
        with _said(problems, f"the results are not registered as {asset.name}:{asset.version}"):
            self.register(asset)
            logger.info("the results are registered as %s:%s", asset.name, asset.version)
            return replace(copy, asset=f"{asset.name}:{asset.version}")
        return copy


def _counts(results: RunResults) -> dict[str, str]:
    return {"succeeded": str(results.rows.succeeded), "failed": str(results.rows.failed)}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@contextmanager
def _said(problems: list[str], what: str) -> Iterator[None]:
    """Say that `what` is so, and why, when the block fails; a run does not depend on it."""
    try:
        yield
    except Exception as error:  # of the mount of an output, of a library of somebody else
        why = in_words(error) if isinstance(error, HyperscaleError) else f"{type(error).__name__}: {error}"
        problems.append(f"{what}: {why}")
        logger.warning(problems[-1])
