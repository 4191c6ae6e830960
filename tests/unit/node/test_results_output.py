"""What teardown leaves for the studio and for later jobs: a copy that names its seal, the report, a data asset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finished_runs import SEALED_AT, experiment, failed, part, seeded, succeeded, write_input

from hyperscale import blobs
from hyperscale.errors import AzureError
from hyperscale.experiment import NodeExperiment
from hyperscale.node.azure.workspace_facts import DataAsset
from hyperscale.node.collecting.publishing import seal_and_publish
from hyperscale.node.collecting.results_copy import COPIED_FROM, copy_lines, copy_published, read_copy
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.ending.results_output import ResultsOutput
from hyperscale.node.storing.stores.folder import FolderStore

TABLES = {blobs.RESULTS_PARQUET, blobs.RESULTS_CSV, blobs.FAILURES_CSV, blobs.JOBLOG}


class Site:
    """A run whose ledger is written by hand, the output of its teardown, and what was registered."""

    def __init__(self, folder: Path, rows: int = 3, register: dict[str, str] | None = None) -> None:
        self.folder, self.rows = folder, rows
        self.store = FolderStore(folder / "store" / "r")
        self.input = write_input(folder, rows)
        seeded(self.store, rows, input_path=self.input)
        spec = experiment().to_document()
        self.experiment = NodeExperiment.from_document({**spec, "output": {**spec["output"], "register": register}})
        self.output, self.job_files = folder / "output", folder / "job" / "outputs"
        self.registered: list[DataAsset] = []
        self.refusal: AzureError | None = None
        self.store_url = str(folder / "store")
        self._lives = 0

    def register(self, asset: DataAsset) -> None:
        if self.refusal:
            raise self.refusal
        self.registered.append(asset)

    def publish(self) -> tuple[Path, RunResults]:
        """Seal what the ledger has, as a teardown does; return the folder of what was published."""
        self._lives += 1
        folder = self.folder / f"published-{self._lives}"
        folder.mkdir()
        results = seal_and_publish(
            run_id="r",
            store=self.store,
            experiment=self.experiment,
            input_path=self.input,
            cancel=None,
            sealed_at=SEALED_AT,
            open_run=lambda name: FolderStore(self.folder / name),
            folder=folder,
        )
        return folder, results

    def fill(self, *, is_job: bool = True) -> RunResults:
        folder, results = self.publish()
        ResultsOutput(
            folder=self.output,
            kept_with_job=self.job_files if is_job else None,
            store=self.store,
            store_url=self.store_url,
            experiment=self.experiment,
            register=self.register,
        ).fill(folder, results)
        return results

    def copied_from(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.output / COPIED_FROM).read_text("utf-8"))
        return document

    def files(self) -> set[str]:
        return {path.name for path in self.output.iterdir()}


def done(site: Site, rows: range, consumer: str = "c-1") -> None:
    part(site.store, consumer, [succeeded(row, {"x": row}) for row in rows])


def test_the_output_is_a_copy_of_what_is_published_and_names_its_seal(tmp_path: Path) -> None:
    site = Site(tmp_path)
    done(site, range(3))

    results = site.fill()

    said = site.copied_from()
    assert (results.seal, said["seal"], said["run_id"], said["store"]) == (1, 1, "r", str(tmp_path / "store" / "r"))
    assert site.files() == {*TABLES, blobs.RUN_RESULTS, blobs.REPORT, COPIED_FROM}
    assert said["files"] == {name: (site.output / name).stat().st_size for name in site.files() - {COPIED_FROM}}
    for name in blobs.PUBLISHED:
        assert (site.output / name).read_bytes() == site.store.read(name)
    assert json.loads((site.output / blobs.RUN_RESULTS).read_text())["seal"] == 1
    copy = read_copy(site.store)
    assert copy is not None
    assert json.loads(json.dumps(copy.to_document())) == said
    assert copy_lines(site.store, copy) == []


def test_the_report_lies_in_the_output_and_among_the_files_of_the_job(tmp_path: Path) -> None:
    site = Site(tmp_path, rows=4)
    done(site, range(3))
    part(site.store, "c-2", [failed(3, "too deep")])

    site.fill()

    page = (site.job_files / blobs.REPORT).read_text("utf-8")
    assert page == (site.output / blobs.REPORT).read_text("utf-8")
    assert "<strong>3</strong> of 4 rows succeeded" in page
    assert "too deep" in page


def test_on_one_machine_the_report_is_left_to_the_command_that_runs(tmp_path: Path) -> None:
    site = Site(tmp_path)
    done(site, range(3))

    site.fill(is_job=False)

    assert blobs.REPORT not in site.files()
    assert not site.job_files.exists()


def test_tables_that_are_too_large_stay_in_the_store_alone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    done(site, range(3))
    folder, results = site.publish()
    all_together = sum((folder / name).stat().st_size for name in blobs.PUBLISHED)
    empty = ResultsOutput(
        folder=site.output, kept_with_job=None, store=site.store, store_url=site.store_url,
        experiment=site.experiment, register=site.register,
    ).copy_of(results)  # fmt: skip

    copy = copy_published(folder, site.output, empty, most_bytes=all_together - 1)

    assert site.files() == {blobs.RUN_RESULTS}
    assert set(copy.in_store_only) == TABLES
    (line,) = copy_lines(site.store, copy)
    assert blobs.RESULTS_PARQUET in line


def test_a_later_life_replaces_the_copy_and_a_reader_of_an_older_one_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path)
    done(site, range(2))
    first = site.fill()
    (site.output / blobs.REPORT).write_text("of the first life")
    older = read_copy(site.store)
    done(site, range(2, 3), consumer="c-2")

    _, newer = site.publish()  # as `hyperscale teardown` does, which has no output
    told = copy_lines(site.store, read_copy(site.store))
    site.fill(is_job=False)

    assert (first.seal, newer.seal, site.copied_from()["seal"]) == (1, 2, 2)
    assert older == read_copy_of(site, 1)
    assert len(told) == 1
    assert "seal 1" in told[0]
    assert "seal 2" in told[0]
    assert blobs.REPORT not in site.files()
    assert copy_lines(site.store, read_copy(site.store)) == []


def read_copy_of(site: Site, seal: int) -> Any:
    from hyperscale.documents import build
    from hyperscale.node.collecting.results_copy import ResultsCopy

    return build(ResultsCopy, json.loads(site.store.read(blobs.copy(seal))))


def test_an_output_that_cannot_be_written_is_said_and_changes_nothing_else(tmp_path: Path) -> None:
    site = Site(tmp_path, register={"name": "tables"})
    site.output.write_text("a file is in the way")
    site.store_url = "https://lab.blob.core.windows.net/hyper"
    done(site, range(3))

    results = site.fill()

    assert (results.outcome, results.exit_code) == ("succeeded", 0)
    assert [asset.name for asset in site.registered] == ["tables"]
    copy = read_copy(site.store)
    assert copy is not None
    assert "output `results`" in copy.problems[0]
    assert str(site.output) in copy.problems[0]
    assert blobs.REPORT in {path.name for path in site.job_files.iterdir()}


@pytest.mark.parametrize(("given", "version"), [({"name": "tables"}, "r"), ({"name": "tables", "version": "7"}, "7")])
def test_complete_results_are_registered_where_they_are_published(
    tmp_path: Path, given: dict[str, str], version: str
) -> None:
    site = Site(tmp_path, rows=4, register=given)
    site.store_url = "https://lab.blob.core.windows.net/hyper/team"
    done(site, range(3))
    part(site.store, "c-2", [failed(3)])

    site.fill()

    (asset,) = site.registered
    assert (asset.name, asset.version) == ("tables", version)
    assert asset.uri == "wasbs://hyper@lab.blob.core.windows.net/team/r/"
    assert asset.tags == {"hyperscale_run": "r", "hyperscale_seal": "1", "succeeded": "3", "failed": "1"}
    assert site.copied_from()["asset"] == f"tables:{version}"
    assert copy_lines(site.store, read_copy(site.store)) == [f"data asset: azureml:tables:{version}"]


def test_incomplete_results_are_not_registered_and_that_is_said(tmp_path: Path) -> None:
    site = Site(tmp_path, register={"name": "tables"})
    done(site, range(2))

    results = site.fill()

    assert results.rows.missing == 1
    assert site.registered == []
    (problem,) = site.copied_from()["problems"]
    assert "tables" in problem
    assert "not complete" in problem


def test_a_registration_that_is_refused_is_said_with_what_to_do(tmp_path: Path) -> None:
    site = Site(tmp_path, register={"name": "tables"})
    site.refusal = AzureError("may not write data", hint="assign the role")
    done(site, range(3))

    results = site.fill()

    assert results.exit_code == 0
    (problem,) = site.copied_from()["problems"]
    assert "tables:r" in problem
    assert "may not write data (assign the role)" in problem
    assert copy_lines(site.store, read_copy(site.store)) == [problem]
