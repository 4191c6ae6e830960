"""Carries out a submission: writes its files and its manifest, then makes in Azure what they name, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hyperscale.azure_run import TAG_RUN, AzureRun
from hyperscale.control.azure.azure_ml import COMPONENTS, AzureMl
from hyperscale.control.azure.session import Session
from hyperscale.control.local.launching import manifest_of
from hyperscale.control.planning import Planned
from hyperscale.control.rendered.pipeline_checks import load_checked_pipeline
from hyperscale.control.rendered.staging import stage_code
from hyperscale.control.run_folder import Launch, RunFolder
from hyperscale.control.submit.data_upload import Uploads
from hyperscale.control.submit.journal import DONE, STEPS, UNDO, Journal, Made, made_by, next_step
from hyperscale.control.submit.local_data import LocalData, data_places
from hyperscale.control.submit.making_clusters import make_clusters
from hyperscale.control.submit.submitted_files import content_version, pipeline_files, write_run_files
from hyperscale.control.submit.submitted_run import without_clusters
from hyperscale.control.submit.undo import Undo, owned_clusters
from hyperscale.errors import AzureError, TeardownError
from hyperscale.experiment import Experiment
from hyperscale.figures import counted, size_text
from hyperscale.node.azure.workspace_facts import ComputeFacts
from hyperscale.node.control import write_manifest, write_selected_rows
from hyperscale.node.storing.stores import Store
from hyperscale.ownership import claim_of
from hyperscale.pipeline_parts import Part, parts_of
from hyperscale.plan import Plan
from hyperscale.talk import Say


@dataclass
class Submission:
    """One submission, from its journal on.

    Attributes:
        planned: the experiment, unchanged since the journal was begun.
        data: the files of it that lie on this machine.
        session: a login to the workspace.
        folder: of the run.
        journal: how far it has come.
        store: of the run.
        computes: of the workspace, as they were before anything was made; None: nobody has looked.
        say: tells people what happens.
        is_repeated: whether an earlier process had begun the present step.
    """

    planned: Planned
    data: Sequence[LocalData]
    session: Session
    folder: RunFolder
    journal: Journal
    store: Store
    computes: Sequence[ComputeFacts] | None
    say: Say
    is_repeated: bool = False

    def carry_out(self) -> Journal:
        """Go on from the step of the journal until all is submitted; return the journal then.

        Raises:
            AzureError: when Azure refuses, or cannot be asked; everything that was made is undone.
            TeardownError: the same, and something could not be undone; it names what.
        """
        steps: dict[str, Callable[[], Mapping[str, Any]]] = {
            "files": self._write_files,
            "manifest": self.note_in_store,
            "data": self._upload_data,
            "components": self._register,
            "clusters": self._make_clusters,
            "jobs": self._submit_jobs,
        }
        first = self.journal.step
        try:
            while (step := self.journal.step) != DONE:
                self._note()
                self.is_repeated = step == first != STEPS[0]
                changes = steps[step]()
                self.journal = self.journal.at(next_step(step), **changes)
            self._note()
        except BaseException as error:
            self._undo_after(error)
            raise
        return self.journal

    def undo(self) -> None:
        """Take back what was made.

        Raises:
            TeardownError: when something could not be taken back; it names what.
        """
        if self.journal.step != UNDO:
            self.journal = self.journal.at(UNDO, begun=self.made())
            self._note()
        left = Undo(self.session, self.store, self.say).carry_out(self.journal, self.azure_run())
        if left:
            raise TeardownError(
                f"run {self.journal.run_id} could not be undone; still there: {'; '.join(left)}",
                hint="`hyperscale submit` tries again, and so does `hyperscale gc`",
            )
        self.folder.remove()

    def made(self) -> tuple[Made, ...]:
        """Return what may have been made so far."""
        return made_by(self.journal.step)

    def parts(self) -> tuple[Part, ...]:
        """Return the pipelines."""
        return parts_of(self._plan.places, len(self.journal.jobs))

    def note_run(self, pipeline: Path) -> None:
        """Keep on this machine what is submitted: from now on the run is listed."""
        journal = self.journal
        launch = Launch(self._experiment.name, str(pipeline), journal.queue, journal.store, journal.started_at)
        self.folder.write_launch(launch)

    def note_in_store(self) -> Mapping[str, Any]:
        """Say in the store what will be made, so that any machine finds it, and teardown deletes it."""
        selected = self.planned.checked.selected
        if selected:  # before the manifest, which counts them
            write_selected_rows(self.store, selected.rows)
        document = manifest_of(self.planned, self.journal.run_id, self.journal.started_at)
        write_manifest(self.store, {**document, "azure": self.azure_run().to_document()})
        return {}

    def cluster_files(self) -> list[Path]:
        """Return the rendered files of the clusters that must be there."""
        return sorted((self.folder.rendered / "compute").glob("*.yml"))

    def _undo_after(self, error: BaseException) -> None:
        self.say(f"run {self.journal.run_id} is not submitted; what was made for it is taken back")
        try:
            self.undo()
        except TeardownError as left:
            raise TeardownError(f"{str(error) or type(error).__name__}; {left}", hint=left.hint) from None

    def _note(self) -> None:
        self.journal.write(self.folder.path)

    def _write_files(self) -> Mapping[str, Any]:
        stage_code(self.planned.code_folder, self.folder.rendered / "components" / "code")
        self._render(version="")
        version = content_version(self.folder.rendered / "components")
        self._render(version)
        for file in self._pipelines():
            load_checked_pipeline(file)
        self.note_run(self._pipelines()[0])
        return {"version": version}

    def _upload_data(self) -> Mapping[str, Any]:
        uploads = Uploads(self.journal.store)
        try:
            for data in self.data:
                sent = uploads.bring(data)
                name = "the input" if data.key == "input" else data.key.replace("_", " ", 1)
                self.say(f"{name}: {size_text(sent)} uploaded" if sent else f"{name}: in the store already")
        finally:
            uploads.close()
        return {}

    def _register(self) -> Mapping[str, Any]:
        if not self.session.workspace.has_component(f"hyperscale_{COMPONENTS[-1]}", self.journal.version):
            self.say(f"code and environments are registered, as version {self.journal.version}")
            self._azure_ml.register(self.folder.rendered / "components", self.journal.version)
        return {}

    def _make_clusters(self) -> Mapping[str, Any]:
        files = self.cluster_files()
        if not files:
            return {}
        owned, run_id, workspace = owned_clusters(self.journal), self.journal.run_id, self.session.workspace
        there = workspace.computes() if self.is_repeated or self.computes is None else self.computes
        lost = make_clusters(self._azure_ml, files, there, owned=owned, run_id=run_id, say=self.say)
        if lost:
            gone = replace(claim_of(self.azure_run(), run_id), clusters=tuple(lost))
            for problem in Undo(self.session, self.store, self.say).delete_clusters(gone):
                self.say(f"warning: still there: {problem}")
            self.journal = replace(self.journal, lost_clusters=tuple(lost))
            left = f"{counted(self._plan.nodes, 'node')} with {counted(self._plan.consumers, 'consume job')}"
            self.say(f"the run goes on without {', '.join(lost)}: {left} remain")
            self._render(self.journal.version)
        return {}

    def _submit_jobs(self) -> Mapping[str, Any]:
        urls = []
        # The first one holds seed and teardown; with lost clusters, the last ones may have nothing to hold.
        for file, name in zip(self._pipelines(), self.journal.jobs, strict=False):
            found = self.session.workspace.job(name) if self.is_repeated else None
            urls.append(found.studio_url if found else self._submit(file, name))
        return {"studio_url": urls[0]}

    def _submit(self, file: Path, name: str) -> str:
        try:
            return self._azure_ml.submit(file, name)
        except AzureError:
            # The answer may have been lost, and the next request refused because the first had come through.
            found = self.session.workspace.job(name)
            if found is None or found.run_id != self.journal.run_id:
                raise
            return found.studio_url

    @property
    def _experiment(self) -> Experiment:
        return self.planned.checked.loaded.experiment

    @property
    def _plan(self) -> Plan:
        return without_clusters(self.planned.plan, self.journal.lost_clusters)

    @cached_property
    def _azure_ml(self) -> AzureMl:
        return AzureMl(self.session)

    def azure_run(self) -> AzureRun:
        """Return what `run.json` says of where the run is."""
        plan, place = self.planned.plan, self.session.place.workspace
        return AzureRun(
            subscription_id=place.subscription_id,
            resource_group=place.resource_group,
            workspace_name=place.name,
            jobs=self.journal.jobs,
            clusters=owned_clusters(self.journal),
            tag=TAG_RUN,
            tag_value=self.journal.run_id,
            control_cluster=plan.control_cluster,
            usd_per_node_hour=plan.usd_per_node_hour,
            seed_cluster=plan.seed_cluster,
            usd_per_control_hour=plan.usd_per_control_hour,
        )

    def _pipelines(self) -> list[Path]:
        return pipeline_files(self.folder.rendered, self._experiment.name, self.parts())

    def _render(self, version: str) -> None:
        write_run_files(
            self.planned, self._plan, self.journal,
            data=data_places(self.planned.checked.loaded.remote, self.data, self.journal.store),
            version=version, parts=self.parts(), out=self.folder.rendered,
        )  # fmt: skip
