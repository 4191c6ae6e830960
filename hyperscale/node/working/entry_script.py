"""The helper that parallel jobs lay beside a script: `from azureml_user.parallel_run import EntryScript` works here."""

from __future__ import annotations

import importlib.util
import logging
import sys
import types
from dataclasses import dataclass

_PACKAGE = "azureml_user"


@dataclass(frozen=True)
class EntryScript:
    """What EntryScript() gives to a script; the names are those of parallel jobs.

    Attributes:
        logger: what it logs goes where the worker's prints go.
        log_dir: a folder of the worker for logs of the script's own; it is gone after the run.
        output_dir: what a call leaves in it is kept with the first row of the call that succeeded.
        working_dir: the folder of the code.
        entry_script_dir: the script's own folder, in it.
        agent_name: which process of its node this is: process000, process001, ...
    """

    logger: logging.Logger
    log_dir: str
    output_dir: str
    working_dir: str
    entry_script_dir: str
    agent_name: str


def offer_entry_script(helper: EntryScript) -> None:
    """Let the script import EntryScript, which always gives `helper`; a package of that name of the user's own wins."""
    if _PACKAGE in sys.modules or importlib.util.find_spec(_PACKAGE) is not None:
        return
    package, module = types.ModuleType(_PACKAGE), types.ModuleType(f"{_PACKAGE}.parallel_run")
    package.__path__ = []
    package.parallel_run = module  # type: ignore[attr-defined]
    module.EntryScript = lambda *_, **__: helper  # type: ignore[attr-defined]
    sys.modules.update({_PACKAGE: package, module.__name__: module})
