"""Makes a new experiment folder, ready to run, out of templates/init/."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperscale.control.making.found_function import FoundFunction
from hyperscale.control.making.function_files import copied_files, function_values
from hyperscale.control.making.wishes import Wish
from hyperscale.control.resources import schema_path, templates_folder
from hyperscale.control.templates import folder_templates
from hyperscale.errors import HyperscaleError

#: As in schema.json.
MAX_NAME_CHARACTERS = 32
FALLBACK_NAME = "experiment"
#: The templates of every folder, and of a folder for a function that exists.
EVERY, FUNCTION = "all", "function"
#: Build tools leave out files that begin with a dot; a file with this ending would be no Python before it is filled.
_OTHER_NAMES = {"gitignore": ".gitignore", "activity.py.jinja": "activity.py"}


def check_place(folder: Path) -> None:
    """See that an experiment can be made in `folder`: it does not exist, or holds nothing.

    Raises:
        HyperscaleError: when it is a file, or holds anything.
    """
    try:
        is_taken = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise _refused(folder, error) from error
    if is_taken:
        raise HyperscaleError(
            f"{folder} is not empty: a folder that does not exist, or holds nothing, was expected",
            hint="name a new folder; nothing was written",
        )


def make_folder(folder: Path, wish: Wish, function: FoundFunction | None = None) -> list[Path]:
    """Write an experiment into `folder`, which is made if it does not exist.

    Args:
        folder: where to.
        wish: what it is to be like.
        function: what `wish.function` names.

    Returns:
        What was written, relative to `folder`, sorted.

    Raises:
        HyperscaleError: when `folder` is a file, holds anything, or cannot be written.
    """
    check_place(folder)
    values = {"name": experiment_name(folder.resolve().name), "workers": wish.workers}
    files = {Path("schema.json"): schema_path().read_bytes(), **_filled(EVERY, values)}
    if function is None:
        files |= _filled(wish.example, values)
    else:
        files |= _filled(FUNCTION, {**values, **function_values(function)})
        files |= {Path("src") / place: source.read_bytes() for place, source in copied_files(function).items()}
        if function.is_activity:
            del files[Path("src", "activity.py")]
    try:
        _write(folder, files)
    except OSError as error:
        raise _refused(folder, error) from error
    return sorted(files)


def _filled(template: str, values: Mapping[str, Any]) -> dict[Path, bytes]:
    """Return the files of a folder of templates, filled with `values`, by their place in the new folder."""
    templates = folder_templates(f"init/{template}")
    source = templates_folder() / "init" / template
    files = {}
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if path.is_file() and "__pycache__" not in place.parts:
            text = templates.get_template(place.as_posix()).render(values)
            files[place.with_name(_OTHER_NAMES.get(place.name, place.name))] = text.encode()
    return files


def _write(folder: Path, files: Mapping[Path, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for place, content in files.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:  # never over what somebody has put there meanwhile
            file.write(content)


def _refused(folder: Path, error: OSError) -> HyperscaleError:
    return HyperscaleError(f"{folder} cannot be made: {error.strerror}", hint="name a folder that you may write to")


def experiment_name(folder_name: str) -> str:
    """Return a name that schema.json allows, as close to the folder's as can be."""
    plain = unicodedata.normalize("NFKD", folder_name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).lstrip("-0123456789")
    return words[:MAX_NAME_CHARACTERS].rstrip("-") or FALLBACK_NAME
