"""The storage account of the emulated workspace: Azurite under Azure's names, as the service itself uses it."""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from azurite import Azurite
from azurite.certificates import Certificate

#: How long a signature is good that is given away for an upload or a download.
_SIGNED = datetime.timedelta(hours=8)


class Storage:
    """Azurite, with the clients that the service itself has: with the account's key, which nobody else gets.

    It is started when somebody needs it for the first time: many tests never do.

    Attributes:
        account: its name.
        accounts: all accounts that there are.
    """

    def __init__(self, folder: Path, certificate: Certificate, accounts: Sequence[str]) -> None:
        self.account = accounts[0]
        self.accounts = tuple(accounts)
        self._certificate = certificate
        self.azurite = Azurite(
            folder, account=self.account, certificate=certificate, other_accounts=tuple(accounts[1:])
        )
        self._client: Any = None
        self._is_started = False
        self._containers: set[str] = set()
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start it, if it was never started."""
        with self._lock:
            if not self._is_started:
                self.azurite.start()
                self._is_started = True

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
        self.azurite.close()

    @property
    def ports(self) -> dict[str, int]:
        """Where Azurite answers, by the name of the service."""
        return {
            "blob": int(self.azurite.blob_url.split(":")[2].partition("/")[0]),
            "queue": int(self.azurite.queue_url.split(":")[2].partition("/")[0]),
        }

    def blob_url(self, path: str = "") -> str:
        """Return the address of a container or blob, as people and jobs use it."""
        return f"https://{self.account}.blob.core.windows.net/{path}".rstrip("/")

    def client(self) -> Any:
        """Return the service's own BlobServiceClient; safe for several threads."""
        self.start()
        with self._lock:
            if self._client is None:
                self._client = self.new_client()
            return self._client

    def new_client(self) -> Any:
        """Return a new BlobServiceClient with the account's key; whoever asked closes it."""
        from azure.storage.blob import BlobServiceClient  # a quarter of a second: only who needs it

        return BlobServiceClient.from_connection_string(
            self.azurite.connection_string, connection_verify=str(self._certificate.authority)
        )

    def container(self, name: str) -> Any:
        """Return the service's own client of a container, which is made if it is not there."""
        from azure.core.exceptions import ResourceExistsError

        container = self.client().get_container_client(name)
        with self._lock:
            is_known = name in self._containers
            self._containers.add(name)
        if not is_known:
            with contextlib.suppress(ResourceExistsError):
                container.create_container()
        return container

    def signature(self, container: str) -> str:
        """Return a signature with which whoever has it may read and write a container."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        signature: str = generate_container_sas(
            self.account,
            container,
            account_key=self.azurite.key,
            permission=ContainerSasPermissions(read=True, add=True, create=True, write=True, list=True),
            expiry=datetime.datetime.now(datetime.timezone.utc) + _SIGNED,
        )
        return signature
