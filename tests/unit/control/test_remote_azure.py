"""Remote data of storage accounts, datastores and data assets: of an emulated Azure, for a person who is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wordings import Wording, names

from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.remote.remote_data import Reads
from hyperscale.errors import ExperimentError

if TYPE_CHECKING:
    from emulator import Emulator, StorageService

ROWS = b"id,depth\n1,10\n2,20\n3,30\n"


class Lab:
    """A folder of a person, and the container of a datastore with a few blobs.

    Attributes:
        container: of the datastore workspaceblobstore.
        root: its address.
    """

    def __init__(self, azure: Emulator, folder: Path) -> None:
        self._azure, self._folder = azure, folder
        self.container = azure.datastore_container("workspaceblobstore")
        path = azure.world.workspace.container_path(self.container)
        azure.world.directory.assign(azure.world.directory.person, "Storage Blob Data Reader", scope=path)
        self.root = f"abfss://{self.container}@{azure.storage_account}.dfs.core.windows.net"
        (folder / "src").mkdir()
        (folder / "src" / "fit.py").write_text("def fit(row):\n    return {}\n")
        self.put({"data/grid.csv": ROWS, "images/a.png": b"a", "images/x/b.png": b"bb", "images/x/c.txt": b""})

    def put(self, blobs: dict[str, bytes]) -> None:
        client = self._azure.storage.container(self.container)
        for name, content in blobs.items():
            client.upload_blob(name, content, overwrite=True)

    def make_folder(self, name: str) -> None:
        """Make an empty folder as accounts with a hierarchical namespace have them."""
        client = self._azure.storage.container(self.container)
        client.upload_blob(name, b"", metadata={"hdi_isfolder": "true"}, overwrite=True)

    def add_asset(self, name: str, version: str, kind: str, uri: str) -> None:
        from emulator.resources import Asset

        properties: dict[str, Any] = {"dataType": kind, "dataUri": uri}
        self._azure.world.assets["data", name, version] = Asset("data", name, version, properties)

    def checked(self, source: str, *, reads: Reads = "rows", more: str = "") -> CheckedExperiment:
        file = self._folder / "experiment.yaml"
        file.write_text(
            f"name: far\ninput: {{{source}}}\nactivity: {{entry: 'fit:fit'}}\n{self._azure.workspace_section()}{more}"
        )
        return check_experiment(file, reads=reads)

    def problem(self, source: str, *, reads: Reads = "rows", more: str = "") -> str:
        with pytest.raises(ExperimentError) as caught:
            self.checked(source, reads=reads, more=more)
        (problem,) = caught.value.problems
        return str(problem).removeprefix(f"{self._folder}/")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, storage_service: StorageService) -> Iterator[Emulator]:
    """An Azure for all tests here that change nothing but blobs and assets."""
    from emulator import Emulator

    with Emulator(tmp_path_factory.mktemp("azure"), storage_service) as running:
        yield running


@pytest.fixture
def lab(shared: Emulator, tmp_path: Path) -> Iterator[Lab]:
    found = Lab(shared, tmp_path)
    with shared.in_this_process():
        yield found


def test_rows_are_fetched_from_an_account_a_datastore_and_an_asset(shared: Emulator, lab: Lab) -> None:
    long = f"azureml:/{shared.world.workspace.path}/datastores/workspaceblobstore/paths"
    lab.add_asset("grid", "1", "uri_file", f"{long}/data/other.csv")
    lab.add_asset("grid", "2", "uri_file", f"{long}/data/grid.csv")
    blob = f"https://{shared.storage_account}.blob.core.windows.net/{lab.container}/data/grid.csv"
    lab.add_asset("blob", "1", "uri_file", blob)
    addresses = {
        f"{lab.root}/data/grid.csv": f"{lab.root}/data/grid.csv",
        "azureml://datastores/workspaceblobstore/paths/data/grid.csv": None,
        f"{long}/data/grid.csv": None,
        "azureml:grid:2": None,
        "azureml:grid@latest": "azureml:grid:2",
        "azureml:blob:1": None,
    }

    found = {address: lab.checked(f"csv: '{address}'") for address in addresses}

    assert {checked.facts.rows for checked in found.values()} == {3}
    assert len({checked.facts.input_hash for checked in found.values()}) == 1
    passed_on = {address: checked.loaded.remote["input"].uri for address, checked in found.items()}
    assert passed_on == {address: uri or address for address, uri in addresses.items()}


def test_files_are_listed_for_a_plan_and_fetched_for_a_run_with_one_hash(lab: Lab, tmp_path: Path) -> None:
    source = f"files: '{lab.root}/images/**/*.png'"

    planned, run = lab.checked(source, reads="plan"), lab.checked(source, reads="run")

    assert planned.loaded.remote["input"].copy is None
    assert (planned.facts.rows, planned.loaded.remote["input"].bytes) == (2, 3)
    copy = run.loaded.remote["input"].copy
    assert copy is not None
    assert sorted(str(file.relative_to(copy)) for file in copy.rglob("*.*")) == ["a.png", "x/b.png"]
    assert planned.facts == run.facts


def test_the_folder_of_an_asset_takes_a_pattern_and_mounts_are_folders_too(lab: Lab) -> None:
    lab.add_asset("images", "3", "uri_folder", "azureml://datastores/workspaceblobstore/paths/images/")
    more = "mounts: {all: 'azureml:images@latest', one: 'azureml://datastores/workspaceblobstore/paths/images/a.png'}\n"

    run = lab.checked("files: 'azureml:images:3/x/*.png'", reads="run", more=more)

    assert run.facts.rows == 1
    remote = run.loaded.remote
    assert (remote["input"].uri, remote["mount_all"].uri) == ("azureml:images:3", "azureml:images:3")
    assert remote["mount_all"].copy is not None
    assert (remote["mount_all"].files, sorted(path.name for path in remote["mount_all"].copy.iterdir())) == (
        3,
        ["a.png", "x"],
    )
    assert remote["mount_one"].copy is not None
    assert remote["mount_one"].copy.read_bytes() == b"a"


def test_a_mount_of_an_empty_folder_is_refused_where_the_file_names_it(lab: Lab, wording: Wording) -> None:
    lab.make_folder("nothing")

    told = {
        lab.problem("sweep: {depth: [1]}", reads=reads, more=f"mounts: {{all: '{lab.root}/nothing'}}\n")
        for reads in ("plan", "run")
    }

    (problem,) = told
    names(problem, "experiment.yaml:8:15: mounts.all", f"{lab.root}/nothing")
    wording(problem, hidden={lab.root: "<root>"})


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("csv: 'ROOT/data/nope.csv'", "data/nope.csv"),
        ("csv: 'ROOT/images'", ("ROOT/images", "csv")),
        ("files: 'ROOT/images/*.jpg'", "**"),
        ("csv: 'azureml://datastores/nope/paths/a.csv'", ("LAB", "datastore nope")),
        ("csv: 'azureml:nope:1'", ("LAB", "nope", 1)),
        ("csv: 'azureml:nope@latest'", ("LAB", "nope")),
        ("csv: 'azureml:table:1'", ("table:1", "MLTable")),
        ("csv: 'azureml:pictures:1'", "azureml:pictures:1"),
        ("files: 'azureml:one:1/*'", "azureml:one:1"),
    ],
)
def test_what_is_not_there_is_told_where_the_file_names_it(
    shared: Emulator, lab: Lab, source: str, parts: str | tuple[object, ...], wording: Wording
) -> None:
    lab.add_asset("table", "1", "mltable", "azureml://datastores/workspaceblobstore/paths/images/")
    lab.add_asset("pictures", "1", "uri_folder", "azureml://datastores/workspaceblobstore/paths/images/")
    lab.add_asset("one", "1", "uri_file", "azureml://datastores/workspaceblobstore/paths/images/a.png")

    told = lab.problem(source.replace("ROOT", lab.root))

    told = told.replace(lab.root, "ROOT").replace(shared.workspace_name, "LAB")
    names(told, f"input.{source.partition(':')[0]}", parts)
    assert told.startswith("experiment.yaml:2:")
    wording(told)


def test_who_has_no_role_or_no_login_is_told_what_helps(
    azure: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(azure, tmp_path)
    azure.world.directory.remove(
        azure.world.directory.person, "Storage Blob Data Contributor", "Storage Blob Data Reader"
    )

    with azure.in_this_process():
        no_role = lab.problem(f"csv: '{lab.root}/data/grid.csv'")
    with azure.in_this_process():
        monkeypatch.setenv("PATH", str(tmp_path))
        no_login = lab.problem(f"csv: '{lab.root}/data/grid.csv'")

    names(no_role, "403", "AuthorizationPermissionMismatch")
    names(no_role, "Storage Blob Data Reader")

    names(no_login, "token", "`az login`")


def test_parquet_in_an_account_is_looked_at_without_fetching_it(lab: Lab) -> None:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"id": range(1_000), "depth": [0.5] * 1_000}), file)
    lab.put({"data/grid.parquet": file.getvalue()})

    found = lab.checked(f"parquet: '{lab.root}/data/grid.parquet', rows: 1000", reads="plan")

    assert (found.facts.rows, found.facts.estimated, found.facts.columns) == (1_000, True, ("id", "depth"))
    assert found.loaded.remote["input"].copy is None
