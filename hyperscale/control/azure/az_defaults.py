"""Reads the defaults of az on this machine: its variables, group and workspace of its config, the subscription."""

from __future__ import annotations

import configparser
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hyperscale.azure_cloud import az_folder
from hyperscale.control.reading.loading import LoadedExperiment, load_schema
from hyperscale.control.reading.schema_check import check_document
from hyperscale.control.reading.workspace_file import KEYS
from hyperscale.errors import AzureError

#: Key of `azure` to the name of the default in az's config.
_DEFAULTS = MappingProxyType({"resource_group": "group", "workspace_name": "workspace"})


def with_az_defaults(loaded: LoadedExperiment, environ: Mapping[str, str]) -> LoadedExperiment:
    """Return `loaded` with the defaults of az for what nobody else says of the workspace.

    Its hash stays: a plan that was saved with these defaults is of the same experiment.

    Raises:
        AzureError: when az's files cannot be read, or what they say can be no value of that key.
    """
    azure, sources = loaded.experiment.azure, dict(loaded.azure_sources)
    if all(getattr(azure, key) is not None for key in KEYS):
        return loaded
    found = {key: default for key, default in az_defaults(environ).items() if getattr(azure, key) is None}
    for key, (value, place) in found.items():
        for _, complaint in check_document(load_schema()["properties"]["azure"], {key: value}):
            raise AzureError(f"{place}: azure.{key}: {complaint.message}", hint="correct it, or give the key yourself")
        sources[key] = f"the default of az ({place})"
    values = {key: value for key, (value, _) in found.items()}
    experiment = dataclasses.replace(loaded.experiment, azure=dataclasses.replace(azure, **values))
    return dataclasses.replace(loaded, experiment=experiment, azure_sources=sources)


def az_defaults(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """Return what az would take for keys of `azure`, each with the file or the variable that says so.

    As in az, a variable wins over the file, even an empty one: then there is no default.

    Raises:
        AzureError: when one of its files cannot be read.
    """
    folder, found = az_folder(environ), {}
    subscription, profile = _subscription(folder / "azureProfile.json"), folder / "azureProfile.json"
    if subscription:
        found["subscription_id"] = (subscription, str(profile))
    section = _defaults(folder / "config")
    for key, name in _DEFAULTS.items():
        variable = f"AZURE_DEFAULTS_{name.upper()}"
        value, place = section.get(name), str(folder / "config")
        if variable in environ:
            value, place = environ[variable], variable
        if value:
            found[key] = (value, place)
    return found


def _defaults(file: Path) -> Mapping[str, str]:
    """Return the section [defaults] of the config of az, as `az configure --defaults group=G workspace=W` writes."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, configparser.Error) as error:
        raise _broken(file, error) from None
    return dict(parser["defaults"]) if parser.has_section("defaults") else {}


def _subscription(file: Path) -> str | None:
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))  # az writes a byte order mark
        listed = document.get("subscriptions") or ()
        return next((str(each["id"]) for each in listed if each.get("isDefault")), None)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise _broken(file, error) from None


def _broken(file: Path, error: Exception) -> AzureError:
    return AzureError(
        f"{file}, a file of az, cannot be read ({type(error).__name__})",
        hint="correct it (az account list, az config get), or give the workspace as azure: in the experiment file",
    )
