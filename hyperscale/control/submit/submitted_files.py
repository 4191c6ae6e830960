"""Writes the files of a submitted run: the templates are those of everybody, names, tags and addresses its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from hyperscale.azure_run import TAG_RUN
from hyperscale.control.planning import Planned
from hyperscale.control.rendered.data_inputs import DataPlace
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.control.submit.journal import Journal
from hyperscale.control.submit.local_data import file_hash
from hyperscale.control.submit.submitted_run import run_tags
from hyperscale.pipeline_parts import Part
from hyperscale.plan import Plan

#: A version is a part of a name: hexadecimal digits, and a letter in front, so that none is taken for a number.
VERSION_LENGTH = 20


def write_run_files(
    planned: Planned,
    plan: Plan,
    journal: Journal,
    *,
    data: Mapping[str, DataPlace],
    version: str,
    parts: tuple[Part, ...],
    out: Path,
) -> None:
    """Write what is submitted into `out`.

    Args:
        planned: the experiment.
        plan: of it; without clusters that were lost.
        journal: of the submission.
        data: where the data is, by the name of the pipeline's input.
        version: of the registered components.
        parts: the pipelines.
        out: the run's folder `rendered`.

    Raises:
        ExperimentError: when something of the experiment cannot be written into the files.
    """
    loaded = planned.checked.loaded
    inputs = RunInputs(
        run_id=journal.run_id,
        queue=journal.queue,
        store=journal.store,
        tags=run_tags(journal, loaded.experiment.name),
        owner_tag=f"{TAG_RUN}={journal.run_id}",
        data=data,
        version=version,
        parts=parts,
    )
    for path, text in render(loaded.experiment, plan, folder=loaded.folder, out=out, run=inputs).items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8")


def pipeline_files(rendered: Path, experiment: str, parts: Iterable[Part]) -> list[Path]:
    """Return the pipeline file of each part."""
    return [rendered / "pipelines" / f"{experiment}{part.suffix}.yml" for part in parts]


def content_version(components: Path) -> str:
    """Return the version of the components in a folder: the same for the same code, environments and texts."""
    digest = hashlib.sha256()
    for file in sorted(file for file in components.rglob("*") if file.is_file()):
        digest.update(f"{file_hash(file)} {file.relative_to(components).as_posix()}\n".encode())
    return f"h{digest.hexdigest()[: VERSION_LENGTH - 1]}"
