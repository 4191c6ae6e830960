"""The storage account of an emulated workspace: Azurite under Azure's names, as the service itself uses it."""

from __future__ import annotations

import contextlib
import datetime
import threading
from pathlib import Path
from typing import Any

from azurite import Azurite
from azurite.certificates import make_certificate

from emulator.execution.contents import Contents
from emulator.routing import API_HOST, ARM_HOST, LOGIN_HOST

#: How long a signature is good that is given away for an upload or a download.
_SIGNED = datetime.timedelta(hours=8)
#: More emulators than one process of tests starts. Azurite reads the names of all accounts when it starts.
_PAIRS = 250


class StorageService:
    """One Azurite for all emulators of a process: each takes a pair of accounts that no other one has.

    It is started when somebody needs it for the first time: many tests never do. To start one for each emulator would
    cost 1.7 s of processor time each.

    Attributes:
        azurite: what answers for all of the accounts, with one key.
        certificate: what it shows: of every name of Azure.
        contents: files of code that nodes have downloaded from it.
    """

    def __init__(self, folder: Path, pairs: int = _PAIRS) -> None:
        hosts = [ARM_HOST, LOGIN_HOST, API_HOST, "*.blob.core.windows.net", "*.queue.core.windows.net"]
        self.certificate = make_certificate(folder / "certificate", hosts)
        names = [(f"labstore{number or ''}", f"otherstore{number or ''}") for number in range(pairs)]
        first, *others = (name for pair in names for name in pair)
        self.azurite = Azurite(
            folder / "data", account=first, certificate=self.certificate, other_accounts=tuple(others)
        )
        self.contents = Contents(folder / "contents")
        self._free = iter(names)
        self._lock = threading.Lock()
        self._is_started = False

    def __enter__(self) -> StorageService:
        return self

    def __exit__(self, *_: object) -> None:
        self.azurite.close()

    def start(self) -> None:
        """Start it, if it was never started."""
        with self._lock:
            if not self._is_started:
                self.azurite.start()
                self._is_started = True

    def take(self) -> tuple[str, str]:
        """Return the names of two accounts that nobody has had."""
        with self._lock:
            return next(self._free)


class Storage:
    """Two accounts, with the clients that the service itself has: with the account's key, which nobody else gets.

    Attributes:
        account: the name of the workspace's.
        other_account: a second one, for experiments that name it.
        azurite: what answers.
        contents: files of code that nodes have downloaded from any account.
    """

    def __init__(self, service: StorageService) -> None:
        self.account, self.other_account = service.take()
        self.azurite, self.contents = service.azurite, service.contents
        self._service = service
        self._client: Any = None
        self._containers: set[str] = set()
        self._lock = threading.RLock()

    @property
    def accounts(self) -> tuple[str, str]:
        """Return the names of all accounts that there are."""
        return self.account, self.other_account

    def start(self) -> None:
        """Start the service, if it was never started."""
        self._service.start()

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

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
            self.azurite.connection_string_of(self.account), connection_verify=str(self._service.certificate.authority)
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
