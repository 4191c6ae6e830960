"""Where a queue or a store is: a folder of this machine, or a storage account of Azure, or of an emulator of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hyperscale.errors import HyperscaleError

#: What Azure calls the service that a queue, or a store, is in.
SERVICES = {"queue": "queue", "store": "blob"}
#: Where blobs go when the URL of a store names an account alone: the default of azure.container.
DEFAULT_CONTAINER = "hyperscale"
_EXAMPLES = {
    "queue": "https://ACCOUNT.queue.core.windows.net",
    "store": "https://ACCOUNT.blob.core.windows.net/CONTAINER",
}


@dataclass(frozen=True)
class AccountPlace:
    """A place in a storage account.

    Attributes:
        what: "queue" or "store".
        account: its name.
        url: of the account's service: `https://ACCOUNT.queue.core.windows.net`, `http://127.0.0.1:10001/ACCOUNT`.
        names: what follows in the URL, one name for each folder.
    """

    what: str
    account: str
    url: str
    names: tuple[str, ...]


def local_folder(url: str, what: str) -> Path:
    """Return the folder that `url` names; `what` is "queue" or "store", for the message.

    Raises:
        HyperscaleError: when `url` is not a folder of this machine.
    """
    if url.startswith("file:"):
        return Path(unquote(urlsplit(url).path))
    if is_remote(url):
        raise HyperscaleError(f"the {what} {url!r} is not a folder of this machine")
    if url == "auto":
        raise HyperscaleError(
            f"the {what} 'auto' is not available yet: nobody looks up the storage account of a workspace",
            hint=f"give its URL as --{what}, such as {_EXAMPLES[what]}, or azure.storage_account in experiment.yaml",
        )
    return Path(url)


def is_remote(url: str) -> bool:
    """Return whether `url` names a place in a storage account, or tries to."""
    return "://" in url and not url.startswith("file:")


def account_place(url: str, what: str) -> AccountPlace:
    """Return the place in a storage account that `url` names; `what` is "queue" or "store".

    The account is the first part of the host's name, as in Azure; where the host is this machine or an address,
    as of an emulator, it is the first part of the path.

    Raises:
        HyperscaleError: when `url` is no such place, or has a secret in it. No message repeats the secret.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no_place(url.partition("?")[0].rpartition("@")[2], what) from None
    shown = f"{parts.scheme}://{(parts.netloc.rpartition('@')[2])}{parts.path}"
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise HyperscaleError(
            f"the {what} {shown} comes with a signature or password: those end up in files and logs",
            hint="leave out what follows the ? or stands before the @, and use an identity (az login)",
        )
    names = tuple(unquote(name) for name in parts.path.strip("/").split("/") if name)
    host, service = parts.hostname or "", SERVICES[what]
    labels = host.split(".")
    if parts.scheme not in ("http", "https") or not host:
        raise _no_place(shown, what)
    if _is_emulator(host):
        if not names:
            raise _no_place(shown, what)
        return AccountPlace(what, names[0], f"{parts.scheme}://{parts.netloc}/{names[0]}", names[1:])
    if service not in labels[1:]:
        raise _no_place(shown, what)
    return AccountPlace(what, labels[0], f"{parts.scheme}://{parts.netloc}", names)


def _is_emulator(host: str) -> bool:
    if "." not in host:
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _no_place(shown: str, what: str) -> HyperscaleError:
    return HyperscaleError(
        f"{shown} is no place of a {what}",
        hint=f"give a folder, {_EXAMPLES[what]}, or http://127.0.0.1:PORT/ACCOUNT for Azurite",
    )
