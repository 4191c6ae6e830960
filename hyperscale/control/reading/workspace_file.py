"""Finds the config.json of Azure ML that names the workspace of an experiment.

The nearest folder upwards from the experiment file wins, and in each folder `config.json` before
`.azureml/config.json`. The SDK's own search looks into all `.azureml` folders first, so that a parent's wins over the
file beside the experiment, and a run ends up in another workspace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.errors import ExperimentError, Problem

#: What the file that the studio offers for download holds; they are keys of `azure`, too.
KEYS = ("subscription_id", "resource_group", "workspace_name")
_NAMES = (Path("config.json"), Path(".azureml", "config.json"))


@dataclass(frozen=True)
class WorkspaceFile:
    """A config.json of Azure ML.

    Attributes:
        path: of it.
        values: those of `KEYS` that it gives.
    """

    path: Path
    values: Mapping[str, Any]


def find_workspace_file(folder: Path) -> WorkspaceFile | None:
    """Return the config.json of Azure ML that is nearest to the absolute `folder`, upwards; None when there is none.

    One that holds none of `KEYS` belongs to something else, and is passed over.

    Raises:
        ExperimentError: when one cannot be read: to go on would be to guess a workspace.
    """
    for place in (folder, *folder.parents):
        for name in _NAMES:
            found = _read(place / name)
            if found is not None:
                return found
    return None


def _read(path: Path) -> WorkspaceFile | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise _broken(path, 0, 0, f"cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise _broken(path, error.lineno, error.colno, f"is no JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise _broken(path, 0, 0, "is no JSON: it is no UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise _broken(path, 0, 0, f"is no JSON that can be read: {error}") from None
    if not isinstance(document, dict):
        return None
    values = {key: document[key] for key in KEYS if document.get(key) is not None}
    return WorkspaceFile(path, values) if values else None


def _broken(path: Path, line: int, column: int, message: str) -> ExperimentError:
    return ExperimentError(
        f"{path} {message}",
        problems=[Problem(str(path), line, column, "", message)],
        hint="correct it, or give subscription_id, resource_group and workspace_name under azure: in the experiment",
    )
