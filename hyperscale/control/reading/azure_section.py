"""Completes what an experiment file says under `azure` with the config.json of its workspace; notes who said what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperscale.control.reading.positions import Positions
from hyperscale.control.reading.schema_check import check_document
from hyperscale.control.reading.workspace_file import KEYS, find_workspace_file
from hyperscale.control.reading.yaml_file import YamlFile
from hyperscale.errors import ExperimentError, Problem


def complete_azure(parsed: YamlFile, schema: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Put into `parsed.document` what it does not say of the workspace; return key of `azure` to who gave its value.

    A file that names the workspace in full needs no config.json: none is looked for, and a broken one does no harm.

    Args:
        parsed: its document is a mapping; problems of config.json are added to its own.
        schema: of experiment files.
        folder: of the experiment file, absolute.
    """
    given = parsed.document.get("azure", {})
    if not isinstance(given, dict):
        return {}
    sources = {key: _source(parsed.positions, key) for key in given}
    if all(key in given for key in KEYS):
        return sources
    try:
        found = find_workspace_file(folder)
    except ExperimentError as error:
        parsed.problems.extend(error.problems)
        return sources
    if found is not None:
        values = {key: value for key, value in found.values.items() if key not in given}
        parsed.problems.extend(
            Problem(str(found.path), 0, 0, ".".join(map(str, path)), complaint.message)
            for path, complaint in check_document(schema["properties"]["azure"], values)
        )
        parsed.document["azure"] = {**given, **values}
        sources |= dict.fromkeys(values, str(found.path))
    return sources


def _source(positions: Positions, key: str) -> str:
    place = positions.find(("azure", key))
    return f"{place.file}:{place.line}" if place.line else place.file
