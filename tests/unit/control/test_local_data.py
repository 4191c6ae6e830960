from __future__ import annotations

from pathlib import Path

from hyperscale.control.reading.loading import load_experiment
from hyperscale.control.submit.local_data import LocalData, local_data
from hyperscale.node.storing.places import storage_uri

STORE = "https://acct.blob.core.windows.net/hyper"


def data_of(folder: Path, more: str = "", rows: str = "csv: rows.csv") -> dict[str, LocalData]:
    """Return the data inputs of an experiment in `folder`, by the name of the pipeline's input."""
    (folder / "rows.csv").write_text("id\n1\n")
    (folder / "experiment.yaml").write_text(f"name: n\ninput: {{{rows}}}\nactivity: {{entry: 'm:f'}}\n{more}")
    return {data.key: data for data in local_data(load_experiment(folder / "experiment.yaml"))}


def test_a_file_is_named_by_its_content_and_keeps_its_name(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()

    first, second = data_of(one)["input"], data_of(other)["input"]
    (one / "rows.csv").write_text("id\n2\n")
    changed = local_data(load_experiment(one / "experiment.yaml"))[0]

    assert first.prefix == second.prefix
    assert first.prefix.startswith("inputs/")
    assert first.prefix.endswith("/rows.csv")
    assert [file.blob for file in first.files] == [first.prefix]
    assert changed.prefix != first.prefix


def test_a_folder_is_named_by_the_names_and_contents_of_all_of_its_files(tmp_path: Path):
    words = tmp_path / "words"
    (words / "deep").mkdir(parents=True)
    (words / "a.txt").write_text("a")
    (words / "deep" / "b.txt").write_text("b")

    before = data_of(tmp_path, "mounts: {words: words}\n")["mount_words"]
    (words / "deep" / "b.txt").rename(words / "deep" / "c.txt")
    after = data_of(tmp_path, "mounts: {words: words}\n")["mount_words"]

    assert [file.blob.removeprefix(before.prefix) for file in before.files] == ["/a.txt", "/deep/b.txt"]
    assert before.prefix.endswith("/words")
    assert before.prefix != after.prefix


def test_what_no_pattern_names_stays_here_and_so_do_our_records(tmp_path: Path):
    for name in (".git/config", ".hyperscale/runs/x", "images/one.png", "images/.hidden.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)

    found = data_of(tmp_path, "mounts: {all: .}\n", rows="files: 'images/*.png'")

    assert [file.path.name for file in found["input"].files] == ["one.png"]
    mounted = {str(file.path.relative_to(tmp_path)) for file in found["mount_all"].files}
    assert {".git/config", "images/.hidden.png"} <= mounted
    assert not [name for name in mounted if name.startswith(".hyperscale")]


def test_a_name_that_an_address_could_not_hold_becomes_data(tmp_path: Path):
    (tmp_path / "wörter und mehr").mkdir()

    found = data_of(tmp_path, "mounts: {words: wörter und mehr}\n")["mount_words"]

    assert found.prefix.endswith("/data")


def test_the_address_names_container_account_and_blob_and_no_secret(tmp_path: Path):
    data = data_of(tmp_path)["input"]

    assert data.uri(STORE) == f"wasbs://hyper@acct.blob.core.windows.net/{data.prefix}"
    assert storage_uri(f"{STORE}/team", "run/") == "wasbs://hyper@acct.blob.core.windows.net/team/run/"
