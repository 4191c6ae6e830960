"""One life of a run from its pipeline file to its end, with the progress shown while it goes on."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import hyperscale
from hyperscale.control.local.deciding import TEARDOWN
from hyperscale.control.local.drill import Drill, RunningDrill, kills
from hyperscale.control.local.local_run import Ending, LocalRun
from hyperscale.control.local.step_plans import plan_steps
from hyperscale.control.local.stopping import StopRequests
from hyperscale.control.progress import open_display
from hyperscale.control.rendered.pipeline_files import Pipeline, load_pipeline
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import read_results
from hyperscale.control.run_log import LoggedDisplay, run_log
from hyperscale.errors import EXIT_SUCCESS, IncompleteRunError
from hyperscale.log_lines import fields

logger = logging.getLogger(__name__)

#: Teardown ends so when it has published results; with anything else, what lies there is of an earlier life.
_PUBLISHED = (EXIT_SUCCESS, IncompleteRunError.exit_code)


def execute(run: RunFolder, lock: int, *, is_terminal: bool, drill: Drill | None = None) -> Ending:
    """Execute the pipeline of `run` on this machine.

    Args:
        run: launched, or resumed.
        lock: descriptor that holds it.
        is_terminal: whether a bar can be drawn.
        drill: what kills consumers and workers meanwhile.

    Raises:
        ExperimentError: when the pipeline cannot be executed here.
    """
    pipeline = load_pipeline(Path(run.read_launch().pipeline))
    plans = plan_steps(pipeline, run, python=sys.executable, environment=os.environ)
    with run_log(run), StopRequests() as stops:
        _note_beginning(run, pipeline)
        display = LoggedDisplay(open_display(is_terminal=is_terminal))
        run.scratch.mkdir(exist_ok=True)
        running = RunningDrill(kills(drill, _rows_per_message(pipeline))) if drill else None
        try:
            if drill:
                display.say(f"this is a drill: --drill {drill} repeats it")
            ending = LocalRun(run, plans, display=display, stops=stops, lock=lock, drill=running).execute()
            if running:
                display.say(f"the drill has killed {running.told()}")
            logger.info("the steps are over", extra=fields("ended", exits=ending.exits, errors=ending.errors))
            return ending
        finally:
            display.close()
            shutil.rmtree(run.scratch, ignore_errors=True)


def results_of_life(run: RunFolder, ending: Ending) -> dict[str, Any] | None:
    """Return run_results.json if the life of `run` that ended so has written it."""
    if ending.exits.get(TEARDOWN) not in _PUBLISHED:
        return None
    store = run.store()
    try:
        return read_results(store)
    finally:
        store.close()


def _note_beginning(run: RunFolder, pipeline: Pipeline) -> None:
    machine = {"python": platform.python_version(), "platform": platform.platform(), "version": hyperscale.__version__}
    logger.info("run %s begins", run.run_id, extra=fields("run_began", pipeline=str(pipeline.file), **machine))


def _rows_per_message(pipeline: Pipeline) -> int:
    given = pipeline.inputs.get("rows_per_message")
    return int(given.value) if given else 1
