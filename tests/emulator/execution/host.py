"""What the execution of jobs needs of the emulator around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from emulator.execution.contents import Contents
from emulator.world import World


class Host(Protocol):
    """The emulator, as far as the execution sees it.

    Attributes:
        world: all that is known; the execution keeps jobs, steps and nodes of it true.
        folder: of the emulator; the execution keeps everything in `folder / "nodes"`.
        contents: files of code that nodes have downloaded before.
    """

    world: World
    folder: Path
    contents: Contents

    def blob_service(self) -> Any:
        """Return a new BlobServiceClient of the workspace's storage account, with all rights; its user closes it."""

    def datastore_container(self, name: str) -> str:
        """Return the container of a datastore of the workspace."""

    def node_environment(self, identity_ids: Sequence[str]) -> dict[str, str]:
        """Return the variables by which a node finds Azure.

        They are: those of the host-name shim and of the certificates, and MSI_ENDPOINT and MSI_SECRET for exactly the
        identities with these resource ids; none of anybody else's credentials.
        """

    def client_id(self, identity_id: str) -> str:
        """Return the client id of the identity with this resource id."""
