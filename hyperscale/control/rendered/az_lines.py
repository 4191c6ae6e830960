"""The command lines of az that make a run of rendered files."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from hyperscale.experiment import Azure


def az_lines(files: Iterable[PurePosixPath], out: Path, azure: Azure, *, run_id: str, here: Path) -> list[str]:
    """Return the lines, in the order in which they are to be given.

    All of them may be given again: a compute that is there is set to what it is, and `az ml job create` begins another
    run. Only where a run has several pipelines do the lines name it, so that all of them belong to one run; given
    again, these lines change nothing, as each job has its name already.

    Args:
        files: that were rendered, in the order of `render`.
        out: the folder that they are in; absolute.
        azure: of the experiment: the workspace, as far as it is given. Names of clusters are made of it.
        run_id: of a run that several pipelines would make.
        here: the working directory; absolute. Files below it are named from there.
    """
    place = "".join(
        f" {option} {shlex.quote(value)}"
        for option, value in (
            ("--subscription", azure.subscription_id),
            ("-g", azure.resource_group),
            ("-w", azure.workspace_name),
        )
        if value
    )
    computes = [path for path in files if path.parts[0] == "compute"]
    pipelines = [path for path in files if path.parts[0] == "pipelines"]
    return [
        *(f"az ml compute create{place} -f {_shown(out / path, here)}" for path in computes),
        *_jobs([_shown(out / path, here) for path in pipelines], place, run_id),
    ]


def _jobs(pipelines: list[str], place: str, run_id: str) -> Iterator[str]:
    if len(pipelines) == 1:
        yield f"az ml job create{place} -f {pipelines[0]}"
        return
    for number, pipeline in enumerate(pipelines, start=1):
        # The gates look for the seed in the job that is called like the run, before anything else tells them of it.
        name = run_id if number == 1 else f"{run_id}-p{number}"
        yield f"az ml job create{place} -f {pipeline} --name {name} --set inputs.run_id={run_id}"


def _shown(file: Path, here: Path) -> str:
    path = file.relative_to(here) if file.is_relative_to(here) else file
    return shlex.quote(path.as_posix())
