"""Makes a new experiment folder, ready to run, out of templates/init/."""

from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path

from hyperscale.control.resources import schema_path, templates_folder
from hyperscale.errors import HyperscaleError

#: As in schema.json.
MAX_NAME_CHARACTERS = 32
FALLBACK_NAME = "experiment"
_NAME = "<%= name %>"
#: Build tools leave out files that begin with a dot.
_OTHER_NAMES = {"gitignore": ".gitignore"}


def make_folder(folder: Path) -> list[Path]:
    """Write an experiment into `folder`, which is made if it does not exist.

    Returns:
        What was written, relative to `folder`, sorted.

    Raises:
        HyperscaleError: when `folder` is a file, holds anything, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise HyperscaleError(
                f"{folder} is not empty: a folder that does not exist, or holds nothing, was expected",
                hint="name a new folder; nothing was written",
            )
        return _write(folder, experiment_name(folder.resolve().name))
    except OSError as error:
        raise HyperscaleError(
            f"{folder} cannot be made: {error.strerror}", hint="name a folder that you may write to"
        ) from error


def _write(folder: Path, name: str) -> list[Path]:
    source = templates_folder() / "init"
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        target = folder / place.with_name(_OTHER_NAMES.get(place.name, place.name))
        if path.is_file() and "__pycache__" not in place.parts:
            target.parent.mkdir(exist_ok=True)
            target.write_text(path.read_text("utf-8").replace(_NAME, name), "utf-8")
    shutil.copyfile(schema_path(), folder / "schema.json")
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def experiment_name(folder_name: str) -> str:
    """Return a name that schema.json allows, as close to the folder's as can be."""
    plain = unicodedata.normalize("NFKD", folder_name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).lstrip("-0123456789")
    return words[:MAX_NAME_CHARACTERS].rstrip("-") or FALLBACK_NAME
