"""Asks the emulated Azure over TLS without any SDK, for tests of what it answers."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass, field
from typing import Any

from emulator import Emulator
from emulator.principals import Principal
from emulator.routing import ARM_HOST
from emulator.tokens import AML, ARM

from hyperscale.node.azure.workspace import API_VERSION


@dataclass(frozen=True)
class Answered:
    """What the emulator answered to a plain request."""

    status: int
    headers: dict[str, str]
    document: Any = field(repr=False)
    content: bytes = field(repr=False, default=b"")

    @property
    def code(self) -> str:
        return str(self.document["error"]["code"])


class Asker:
    """Asks the emulator over TLS, without any SDK: as the person, unless told otherwise."""

    def __init__(self, azure: Emulator) -> None:
        self.azure = azure
        self._trust = ssl.create_default_context(cafile=azure.authority)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: Principal | None = None,
        audience: str = ARM,
        token: str | None = None,
        version: str = API_VERSION,
        host: str = ARM_HOST,
        headers: dict[str, str] | None = None,
    ) -> Answered:
        """Ask; a path without a leading slash is below the workspace."""
        person = who or self.azure.world.directory.person
        text = token if token is not None else self.azure.tokens.make(person, audience).text
        whole = path if path.startswith("/") else f"{self.azure.world.workspace.path}/{path}".rstrip("/")
        url = f"{whole}{'&' if '?' in whole else '?'}api-version={version}" if version else whole
        sent = {"Host": host, "Authorization": f"Bearer {text}", **(headers or {})}
        connection = self.connection()
        try:
            connection.request(method, url, body=json.dumps(body) if body is not None else None, headers=sent)
            answer = connection.getresponse()
            read = answer.read()
            is_json = read[:1] in (b"{", b"[")
            return Answered(answer.status, dict(answer.getheaders()), json.loads(read) if is_json else read, read)
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPSConnection:
        """Return a connection of its own, which is not open yet."""
        return http.client.HTTPSConnection("127.0.0.1", self.azure.https_port, context=self._trust, timeout=30)

    def make_cluster(self, name: str, who: Principal | None = None, **changes: Any) -> Answered:
        return self("PUT", f"computes/{name}", cluster(**changes), who=who)

    def submit(self, name: str, **changes: Any) -> Answered:
        second = self.azure.tokens.make(self.azure.world.directory.person, AML).text
        return self("PUT", f"jobs/{name}", pipeline(**changes), headers={"x-azureml-token": second})


def cluster(
    size: str = "Standard_F4s_v2",
    location: str = "westeurope",
    low_priority: bool = False,
    nodes: tuple[int, int] = (0, 4),
    tags: dict[str, str] | None = None,
    identity: str | None = None,
) -> dict[str, Any]:
    """Return what makes a cluster, as the SDK sends it."""
    scale = {"minNodeCount": nodes[0], "maxNodeCount": nodes[1], "nodeIdleTimeBeforeScaleDown": "PT2M"}
    priority = "LowPriority" if low_priority else "Dedicated"
    inner = {"vmSize": size, "vmPriority": priority, "scaleSettings": scale}
    document: dict[str, Any] = {
        "location": location,
        "tags": tags or {},
        "properties": {"computeType": "AmlCompute", "computeLocation": location, "properties": inner},
    }
    if identity:
        document["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    return document


def pipeline(compute: str = "there", **step: Any) -> dict[str, Any]:
    """Return what submits a pipeline of one step that has no component: only the rules of the service look at it."""
    return {
        "properties": {
            "jobType": "Pipeline",
            "experimentName": "digits",
            "tags": {"hyperscale_run": "r1"},
            "settings": {},
            "inputs": {},
            "jobs": {"seed": {"type": "command", "computeId": compute, **step}},
        }
    }
