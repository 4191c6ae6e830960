"""The store of a run: the ledger, the manifest, the heartbeats and the results, by name.

The semantics are those of Azure Storage blobs. Every adapter passes tests/contract/test_store.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hyperscale.errors import HyperscaleError

if TYPE_CHECKING:
    from hyperscale.node.storing.patience import Patience

#: What a heartbeat may hold: it travels as text.
Scalar = str | int | float | bool | None

#: A blob's name has at most 1,024 characters; the folder of the run stands in front of this.
_MAX_NAME_LENGTH = 900
#: Beside the backslash: what Azure allows in no name (Naming and referencing containers, blobs, and metadata) are
#: control characters and code points for private use; halves of characters have no UTF-8.
_IN_NO_NAME = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufffe\uffff]")


class MissingBlobError(HyperscaleError):
    """There is nothing of that name in the store."""


class Store(Protocol):
    """A store of one run; safe for several processes and threads.

    Names are relative, with `/` between folders; a name with an empty part, `.`, `..` or a backslash raises
    ValueError, and so do those that are too long or not in all stores allowed, and those that the adapter keeps for
    itself.
    """

    #: How long who watches a whole run waits between two looks, in seconds: short where a look is free.
    poll_seconds: float

    def create(self, name: str, data: bytes) -> bool:
        """Write `data` if nothing of that name exists; return False, and change nothing, if it does.

        It appears whole or not at all, and `names` shows it from the moment this returns.
        """

    def read(self, name: str) -> bytes:
        """Return what was written.

        Raises:
            MissingBlobError: when there is nothing of that name.
        """

    def names(self, prefix: str) -> list[str]:
        """Return all names that start with `prefix`, sorted by their bytes."""

    def upload(self, name: str, path: Path) -> None:
        """Keep the file `path` under `name`, in place of what was there; it appears whole or not at all."""

    def download(self, name: str, path: Path) -> None:
        """Write what is kept under `name` to the file `path`.

        Raises:
            MissingBlobError: when there is nothing of that name.
        """

    def beat(self, name: str, fields: Mapping[str, Scalar]) -> None:
        """Overwrite the heartbeat `name` with a few small fields, and with the time of the store's clock."""

    def beats(self, prefix: str) -> Iterator[tuple[str, float, dict[str, Scalar]]]:
        """Yield name, age in seconds by the store's clock, and fields of each heartbeat under `prefix`."""

    def now(self) -> float:
        """Return Unix seconds by the store's clock, which all processes of the run share, whatever their own say."""

    def remove(self) -> None:
        """Delete all that the run has in the store; nothing happens when there is nothing."""

    def close(self) -> None:
        """Give back what the adapter holds (connections, files)."""


def check_name(name: str) -> None:
    """See that `name` is one of a store.

    Raises:
        ValueError: when it is not.
    """
    if len(name) > _MAX_NAME_LENGTH or _IN_NO_NAME.search(name) or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(
            f"{name!r} is not a name in a store: it has at most {_MAX_NAME_LENGTH} characters of UTF-8, no backslash "
            "and no control character"
        )


def open_store(url: str, run_id: str, patience: Patience | None = None) -> Store:
    """Return the store of the run `run_id` at `url`.

    Args:
        url: a folder of this machine (an absolute path or file: URL), where it is `<url>/<run_id>/`; or a container
            (`https://ACCOUNT.blob.core.windows.net/CONTAINER`, `http://127.0.0.1:PORT/ACCOUNT/CONTAINER`), where
            its blobs are under `<run_id>/`.
        run_id: names the run.
        patience: with which a storage account is asked; None: without end.

    Raises:
        HyperscaleError: when `url` is no such place.
        AzureError: when nobody is known who may ask it.
    """
    from hyperscale.node.storing.places import account_place, is_remote, local_folder

    if is_remote(url):
        # The SDK takes half a second to import, and 50 MB: a run on one machine needs none of it.
        from hyperscale.node.storing.credentials import access_to
        from hyperscale.node.storing.patience import Patience, PatientStore
        from hyperscale.node.storing.stores.azure import AzureBlobStore

        place = account_place(url, "store")
        return PatientStore(AzureBlobStore(place, run_id, access_to(place, os.environ)), patience or Patience())
    from hyperscale.node.storing.stores.folder import FolderStore

    return FolderStore(local_folder(url, "store") / run_id)
