"""Write components/, pipelines/ and compute/."""

from __future__ import annotations

import argparse
from pathlib import Path

from hyperscale.commands import add_file, add_set, say
from hyperscale.control.planning import open_plan
from hyperscale.control.rendered_files import check_files, write_files
from hyperscale.control.rendering import azure_inputs, render
from hyperscale.control.staging import stage_code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take FILE or a saved plan, --set, --check and --out."""
    add_file(parser)
    add_set(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the files are not current")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="where the folders are written (default: beside the experiment file)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Render an experiment or a saved plan."""
    planned = open_plan(arguments.file, arguments.overrides)
    for warning in planned.checked.warnings:
        say(f"warning: {warning}")
    experiment, folder = planned.checked.loaded.experiment, planned.checked.loaded.folder
    out = (arguments.out or folder).absolute()
    files = render(experiment, planned.plan, folder=folder, out=out, run=azure_inputs(experiment.azure))
    if arguments.check:
        check_files(files, out, experiment.name)
        print(f"{len(files)} rendered files in {out} are current.")
        return 0
    write_files(files, out, experiment.name)
    stage_code(planned.code_folder, out / "components" / "code")
    print("\n".join(str(out / path) for path in files))
    return 0
