"""Where a queue or a store is: a folder of this machine, or a storage account of Azure, or of an emulator of it."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hyperscale.errors import HyperscaleError

#: What Azure calls the service that a queue, or a store, is in.
SERVICES = {"queue": "queue", "store": "blob"}
#: Where blobs go when the URL of a store names an account alone: the default of azure.container.
DEFAULT_CONTAINER = "hyperscale"
#: The storage account of the workspace that a job is part of; with `auto/CONTAINER`, that container of it.
AUTO = "auto"
#: In the output of the seed: where queue and store are.
PLACES = "places.json"
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
    if is_auto(url):
        raise HyperscaleError(
            f"the {what} {url!r} is in the storage account of a workspace, and this is no job of Azure ML",
            hint=f"give a folder, or its URL, such as {_EXAMPLES[what]}",
        )
    return Path(url)


def is_auto(url: str) -> bool:
    """Return whether `url` names the storage account of the workspace that a job is part of."""
    return url.partition("/")[0] == AUTO


def resolved(queue: str, store: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return `queue` and `store` as they are, or looked up where one of them is `auto`; see `auto_places`."""
    if not (is_auto(queue) or is_auto(store)):
        return queue, store
    # The SDK takes half a second to import: a run on one machine needs none of it.
    from hyperscale.node.storing.auto_places import resolve_places

    return resolve_places(queue, store, environ)


def storage_uri(store_url: str, name: str) -> str:
    """Return the `wasbs://` address of what lies under `name` in the container of `store_url`.

    It holds no secret: jobs read it with their identity (how-to-read-write-data-v2.md).
    """
    place = account_place(store_url, "store")
    host = place.url.partition("://")[2]
    return f"wasbs://{place.names[0]}@{host}/{'/'.join((*place.names[1:], name))}"


def keep_places(folder: Path, queue: str, store: str) -> None:
    """Write where queue and store are into the seed's output, for consumers: their identity may not look it up."""
    (folder / PLACES).write_text(json.dumps({"queue": queue, "store": store}), encoding="utf-8")


def places_by_seed(queue: str, store: str, seeded: str) -> tuple[str, str]:
    """Return `queue` and `store` as they are, or as the seed has written them down where one of them is `auto`.

    Args:
        queue: a folder, a URL, or `auto`.
        store: the same; with `auto/CONTAINER` that container of the workspace's own account.
        seeded: the folder that consumers bind to: the output of the seed.

    Raises:
        HyperscaleError: when they are not written there.
    """
    if not (is_auto(queue) or is_auto(store)):
        return queue, store
    file = Path(seeded) / PLACES
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return str(kept["queue"]), str(kept["store"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HyperscaleError(
            f"the queue or the store is `{AUTO}`, and {file} does not name them: {error}",
            hint="render the pipeline and its components again with one version of hyperscale, or give "
            "azure.storage_account in experiment.yaml",
        ) from None


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
