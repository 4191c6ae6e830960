"""Runs on Azure ML whose input and mounts are in the cloud already: they are passed on, and nothing is uploaded."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
from azure_site import AzureSite
from emulator import Emulator
from emulator.resources import Asset
from wordings import line_names

CODE = """
def run(row, context):
    with open(row["path"]) as file, open(f"{context.mounts['words']}/word.txt") as word:
        return {"text": file.read() + word.read()}
"""


def test_files_of_an_account_and_the_newest_asset_are_read_where_they_are(tmp_path: Path, azure: Emulator) -> None:
    container = azure.datastore_container("workspaceblobstore")
    azure.world.directory.assign_to_all("Storage Blob Data Reader", azure.world.workspace.container_path(container))
    blobs = azure.storage.container(container)
    for number in range(6):
        blobs.upload_blob(f"texts/{number % 2}/{number}.txt", f"text {number} ")
    blobs.upload_blob("texts/other.md", "no")
    for version in ("1", "2"):
        blobs.upload_blob(f"words/{version}/word.txt", f"word {version}")
        uri = f"azureml://datastores/workspaceblobstore/paths/words/{version}/"
        properties = {"dataType": "uri_folder", "dataUri": uri}
        azure.world.assets["data", "words", version] = Asset("data", "words", version, properties)
    site = AzureSite(tmp_path, azure, name="texts", code=CODE, more="mounts: {words: azureml:words@latest}\n")
    pattern = f"abfss://{container}@{azure.storage_account}.dfs.core.windows.net/texts/**/*.txt"
    site.file.write_text(site.file.read_text().replace("{csv: rows.csv}", f"{{files: '{pattern}', key: name}}"))

    plan = site.run("plan").stdout
    run = site.submit()
    watched = site.run("watch", run)
    site.run("results", run, "-o", str(site.folder / "table.parquet"))

    line_names(plan, "remote", pattern.partition("/**")[0], "6 files, 42 bytes")
    line_names(plan, "mount words", "azureml:words:2", "1 file, 6 bytes")
    assert "upload      0 files, 0 bytes, once" in plan
    assert watched.stdout.splitlines()[-1].startswith("Done. succeeded=6 failed=0 missing=0 total=6")
    texts = pyarrow.parquet.read_table(site.folder / "table.parquet").column("text").to_pylist()
    assert sorted(texts) == [f"text {number} word 2" for number in range(6)]
    assert not list(azure.storage.container("hyperscale").list_blob_names(name_starts_with="inputs/"))
    assert not list((site.folder / ".hyperscale" / "inputs").glob("*/[!.]*"))
