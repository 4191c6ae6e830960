"""The emulated Azure as tests see it: started, looked into, made to fail, and stopped."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emulator.bystander import Bystander
from emulator.connections import Connections
from emulator.execution import Execution
from emulator.faults import Faults, NamedFailure
from emulator.hosts import sitecustomize as shim
from emulator.principals import Principal
from emulator.resources import Failure, Job, Step
from emulator.routes_jobs import begin_cancel
from emulator.routes_workspace import datastore_container
from emulator.server import Server
from emulator.service import Recorded, Service
from emulator.storage import Storage, StorageService
from emulator.tokens import Tokens
from emulator.world import World
from hyperscale.node.storing.credentials import login


class EmulatorError(AssertionError):
    """The product did what it must never do: each problem is a line."""


class Emulator(Bystander):
    """An Azure of its own, with one workspace, while the `with` block runs.

    Attributes:
        world: the state; hold `world.lock` to read or change several things of it.
        faults: what goes wrong: `azure.faults.add(method="PUT", path="/computes/", status=429, retry_after=1)`.
        tokens: who is who; `azure.tokens.life_seconds` is of new tokens.
        execution: what runs the submitted jobs.
        storage: the storage account.
        folder: all files of it.
        contents: files of code that nodes have downloaded, of this emulator or another one.
    """

    def __init__(self, folder: Path, service: StorageService) -> None:
        """Remember to keep everything in `folder`; nothing is started before the `with` block.

        Args:
            folder: for all of its files.
            service: holds its storage accounts; whoever made it ends it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.storage = Storage(service)
        self.contents = self.storage.contents
        self.world = World(self.storage.account)
        self._certificate = service.certificate
        self._service = Service(self.world, self.storage)
        self._end = contextlib.ExitStack()
        self._refused_seen = 0
        self.execution: Execution

    def __enter__(self) -> Emulator:
        with contextlib.ExitStack() as started:
            started.callback(self.storage.close)
            self._https = Server(self._service, self._certificate)
            started.callback(self._https.close)
            self._http = Server(self._service, None)
            started.callback(self._http.close)
            ports = self._https.port, self._http.port
            self._connections = Connections(self.folder, self.world, self.storage, self.authority, *ports)
            self.execution = self._service.execution = Execution(self)
            started.callback(self.execution.close)
            started.callback(self._service.closing.set)
            self._end = started.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end.close()
        if self.problems and kind is None:
            raise EmulatorError("\n".join(self.problems))

    # --- what it is

    @property
    def subscription_id(self) -> str:
        return self.world.workspace.subscription_id

    @property
    def resource_group(self) -> str:
        return self.world.workspace.resource_group

    @property
    def workspace_name(self) -> str:
        return self.world.workspace.name

    @property
    def location(self) -> str:
        return self.world.workspace.location

    @property
    def storage_account(self) -> str:
        return self.world.workspace.storage_account

    @property
    def other_account(self) -> str:
        """A second account, for experiments that name one."""
        return self.storage.other_account

    @property
    def tenant_id(self) -> str:
        return self.world.directory.tenant_id

    @property
    def authority(self) -> Path:
        """What clients have to trust."""
        return self._certificate.authority

    @property
    def https_port(self) -> int:
        """Where all of Azure's names are, but those of the storage account."""
        return self._https.port

    @property
    def faults(self) -> Faults:
        return self._service.faults

    @property
    def tokens(self) -> Tokens:
        return self._service.tokens

    @property
    def requests(self) -> list[Recorded]:
        """All requests so far, those to the storage account excepted."""
        return list(self._service.requests)

    @property
    def problems(self) -> list[str]:
        """What the product did that it must never do; with any of it, the end of the `with` block raises."""
        self._report_refused_hosts()
        return list(self._service.problems)

    @contextlib.contextmanager
    def expects_problem(self, pattern: str = "") -> Iterator[None]:
        """Let problems that match `pattern` pass while a block runs."""
        self._report_refused_hosts()
        with self._service.expects_problem(pattern):
            yield
            self._report_refused_hosts()

    def _report_refused_hosts(self) -> None:
        """Make problems of what processes asked for, and nobody serves, since the last time."""
        lines = self._connections.refused_hosts()
        for line in lines[self._refused_seen :]:
            self._service.report(f"a process reached for another host: {line}")
        self._refused_seen = len(lines)

    def workspace_section(self) -> str:
        """Return the lines of an experiment file that name the workspace."""
        return (
            f"azure:\n  subscription_id: {self.subscription_id}\n  resource_group: {self.resource_group}\n"
            f"  workspace_name: {self.workspace_name}\n"
        )

    # --- who may ask it

    def environment(self, principal: Principal | None = None) -> dict[str, str]:
        """Return the variables of a process of the product on the machine of a person.

        Args:
            principal: who is logged in: a person by `az login`, an application by AZURE_CLIENT_SECRET. None is
                `world.directory.person`.
        """
        who = principal or self.world.directory.person
        if who.kind == "User":
            return self._connections.of_person(who)
        return self._connections.of_application(who, self.tokens.secret_of(who))

    @contextlib.contextmanager
    def in_this_process(self, principal: Principal | None = None) -> Iterator[None]:
        """Let this very process be one of the product while the block runs, as `environment` has it."""
        original, before = socket.getaddrinfo, dict(os.environ)
        variables = self.environment(principal)
        del variables["PYTHONPATH"]
        os.environ.update(variables)
        socket.getaddrinfo = shim.redirected(original, variables[shim.VARIABLE])
        login.cache_clear()  # a process of the product has one login: this one begins anew
        try:
            yield
        finally:
            login.cache_clear()
            socket.getaddrinfo = original
            os.environ.clear()
            os.environ.update(before)

    def node_environment(self, identity_ids: Sequence[str]) -> dict[str, str]:
        """Return the variables by which a job on a node finds Azure: as these identities, and nobody else."""
        secret = secrets.token_hex(16)
        self._service.node_secrets[secret] = tuple(identity_ids)
        found = [self.world.directory.identity(path) for path in identity_ids]
        return self._connections.of_node([identity for identity in found if identity], secret)

    def client_id(self, identity_id: str) -> str:
        """Return the client id of the identity with this resource id."""
        identity = self.world.directory.identity(identity_id)
        return str(identity.client_id) if identity else ""

    def blob_service(self) -> Any:
        """Return a new BlobServiceClient with all rights; whoever asked closes it."""
        return self.storage.new_client()

    def datastore_container(self, name: str) -> str:
        """Return the container of a datastore of the workspace."""
        container = datastore_container(self._service, name)
        if container is None:
            raise KeyError(name)
        self.storage.container(container)
        return container

    # --- what goes wrong

    def fail_cluster(
        self,
        pattern: str,
        code: str = "AllocationFailed",
        message: str = "There is not enough capacity in the region.",
        times: int | None = None,
    ) -> None:
        """Have the provisioning of clusters fail whose name matches; they stay, and are Failed."""
        self.faults.provisioning.append(NamedFailure(pattern, Failure(code, message), times))

    def fail_deletes(
        self,
        pattern: str,
        times: int | None = 1,
        code: str = "InternalServerError",
        message: str = "The cluster could not be deleted.",
    ) -> None:
        """Have deletes of computes begin, and fail in the end; the compute stays."""
        self.faults.deletes.append(NamedFailure(pattern, Failure(code, message), times))

    def fail_image(self, pattern: str) -> None:
        """Have no environment build from now on whose id, image or packages match."""
        self.execution.fail_image(pattern)

    def preempt(self, compute: str | None = None, share: float = 0.5, **options: Any) -> list[Step]:
        """Take nodes of low priority away; see Execution.preempt."""
        return self.execution.preempt(compute, share, **options)

    def cancel_from_studio(self, name: str) -> None:
        """Cancel a job, or a step by its run id, as somebody does in the studio."""
        with self.world.lock:
            found: Job | Step = self.world.jobs.get(name) or self.world.steps[name]
            if not found.is_over:
                begin_cancel(self._service, found)

    def lose_contact(self, name: str) -> None:
        """Have a job, or a step by its run id, be called NotResponding, whatever it does, until `regain_contact`."""
        self._set_silent(name, is_silent=True)

    def regain_contact(self, name: str) -> None:
        """Have a job, or a step by its run id, be called what it is again."""
        self._set_silent(name, is_silent=False)

    def _set_silent(self, name: str, *, is_silent: bool) -> None:
        with self.world.lock:
            found: Job | Step = self.world.jobs.get(name) or self.world.steps[name]
            found.is_silent = is_silent
            self.world.notify()

    def disable_shared_keys(self) -> None:
        """Have the storage account take no keys: datastores have no secrets, users' own identities are used."""
        with self.world.lock:
            self.world.shared_keys, self.world.identity_datastores = False, True
