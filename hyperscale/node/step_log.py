"""The log of a step: lines on stderr, which Azure ML keeps; on one machine they go into the log of the run, too."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from hyperscale.log_lines import LogFile, LogLines
from hyperscale.node.working.hidden_values import HiddenValues

#: The variables by which a run on one machine tells a step of its log, and of its name there.
RUN_LOG, STEP = "HYPERSCALE_RUN_LOG", "HYPERSCALE_STEP"
#: Set to `stdin` by a run on one machine, which holds that open for as long as it lives.
LIFELINE = "HYPERSCALE_LIFELINE"


def is_local(environ: Mapping[str, str]) -> bool:
    """Return whether a run on one machine has started this step, with the interpreter and packages of its user."""
    return environ.get(LIFELINE) == "stdin"


def begin_log(step: str, experiment: str, environ: Mapping[str, str]) -> None:
    """Log from now on.

    Args:
        step: seed, gate, consume or teardown.
        experiment: as the step is given it, JSON; the values of its secrets are hidden.
        environ: of the process.
    """
    hidden = HiddenValues.of(environ, _secret_names(experiment))
    lines = LogLines(environ.get(STEP, step), hidden.hide)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setFormatter(lines)
    if environ.get(RUN_LOG):
        with contextlib.suppress(OSError):  # a log that cannot be written is no reason to do nothing
            handlers.append(LogFile(Path(environ[RUN_LOG]), lines))
    logging.basicConfig(level=logging.INFO, handlers=handlers)


def _secret_names(experiment: str) -> list[str]:
    """Return the names of `activity.secrets`; what is no experiment is refused by whoever reads it next."""
    try:
        return list(json.loads(experiment)["activity"]["secrets"])
    except (ValueError, KeyError, TypeError):
        return []
