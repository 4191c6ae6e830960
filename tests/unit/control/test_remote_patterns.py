from __future__ import annotations

import glob
from pathlib import Path

import pytest
from experiments import make_experiment

from hyperscale.control.remote.patterns import matching
from hyperscale.control.remote.remote_files import Entry
from hyperscale.node.reading.readers import FileRows, split_glob

FILES = (
    "a.png", "b.txt", ".hidden.png", "x/a.png", "x/.hidden/a.png", "x/y/b.png", "x/y/z/c.PNG", "x/y/[odd].png",
    "long-name.png.bak", "ß/ü.png", "x y/a b.png",
)  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        "*.png", "**/*.png", "**", "**/*", "*/**", "x*/*", "x*/**", "*/**/c.*", "*/**/y/*.png", "?.png", "[ab].*",
        "*/y/[[]odd].png", "**/.hidden/*", ".*", "**/**/*.png", "*/y/b.png", "*/*/b.png", "x**/a.png", "*y/*",
    ],
)  # fmt: skip
def test_a_pattern_picks_of_a_listing_what_nodes_find_in_the_folder(tmp_path: Path, pattern: str) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    on_a_node = FileRows(make_experiment(input={"files": pattern}).input, tmp_path).found
    names = {Path(name).as_posix() for name in glob.glob(pattern, root_dir=tmp_path, recursive=True)}  # noqa: PTH207

    found = matching([Entry(name, is_folder=False, bytes=1, version="") for name in FILES], pattern)

    assert split_glob(pattern) == (".", pattern)
    assert [(entry.path, entry.bytes) for entry in found] == on_a_node
    assert on_a_node == sorted((name, 1) for name in names if (tmp_path / name).is_file())


def test_a_pattern_that_matches_nothing_picks_nothing() -> None:
    assert matching([Entry("a.png", is_folder=False, bytes=1, version="")], "b/*.png") == []
