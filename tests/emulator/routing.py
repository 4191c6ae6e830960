"""Requests, answers and routes: which function answers what, in which api-versions, for whom."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.principals import Principal

if TYPE_CHECKING:
    from emulator.service import Service

ARM_HOST = "management.azure.com"
LOGIN_HOST = "login.microsoftonline.com"
#: Run history and its neighbours, of every location.
API_HOST = "*.api.azureml.ms"
#: What is asked on plain http: the managed-identity endpoint of nodes, and the stub of `az`.
PLAIN_HOST = "127.0.0.1"

_PROVIDER = "providers/Microsoft.MachineLearningServices"
WORKSPACE = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/{_PROVIDER}/workspaces/{{workspace}}"


@dataclass(frozen=True)
class Request:
    """What somebody asks.

    Attributes:
        method, host, path: of it; the path is decoded.
        query: its parameters.
        headers: with names in lower case.
        body: as it was sent.
        parts: of the path, by their names in the route.
        principal: who asks; None where nobody has to say so.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    parts: Mapping[str, str] = field(default_factory=dict)
    principal: Principal | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The body, which is JSON."""
        read: dict[str, Any] = json.loads(self.body or b"{}")
        return read

    @property
    def api_version(self) -> str | None:
        return self.query.get("api-version")

    @property
    def asker(self) -> Principal:
        assert self.principal, f"{self.path} is answered to everybody"
        return self.principal


@dataclass(frozen=True)
class Answer:
    """What is answered: a status, and a document or bytes."""

    status: int = 200
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None

    @property
    def body(self) -> bytes:
        if self.content is not None:
            return self.content
        return b"" if self.document is None else json.dumps(self.document, separators=(",", ":")).encode()


class RefusedError(Exception):
    """A request that is answered with an error, as the service would answer it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        document: Any = None,
        content: bytes | None = None,
    ) -> None:
        """Refuse a request.

        Args:
            status: of the answer.
            code, message: of the error.
            headers: of the answer.
            document: what is answered where it is more than code and message.
            content: what is answered where it is no document: a compute that is not there has no body at all.
        """
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers or {}
        self._document = document or {"error": {"code": code, "message": message}}
        self._content = content

    def answer(self) -> Answer:
        return Answer(self.status, self._document, self.headers, self._content)


class StrictError(RefusedError):
    """A request that no correct client makes: it is answered with an error, and fails the test."""


Handler = Callable[["Service", Request], Answer]


@dataclass(frozen=True)
class Route:
    """Which function answers a path.

    Attributes:
        method, host, template: of the requests; a `{name}` of the template is one part of the path, `{name*}` several,
            `{name=codes}` the part that is given.
        handler: answers.
        versions: the api-versions that it knows, None for a request without one; empty where nobody looks at it.
        audience: of the token that it wants; None wants none.
        action: what the role of who asks has to allow; None allows all who have a token.
        at: up to which part of the path that role is looked for; empty is the whole path.
    """

    method: str
    host: str
    template: str
    handler: Handler
    versions: frozenset[str | None]
    audience: str | None
    action: str | None
    at: str = ""

    def match(self, method: str, host: str, path: str) -> dict[str, str] | None:
        """Return the parts of a path that is its, or None."""
        if method != self.method or not host_matches(self.host, host):
            return None
        found = pattern_of(self.template).fullmatch(path)
        return found.groupdict() if found else None

    def scope(self, path: str) -> str:
        """Return where the role of who asks has to be."""
        if not self.at:
            return path
        start = pattern_of(self.at).match(path)
        found = start.group() if start else path
        # The studio leaves the provider out of its paths.
        return found if "/providers/" in found else found.replace("/workspaces/", f"/{_PROVIDER}/workspaces/")


@functools.cache
def pattern_of(template: str) -> re.Pattern[str]:
    """Return the expression of a template; Azure does not mind the case of what is fixed in it."""
    expression = re.sub(r"\\\{(\w+)\\\*\\\}", r"(?P<\1>.+)", re.escape(template))
    expression = re.sub(r"\\\{(\w+)=(\w+)\\\}", r"(?P<\1>\2)", expression)
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", expression), re.IGNORECASE)


def host_matches(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
