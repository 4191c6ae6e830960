"""An activity that is the script of an Azure ML parallel job, as it is: `init()`, `run(mini_batch)`, `shutdown()`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hyperscale.node.working.activity import Activity, Context, nothing, with_context
from hyperscale.node.working.entry_script import EntryScript, offer_entry_script
from hyperscale.node.working.importing import add_folder, import_file
from hyperscale.node.working.mini_batch import MiniBatchContext, check_pandas, file_paths, frame_of
from hyperscale.node.working.results import decode_stored, encode_result
from hyperscale.node.working.returned import read_returned, result_of_group, results_of_rows
from hyperscale.program_arguments import OUTPUTS, mount_place, program_arguments

#: The mount that is a script's model: parallel jobs and endpoints name its folder in this variable.
_MODEL, _MODEL_VARIABLE = "model", "AZUREML_MODEL_DIR"
#: Where the script of a batch deployment writes what is not its result; the script itself finds the folder by it.
_OUTPUT_VARIABLE = "AZUREML_BI_OUTPUT_PATH"
#: Folders in the scratch folder of the worker.
_CALL_OUTPUTS, _LOGS = "output_dir", "log_dir"


def load_parallel_script(
    script: str, folder: Path, context: Context, *, gets_files: bool, error_on_missing: bool
) -> Activity:
    """Return the activity of the file `script` in the code's `folder`.

    What it finds is there before it is imported: its arguments in sys.argv, its model's folder, EntryScript.

    Raises:
        Exception: whatever the import raises; ModuleNotFoundError when pandas is needed and is not there;
            AttributeError when the script has no `run`.
    """
    file, outputs = folder / script, context.scratch / _CALL_OUTPUTS
    for place in dict.fromkeys((file.parent, folder)):
        add_folder(place)
    _prepare(file, folder, outputs, context)
    if not gets_files:
        check_pandas()
    module = import_file(file)
    calls = _Calls(with_context(module.run, 1), outputs, gets_files=gets_files, error_on_missing=error_on_missing)
    init, shutdown = getattr(module, "init", nothing), getattr(module, "shutdown", nothing)
    return Activity(lambda _: init(), calls.run, shutdown)


def _prepare(file: Path, folder: Path, outputs: Path, context: Context) -> None:
    logs = context.scratch / _LOGS
    for made in (outputs, logs):
        made.mkdir(parents=True, exist_ok=True)
    places = {OUTPUTS: str(outputs), **{mount_place(name): str(path) for name, path in context.mounts.items()}}
    sys.argv = [str(file), *program_arguments(context.arguments, places)]
    os.environ.setdefault(_OUTPUT_VARIABLE, str(outputs))
    model = context.mounts.get(_MODEL)
    if model is not None:
        os.environ.setdefault(_MODEL_VARIABLE, str(model if model.is_dir() else model.parent))
    offer_entry_script(
        EntryScript(
            logger=context.logger,
            log_dir=str(logs),
            output_dir=str(outputs),
            working_dir=str(folder),
            entry_script_dir=str(file.parent),
            agent_name=f"process{context.worker_index:03}",
        )
    )


class _Calls:
    """Calls `run` of a script with mini batches, and finds out which of its results are whose."""

    def __init__(
        self,
        run: Callable[[Any, MiniBatchContext], Any],
        outputs: Path,
        *,
        gets_files: bool,
        error_on_missing: bool,
    ) -> None:
        self._run, self._outputs = run, outputs
        self._gets_files, self._error_on_missing = gets_files, error_on_missing
        self._calls = 0
        self._left_by_init: frozenset[Path] | None = None

    def run(self, rows: Sequence[Mapping[str, Any]], context: Context) -> Any:
        """Return a result for each of the `rows` of a call, or the one of a group.

        An exception stands for a row that has failed.
        """
        self._drop_outputs()
        first = context if context.group is not None else context.rows[0]
        about = MiniBatchContext(first.row_index or 0, dict(context.group or {}))
        self._calls += 1
        batch = file_paths(rows) if self._gets_files else frame_of(rows, self._calls)
        returned = read_returned(self._run(batch, about))
        if context.group is not None:
            result = result_of_group(returned, error_on_missing=self._error_on_missing)
            self._keep_outputs(context)
            return result
        results = results_of_rows(
            returned, rows, call=self._calls, gets_files=self._gets_files, error_on_missing=self._error_on_missing
        )
        return self._keep_outputs_of_one(context.rows, results)

    def _drop_outputs(self) -> None:
        """Remove the files of a call that failed; what `init` has written is there for every call."""
        if self._left_by_init is None:
            self._left_by_init = frozenset(self._files())
        for file in self._files():
            if file not in self._left_by_init:
                file.unlink()

    def _keep_outputs_of_one(self, rows: Sequence[Context], results: list[Any]) -> list[Any]:
        """Keep what the call left with the first row that succeeds, and return the results as far as they were read.

        Whether a row succeeds is known when its result is encoded: a generator in it then gives its values, once.
        """
        if self._files():
            for place, own in enumerate(rows):
                try:
                    results[place] = decode_stored(encode_result(results[place]))
                except Exception as error:
                    results[place] = error
                    continue
                self._keep_outputs(own)
                break
        return results

    def _keep_outputs(self, owner: Context) -> None:
        """Move what the call left in the folder for files to those of a row; folders that `init` has made stay."""
        for file in self._files():
            kept = owner.outputs / file.relative_to(self._outputs)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, kept)
        self._left_by_init = frozenset()

    def _files(self) -> list[Path]:
        """Return all files below the folder for files; a link to a folder counts as one."""
        return [path for path in self._outputs.rglob("*") if path.is_symlink() or not path.is_dir()]
