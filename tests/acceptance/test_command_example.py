"""The example of a program as an activity: ImageMagick over pictures, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from command_line import Command
from PIL import Image


def has_imagemagick() -> bool:
    try:
        done = subprocess.run(
            ["convert", "-size", "1x1", "xc:", "-format", "%w", "info:"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.stdout.strip() == b"1"


pytestmark = pytest.mark.skipif(
    not has_imagemagick(), reason="ImageMagick's convert is not installed (apt-get install imagemagick)"
)


def test_imagemagick_measures_every_picture_whatever_its_name_is(repository: Path, tmp_path: Path, hyperscale: Command):
    made = shutil.ignore_patterns("pictures", ".hyperscale", "__pycache__")
    folder = shutil.copytree(repository / "examples" / "thumbnails", tmp_path / "thumbnails", ignore=made)
    subprocess.run([sys.executable, "make_pictures.py"], cwd=folder, check=True, capture_output=True)

    done = hyperscale("run", folder=folder)

    assert done.returncode == 0, done.stderr
    run = next(folder.glob(".hyperscale/runs/*"))
    table = pyarrow.parquet.read_table(run / "results.parquet").to_pylist()
    assert len(table) == 24
    for row in table:
        with Image.open(folder / "pictures" / row["path"]) as picture:
            assert (row["width"], row["height"]) == picture.size
        assert 0 < row["brightness"] < 1
    with Image.open(run / "outputs" / "7" / "thumbnail.png") as thumbnail:
        assert max(thumbnail.size) == 128
