"""Writes rendered files into a folder, or says which of those that lie there are not current."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from hyperscale.control.rendered.rendering import HEADER
from hyperscale.control.whole_file import write_whole
from hyperscale.errors import ExperimentError, RunStateError

#: Folders that an earlier render may have left files in; whose a compute is, its tags tell.
_COMPUTE = "compute"
#: Of a pipeline, and of a component in a folder of its own.
_ENVIRONMENTS = ("components/consume_environment", "consume_environment")
_PIPELINES = "pipelines"
_CONTROL_TAG = '"hyperscale_control": "shared"'


def write_files(files: Mapping[PurePosixPath, str], out: Path, experiment: str) -> None:
    """Write `files` into `out`, and remove what an earlier render of the experiment left and this one has not.

    Nothing is written when one of the files is not ours.

    Args:
        files: path in `out` to text, from `render`.
        out: is made if it does not exist.
        experiment: its name.

    Raises:
        ExperimentError: when a file is there already and was not rendered.
    """
    foreign = [path for path in files if (out / path).exists() and not _is_rendered(out / path)]
    if foreign:
        raise ExperimentError(
            f"{out / foreign[0]} was not rendered by hyperscale, and would be overwritten",
            hint="move it away, or render into another folder with --out",
        )
    for path, text in files.items():
        write_whole(out / path, text)
    for path in stale_files(files, out, experiment):
        (out / path).unlink()


def check_files(files: Mapping[PurePosixPath, str], out: Path, experiment: str) -> None:
    """See that what lies in `out` is what `write_files` would leave there.

    Raises:
        RunStateError: when it is not; names every file.
    """
    differences = [f"{path} {what}" for path, text in files.items() if (what := _difference(out / path, text))]
    differences += [f"{path} is left of an earlier render" for path in stale_files(files, out, experiment)]
    if differences:
        listed = "".join(f"\n  {difference}" for difference in differences)
        raise RunStateError(f"rendered files in {out} are not current:{listed}", hint='run "hyperscale render"')


def stale_files(files: Mapping[PurePosixPath, str], out: Path, experiment: str) -> list[PurePosixPath]:
    """Return the rendered files in `out` that belong to the experiment, but not to this render of it."""
    found = [path for folder in _ENVIRONMENTS for path in _rendered_in(out, folder, "*")]
    found += [*_rendered_in(out, _COMPUTE, "*.yml"), *_further_pipelines(out, experiment)]
    others = "".join((out / path).read_text("utf-8") for path in other_pipelines(files, out, experiment))

    def is_in_use(path: PurePosixPath) -> bool:
        text = (out / path).read_text("utf-8")
        if _CONTROL_TAG in text:
            # Shared by the experiments of a workspace: this one may have moved to another, they may have not.
            return f'"azureml:{path.stem}"' in others
        return f'"hyperscale_experiment": "{experiment}"\n' not in text

    return [path for path in found if path not in files and (path.parts[0] != _COMPUTE or not is_in_use(path))]


def other_pipelines(files: Mapping[PurePosixPath, str], out: Path, experiment: str) -> list[PurePosixPath]:
    """Return the rendered pipelines of other experiments in `out`; they share the components of this one."""
    ours = {*files, *_further_pipelines(out, experiment)}
    return [path for path in _rendered_in(out, _PIPELINES, "*.yml") if path not in ours]


def _further_pipelines(out: Path, experiment: str) -> list[PurePosixPath]:
    """Return the rendered pipelines behind the first of the experiment, of whatever render; see `Part.suffix`."""
    return _rendered_in(out, _PIPELINES, f"{experiment}_p*.yml")


def _rendered_in(out: Path, folder: str, pattern: str) -> list[PurePosixPath]:
    """Return the rendered files of a folder in `out`, relative to `out`."""
    files = sorted(file for file in (out / folder).glob(pattern) if file.is_file())
    return [PurePosixPath(folder, file.name) for file in files if _is_rendered(file)]


def _is_rendered(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(HEADER)) == HEADER.encode()


def _difference(file: Path, text: str) -> str:
    if not file.exists():
        return "is missing"
    return "" if file.read_bytes() == text.encode() else "differs"
