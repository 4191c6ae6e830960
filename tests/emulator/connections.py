"""How processes find the emulated Azure: the variables of a person's machine and of a node, host names, and `az`."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from emulator.faults import NODE_TOKENS
from emulator.hosts import sitecustomize as shim
from emulator.principals import Principal
from emulator.routing import API_HOST, ARM_HOST, LOGIN_HOST
from emulator.storage import Storage
from emulator.world import World
from hyperscale import tempo

_HOSTS = Path(shim.__file__).parent
#: Every machine of Azure is asked for its identity here; the machine of a person does not answer.
_IMDS_HOST = "169.254.169.254"


class Connections:
    """Makes the environments of processes, each for who it is."""

    def __init__(
        self, folder: Path, world: World, storage: Storage, authority: Path, https_port: int, http_port: int
    ) -> None:
        """Write the stub of `az`; everything is kept in `folder`."""
        self._folder, self._world, self._storage = folder, world, storage
        self._authority, self._https_port, self._http_port = authority, https_port, http_port
        self._map_numbers = itertools.count()
        self._refused = folder / "refused.txt"
        self._write_az()

    def of_person(self, person: Principal) -> dict[str, str]:
        """Return the variables of a process of somebody who is logged in by `az login`."""
        return {
            **self._of_machine([person]),
            "HYPERSCALE_EMULATOR_AZ": f"127.0.0.1:{self._http_port}",
            "HYPERSCALE_EMULATOR_PERSON": person.object_id,
        }

    def of_application(self, application: Principal, secret: str) -> dict[str, str]:
        """Return the variables of a process that logs in with a secret."""
        return {
            **self._of_machine([application]),
            "AZURE_TENANT_ID": self._world.directory.tenant_id,
            "AZURE_CLIENT_ID": str(application.client_id),
            "AZURE_CLIENT_SECRET": secret,
        }

    def of_node(self, identities: Sequence[Principal], secret: str) -> dict[str, str]:
        """Return the variables of a job on a node, which gets tokens of these identities for `secret`."""
        return {
            **self._connected(identities),
            "MSI_ENDPOINT": f"http://127.0.0.1:{self._http_port}{NODE_TOKENS}",
            "MSI_SECRET": secret,
        }

    def refused_hosts(self) -> list[str]:
        """Return a line for each time that a process asked for a host that is not there."""
        return self._refused.read_text("utf-8").splitlines() if self._refused.exists() else []

    def _of_machine(self, principals: Sequence[Principal]) -> dict[str, str]:
        """Return the variables of a person's machine, which has a path of its own, and the stub of `az`."""
        path = os.environ.get("PYTHONPATH")
        return {
            **self._connected(principals),
            "PYTHONPATH": f"{_HOSTS}{os.pathsep}{path}" if path else str(_HOSTS),
            "PATH": f"{self._folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def _connected(self, principals: Sequence[Principal]) -> dict[str, str]:
        """Return the variables that let a process of somebody reach the emulator, and nothing else."""
        return {
            **{name: os.environ[name] for name in (tempo.VARIABLE,) if name in os.environ},
            "PYTHONPATH": str(_HOSTS),
            shim.VARIABLE: str(self._write_map(principals)),
            "REQUESTS_CA_BUNDLE": str(self._authority),
            "CURL_CA_BUNDLE": str(self._authority),
            "SSL_CERT_FILE": str(self._authority),
            "NO_PROXY": "*",
            "no_proxy": "*",
        }

    def _write_map(self, principals: Sequence[Principal]) -> Path:
        """Write which host names are where for somebody, and what they may do with each container and queue."""
        self._storage.start()
        hosts: dict[str, int | None] = dict.fromkeys((ARM_HOST, LOGIN_HOST, API_HOST), self._https_port)
        hosts[_IMDS_HOST] = None
        rights: dict[str, dict[str, str]] = {}
        directory = self._world.directory
        above_accounts = self._world.workspace.storage_path.rpartition("/")[0]
        with self._world.lock:
            for service in ("blob", "queue"):
                hosts[f"*.{service}.core.windows.net"] = None
                for account in self._storage.accounts:
                    host = f"{account}.{service}.core.windows.net"
                    hosts[host] = self._storage.ports[service]
                    rights[host] = directory.data_rights(principals, f"{above_accounts}/{account}", service)
        file = self._folder / f"hosts-{next(self._map_numbers)}.json"
        told = {"hosts": hosts, "refused": str(self._refused), "rights": rights, "refuser": self._https_port}
        file.write_text(json.dumps(told), "utf-8")
        return file

    def _write_az(self) -> None:
        """Write the stub of `az`, for this very Python."""
        program = self._folder / "bin" / "az"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!{sys.executable} -IS\n{(_HOSTS / 'az').read_text('utf-8')}", "utf-8")
        program.chmod(0o755)
