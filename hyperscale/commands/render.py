"""Write components/, pipelines/ and compute/."""

from __future__ import annotations

import argparse
import dataclasses
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from hyperscale.commands import add_file, add_json, add_set, print_json, say, say_warnings
from hyperscale.control.planning import Planned, open_plan
from hyperscale.control.rendered.az_lines import az_lines
from hyperscale.control.rendered.data_inputs import places_as_written
from hyperscale.control.rendered.pipeline_checks import load_checked_pipeline
from hyperscale.control.rendered.rendered_files import check_files, other_pipelines, write_files
from hyperscale.control.rendered.rendering import (
    COMPONENT,
    azure_inputs,
    check_one_pipeline,
    component_folder,
    render,
    render_component,
)
from hyperscale.control.rendered.staging import check_target, stage_code
from hyperscale.cost import unpriced_notes
from hyperscale.names import new_run_id
from hyperscale.pipeline_parts import parts_of, pipeline_count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take FILE or a saved plan, --set, --check, --out and --json."""
    add_file(parser, or_plan=True)
    add_set(parser)
    add_json(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the files are not current")
    parser.add_argument(
        "--as-component",
        action="store_true",
        help="write the whole run as a pipeline component, for a pipeline of your own, into components/NAME-run/",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="where the folders are written (default: beside the experiment file)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Render an experiment or a saved plan."""
    planned = open_plan(arguments.file, arguments.overrides, say=say)
    say_warnings(planned.checked.warnings)
    experiment, plan, folder = planned.checked.loaded.experiment, planned.plan, planned.checked.loaded.folder
    say_warnings(unpriced_notes(experiment, plan))
    out = (arguments.out or folder).absolute()
    parts = parts_of(plan.places, pipeline_count(experiment, plan.consumers))
    inputs = azure_inputs(experiment.azure, places_as_written(planned.checked.loaded.remote))
    if arguments.as_component:
        check_one_pipeline(parts)
        out /= component_folder(experiment.name)
        files = render_component(experiment, plan, folder=folder, out=out, run=inputs)
    else:
        files = render(experiment, plan, folder=folder, out=out, run=dataclasses.replace(inputs, parts=parts))
    run_id = new_run_id(experiment.name, datetime.now(timezone.utc), secrets.token_hex(2))
    commands = az_lines(files, out, experiment.azure, run_id=run_id, here=Path.cwd())
    if arguments.check:
        check_files(files, out, experiment.name)
        said = [f"{len(files)} rendered files in {out} are current."]
    else:
        _write(planned, files, out, out if arguments.as_component else out / "components")
        said = [*(str(out / path) for path in files), "", *commands]
    if arguments.json:
        print_json({"folder": str(out), "files": [path.as_posix() for path in files], "commands": commands})
    else:
        print("\n".join(said))
    return 0


def _write(planned: Planned, files: Mapping[PurePosixPath, str], out: Path, components: Path) -> None:
    """Write the `files` into `out`, and the staged code into the folder `components`; check what lies there then."""
    name, staged = planned.checked.loaded.experiment.name, components / "code"
    check_target(staged)
    write_files(files, out, name)
    stage_code(planned.code_folder, staged)
    for path in files:
        if path.parts[0] == "pipelines" or path.name == COMPONENT:
            load_checked_pipeline(out / path)
    for path in other_pipelines(files, out, name):
        say(f"warning: {path} shares components/ with this experiment; render its own again before you submit it")
