"""Which cloud of Azure a process is told to use: only the public one is supported, and anything else is refused.

Host names and scopes of tokens are those of the public cloud everywhere in this package. Azure Government and Azure
China have others, so that a run there would fail half-way.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hyperscale.errors import AzureError

#: The public cloud, as the variables below and az call it, without case and what stands between words.
_PUBLIC = frozenset({"", "azurecloud", "azurepubliccloud", "azurepublic", "public"})
#: azure-core, azure-ai-ml and az read these; each holds the name of a cloud.
_NAMES = ("AZURE_CLOUD", "AZUREML_CURRENT_CLOUD", "AZURE_CLOUD_NAME")
#: azure-identity and azure-ai-ml read these; each holds an address, which in the public cloud is of this host.
_ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "AZURE_AUTHORITY_HOST": ("login.microsoftonline.com", "login.windows.net"),
    "ARM_CLOUD_METADATA_URL": ("management.azure.com",),
}
#: Set in jobs of Azure ML; its host ends so in the other clouds.
_TRACKING = "MLFLOW_TRACKING_URI"
_OTHER_HOSTS = (".azure.us", ".azure.cn", ".usgovcloudapi.net", ".chinacloudapi.cn")


def refuse_other_clouds(environ: Mapping[str, str]) -> None:
    """See that a process is not told to use another cloud than the public one.

    Args:
        environ: of the process; says where az keeps its settings, too.

    Raises:
        AzureError: when it is, saying by what.
    """
    found = _other_cloud(environ)
    if found is None:
        return
    place, cloud = found
    raise AzureError(
        f"{place} names {cloud}: hyperscale supports the public cloud of Azure only",
        hint="unset it, or run `az cloud set --name AzureCloud` and `az login`, to use the public cloud; Azure "
        "Government and Azure China are not supported",
    )


def az_folder(environ: Mapping[str, str]) -> Path:
    """Return where az keeps what it knows (AZURE_CONFIG_DIR, or .azure in the home folder)."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or str(Path.home())
    given = environ.get("AZURE_CONFIG_DIR") or "~/.azure"
    return Path(home, given[2:]) if given.startswith("~/") else Path(given)


def _other_cloud(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return who names another cloud, and that; None when nobody does."""
    for variable in _NAMES:
        value = environ.get(variable, "")
        if _bare(value) not in _PUBLIC:
            return variable, value
    for variable, hosts in _ADDRESSES.items():
        value = environ.get(variable, "")
        host = urlsplit(value if "://" in value else f"https://{value}").hostname or ""
        if value and host not in hosts:
            return variable, host or value
    host = urlsplit(environ.get(_TRACKING, "")).hostname or ""
    if host.endswith(_OTHER_HOSTS):
        return _TRACKING, host
    return _of_az(environ)


def _of_az(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the file of az that names another cloud, and that; a login by variables does not ask az."""
    if environ.get("AZURE_CLIENT_ID") and environ.get("AZURE_TENANT_ID"):
        return None
    file, parser = az_folder(environ) / "config", configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"))
        name = parser.get("cloud", "name", fallback="")
    except (OSError, ValueError, configparser.Error):
        return None  # who reads its defaults says what is wrong with it
    return (str(file), name) if _bare(name) not in _PUBLIC else None


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
