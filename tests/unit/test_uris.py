from __future__ import annotations

import pytest
from wordings import Wording, names

from hyperscale.uris import WorkspaceParts, is_uri, parse, problem_of, split_pattern

ACCOUNT = "abfss://data@account.dfs.core.windows.net"
LONG = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/store/paths/a/b.csv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/a.csv", True),
        ("HTTP://example.com/a.csv", True),
        (f"{ACCOUNT}/a", True),
        ("azureml:rows:1", True),
        ("s3://bucket/a", True),
        ("file:a.csv", True),
        ("ftp://example.com/a", True),
        ("grid.csv", False),
        ("C:/data/grid.csv", False),
        ("images/**/*.png", False),
        ("what: a name.csv", False),
    ],
)
def test_what_has_a_scheme_is_an_address_and_no_path(text: str, expected: bool):
    assert is_uri(text) is expected


@pytest.mark.parametrize(
    ("text", "kind", "name", "path"),
    [
        ("https://example.com:8443/a/b.csv?x=1", "https", "example.com", "a/b.csv?x=1"),
        (f"{ACCOUNT}/a/b c.csv", "abfss", "account", "a/b c.csv"),
        (ACCOUNT, "abfss", "account", ""),
        ("azureml://datastores/store/paths/a/b.csv", "datastore", "store", "a/b.csv"),
        (LONG, "datastore", "store", "a/b.csv"),
        (LONG.replace("/workspaces", "/providers/Microsoft.MachineLearningServices/workspaces"), "datastore", "store",
         "a/b.csv"),
        ("azureml:rows:7", "asset", "rows", ""),
        ("azureml:rows@latest", "asset", "rows", ""),
        ("azureml:images:3/**/*.png", "asset", "images", "**/*.png"),
    ],
)  # fmt: skip
def test_an_address_is_taken_apart(text: str, kind: str, name: str, path: str):
    found = parse(text)

    assert found is not None
    assert (found.kind, found.name, found.path) == (kind, name, path)


def test_an_address_knows_its_container_workspace_and_version():
    texts = (f"{ACCOUNT}/a", LONG, "azureml:rows:7", "azureml:rows@latest")
    account, long, fixed, latest = (found for found in map(parse, texts) if found)

    assert account.container == "data"
    assert long.workspace == WorkspaceParts("s", "g", "w")
    assert (fixed.version, latest.version) == ("7", None)


def test_what_is_shown_of_an_address_leaves_its_query_out():
    found = parse("https://example.com/a/b.csv?who=me")

    assert found is not None
    assert (found.shown, found.file_name) == ("https://example.com/a/b.csv", "b.csv")


@pytest.mark.parametrize(
    ("text", "use", "parts"),
    [
        ("http://example.com/a.csv", "file", "https"),
        ("https://me@example.com/a.csv", "file", ""),
        ("https://example.com/a.csv#part", "file", ""),
        ("https://example.com:port/a.csv", "file", ""),
        ("https://example.com/", "file", "file"),
        ("https://example.com/images/*.png", "files", ""),
        (f"{ACCOUNT}/folder/", "file", "file"),
        (ACCOUNT, "files", "pattern"),
        ("azureml:images:3", "files", "pattern"),
        ("azureml:rows:1/a.csv", "file", "Azure ML"),
        ("azureml:rows@newest", "file", ""),
        ("azureml://registries/r/data/d/versions/1", "file", ""),
        ("wasbs://c@a.blob.core.windows.net/x", "mount", "abfss://"),
        ("file:///a.csv", "file", "path"),
        ("abffs://c@a.dfs.core.windows.net/x", "file", "'abfss'"),
        ("s3://bucket/a.csv", "file", ("s3:", "https://")),
    ],
)
def test_an_address_that_is_not_read_is_refused_with_what_is(
    text: str, use: str, parts: str | tuple[str, ...], wording: Wording
):
    problem = problem_of(text, use)  # type: ignore[arg-type]

    assert problem is not None
    names(problem, parts)
    wording(problem)


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("https://example.com/a.csv?download=1", "file"),
        (f"{ACCOUNT}/a.parquet", "file"),
        (f"{ACCOUNT}/*.png", "files"),
        (ACCOUNT, "mount"),
        ("azureml:model@latest", "mount"),
        (LONG, "file"),
    ],
)
def test_an_address_that_is_read_has_no_problem(text: str, use: str):
    assert problem_of(text, use) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "folder", "rest"),
    [
        (f"{ACCOUNT}/images/**/*.png", f"{ACCOUNT}/images", "**/*.png"),
        (f"{ACCOUNT}/*.png", f"{ACCOUNT}/", "*.png"),
        (f"{ACCOUNT}/a/b/x.png", f"{ACCOUNT}/a/b", "x.png"),
        ("azureml://datastores/store/paths/a/[ab]/*", "azureml://datastores/store/paths/a", "[ab]/*"),
        ("azureml://datastores/store/paths/*", "azureml://datastores/store/paths/", "*"),
        ("azureml:images:3/train/*.png", "azureml:images:3", "train/*.png"),
        ("azureml:images@latest/**", "azureml:images@latest", "**"),
    ],
)
def test_a_pattern_splits_into_its_fixed_folder_and_the_rest(pattern: str, folder: str, rest: str):
    assert split_pattern(pattern) == (folder, rest)
