"""One step on its node: code and data are brought, the command is filled and run, outputs are taken away."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from forking import forking_python

from emulator.execution.contents import link_or_copy
from emulator.execution.data import DEFAULT_DATASTORE, DataError, Storage
from emulator.execution.environment import node_variables
from emulator.execution.expressions import ExpressionError, fill, outputs_named_in
from emulator.execution.host import Host
from emulator.execution.processes import StepProcess, Sweeper
from emulator.execution.records import Fate, StepRecord
from emulator.execution.submitted import Data
from emulator.resources import Failure

LOG = "user_logs/std_log.txt"
#: The service keeps 3,000 characters of an error message (resource-limits-capacity.md).
_MAX_SAID = 2_000


@dataclass(frozen=True)
class ReadyStep:
    """A command that can be started."""

    command: str
    folder: Path
    environment: dict[str, str]
    log: Path
    mark: str
    sweeper: Sweeper
    inputs: Mapping[str, str | None]

    def input(self, name: str) -> Path:
        """Return where an input is: all steps of the job that take it have the same copy."""
        return Path(self.inputs[name] or "")

    def start(self) -> StepProcess:
        return StepProcess(
            self.command,
            folder=self.folder,
            environment=self.environment,
            log=self.log,
            mark=self.mark,
            sweeper=self.sweeper,
        )


class StepRuns:
    """Prepares the steps of an emulator for their nodes, and clears up after them."""

    def __init__(self, host: Host, storage: Storage, folder: Path) -> None:
        """Work in `folder`."""
        self._host, self._storage, self._folder = host, storage, folder
        self._sweeper = Sweeper()

    def prepare(self, record: StepRecord, identity_ids: list[str]) -> ReadyStep:
        """Bring what the step needs to its folder.

        Raises:
            DataError: when code or data are not where they should be.
            ExpressionError: when its command names what it does not have.
        """
        folder = self.folder_of(record)
        log = folder / "logs" / LOG
        for made in ("home", "tmp", "outputs", "logs/user_logs"):
            (folder / made).mkdir(parents=True, exist_ok=True)
        inputs = {name: self._input(record, name, identity_ids) for name in record.plan.inputs}
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        values |= {f"outputs.{name}": str(self._output_path(record, name)) for name in record.plan.outputs}
        workspace = self._host.world.workspace
        environment = node_variables(
            run_id=record.step.run_id,
            root_run_id=record.job.job.name,
            workspace={
                "subscription_id": workspace.subscription_id,
                "resource_group": workspace.resource_group,
                "name": workspace.name,
            },
            experiment=record.job.job.experiment,
            tracking=f"azureml://{workspace.location}.api.azureml.ms/mlflow/v1.0{workspace.path}",
            client_id=record.plan.client_id or self._only_client_id(identity_ids),
            found=self._host.node_environment(identity_ids),
            own=record.plan.variables,
            folder=folder,
            python=forking_python(),
        )
        mark = f"AZUREML_RUN_ID={record.step.run_id}"
        command = fill(record.plan.command, values)
        return ReadyStep(command, self._code(record, identity_ids), environment, log, mark, self._sweeper, inputs)

    def take_outputs(self, record: StepRecord, identity_ids: list[str]) -> None:
        """Copy what the step wrote to where its outputs go; what is in ./outputs is kept with its run (D v1 and v2).

        Raises:
            DataError: when its identities may not write there.
        """
        self._storage.keep_files(self.folder_of(record) / "code" / "outputs", record.step.run_id)
        for name, output in record.plan.outputs.items():
            self._storage.check_right(record.step.outputs[name], identity_ids, "w")
            path = self._output_path(record, name)
            if output.kind == "uri_file":
                if path.exists():
                    self._storage.put_file(path, record.step.outputs[name])
            else:
                self._storage.put(path, record.step.outputs[name])

    def clear(self, record: StepRecord) -> None:
        """Remove what the step has on its node; what it said stays."""
        for name in ("code", "home", "tmp", "outputs"):
            shutil.rmtree(self.folder_of(record) / name, ignore_errors=True)

    def folder_of(self, record: StepRecord) -> Path:
        return self._folder / record.step.run_id

    def _only_client_id(self, identity_ids: list[str]) -> str | None:
        return self._host.client_id(identity_ids[0]) if len(identity_ids) == 1 else None

    def _input(self, record: StepRecord, name: str, identity_ids: list[str]) -> str | None:
        value = record.plan.inputs[name]
        job = record.job.job.name
        if isinstance(value, Data):
            self._storage.check_right(value.uri, identity_ids, "r")
            if value.kind == "uri_file":
                return str(self._storage.fetch_file(job, value.uri))
            return str(self._storage.fetch_folder(job, value.uri))
        if value is None:
            return None
        for step, output in outputs_named_in([value]):
            if record.job.steps[step].step.status != "Completed":
                return None  # of an optional input: the step runs as if nobody had given it
            uri = record.job.steps[step].step.outputs[output]
            self._storage.check_right(uri, identity_ids, "r")
            if record.job.steps[step].plan.outputs[output].kind == "uri_file":
                return str(self._storage.fetch_file(job, uri))
            return str(self._storage.fetch_folder(job, uri))
        return value

    def _output_path(self, record: StepRecord, name: str) -> Path:
        path = self.folder_of(record) / "outputs" / name
        if record.plan.outputs[name].kind == "uri_folder":
            path.mkdir(exist_ok=True)
        return path

    def _code(self, record: StepRecord, identity_ids: list[str]) -> Path:
        if record.plan.code and self._host.world.identity_datastores:
            self._storage.check_right(record.plan.code, identity_ids, "r")
        folder = self.folder_of(record) / "code"
        shutil.rmtree(folder, ignore_errors=True)
        if record.plan.code is None:
            folder.mkdir()
        else:
            shutil.copytree(self._storage.fetch_code(record.plan.code), folder, copy_function=link_or_copy)
        return folder


def output_uris(record: StepRecord) -> dict[str, str]:
    """Return where the outputs of a step go."""
    run_id = record.step.run_id
    return {
        name: (output.uri or f"azureml://datastores/{DEFAULT_DATASTORE}/paths/azureml/{run_id}/{name}")
        .replace("${{name}}", run_id)
        .rstrip("/")
        + ("/" if output.kind == "uri_folder" else "")
        for name, output in record.plan.outputs.items()
    }


def fate_of(code: int, log: Path) -> Fate | None:
    """Return how a step ends by its exit code; None when it did well."""
    if code == 0:
        return None
    said = log.read_text("utf-8", errors="replace")[-_MAX_SAID:]
    shown = code if code > 0 else 128 - code
    return Fate(
        "Failed",
        Failure(
            "UserError",
            f"Execution failed. User process 'bash' exited with status code {shown}. "
            f"Please check log file '{LOG}' for error details. Error: {said}",
        ),
    )


def carry_out(
    record: StepRecord,
    runs: StepRuns,
    identity_ids: list[str],
    begin: Callable[[StepRecord, ReadyStep], StepProcess | None],
    finalize: Callable[[StepRecord], None],
) -> Fate | None:
    """Run a step from its beginning to its end; return how it ended, None when it did well.

    Args:
        record: of the step.
        runs: prepares it.
        identity_ids: of its node.
        begin: starts the process, unless the step has to end before.
        finalize: is called when the process has ended.
    """
    try:
        ready = runs.prepare(record, identity_ids)
        process = begin(record, ready)
        if process is None:
            return None
        code = process.wait()
        finalize(record)
        if record.fate is None:
            runs.take_outputs(record, identity_ids)
        return fate_of(code, ready.log)
    except (DataError, ExpressionError) as error:
        return Fate("Failed", Failure("UserError", str(error)))
    finally:
        runs.clear(record)
