"""Answers requests as Azure would: finds the route, checks token, role and api-version, and lets things go wrong."""

from __future__ import annotations

import re
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from emulator import (
    routes_assets,
    routes_computes,
    routes_directory,
    routes_history,
    routes_jobs,
    routes_login,
    routes_operations,
    routes_storage,
    routes_workspace,
)
from emulator.faults import Faults
from emulator.principals import Principal
from emulator.routing import API_HOST, ARM_HOST, Answer, RefusedError, Request, Route, StrictError, host_matches
from emulator.rules import check_body
from emulator.storage import Storage
from emulator.tokens import ARM, OLD_ARM, TokenError, Tokens
from emulator.world import Execution, World

FAMILIES = (
    routes_login,
    routes_workspace,
    routes_computes,
    routes_operations,
    routes_assets,
    routes_jobs,
    routes_history,
    routes_directory,
    routes_storage,
)


@dataclass(frozen=True)
class Recorded:
    """A request that was answered.

    Attributes:
        method, host, path: of it.
        api_version: that it named, if any.
        status: of the answer; 0 where the connection was closed in place of an answer.
        principal: name of who asked; empty where nobody had to say so.
        at: Unix seconds.
    """

    method: str
    host: str
    path: str
    api_version: str | None
    status: int
    principal: str
    at: float


class LostAnswerError(Exception):
    """The request took effect; whoever asked hears nothing of it."""


class Service:
    """What all routes share.

    Attributes:
        world: what there is.
        tokens: who is who.
        faults: what goes wrong.
        storage: the storage account.
        execution: what runs the jobs.
        requests: all that were answered, in order.
        problems: what the product did that it must never do; a test with one fails.
        node_secrets: what a node shows to get tokens of its identities (their paths).
        closing: set when the emulator ends, so that nobody waits any longer.
    """

    def __init__(self, world: World, storage: Storage) -> None:
        self.world = world
        self.tokens = Tokens(world.directory)
        self.faults = Faults()
        self.storage = storage
        self.execution: Execution | None = None
        self.requests: list[Recorded] = []
        self.problems: list[str] = []
        self.node_secrets: dict[str, Sequence[str]] = {}
        self.closing = threading.Event()
        self._expected: list[str] = []
        self._routes = [route for family in FAMILIES for route in family.ROUTES]
        self._lock = threading.Lock()

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request, and remember both.

        Raises:
            LostAnswerError: when there is none, on purpose.
        """
        fault = self.faults.for_request(request.method, f"{request.host}{request.path}")
        if fault and fault.delay_seconds:
            self.closing.wait(fault.delay_seconds)
        principal: Principal | None = None
        try:
            if fault and fault.status:
                after = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
                raise RefusedError(fault.status, fault.code, fault.message, headers=after)
            route, parts = self._route(request)
            principal = self._asker(route, request)
            answer = self._answer(route, replace(request, parts=parts, principal=principal))
        except RefusedError as refused:
            if isinstance(refused, StrictError):
                self.report(f"{request.method} {request.host}{request.path}: {refused}")
            answer = refused.answer()
        except Exception as failed:
            self.report(f"{request.method} {request.host}{request.path}: {traceback.format_exc()}")
            answer = RefusedError(500, "EmulatorFailed", repr(failed)).answer()
        answer = replace(answer, headers={**response_type(request, answer), **answer.headers})
        is_lost = bool(fault and fault.lost)
        self._record(request, principal, 0 if is_lost else answer.status)
        if is_lost:
            raise LostAnswerError
        return answer

    def report(self, problem: str) -> None:
        """Remember what the product must not do, unless the test expects it now."""
        with self._lock:
            if not any(re.search(expected, problem) for expected in self._expected):
                self.problems.append(problem)

    @contextmanager
    def expects_problem(self, pattern: str = "") -> Iterator[None]:
        """Let problems that match `pattern` pass while the block runs."""
        with self._lock:
            self._expected.append(pattern)
        try:
            yield
        finally:
            with self._lock:
                self._expected.remove(pattern)

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        for route in self._routes:
            parts = route.match(request.method, request.host, request.path)
            if parts is not None:
                return route, parts
        raise StrictError(404, "InvalidResourceType", "the emulator knows no such request")

    def _asker(self, route: Route, request: Request) -> Principal | None:
        """Return who asks, after everything that Azure looks at before it does something."""
        if route.versions and request.api_version not in route.versions:
            known = ", ".join(sorted(filter(None, route.versions)))
            raise StrictError(
                400,
                "InvalidApiVersionParameter",
                f"the api-version '{request.api_version}' is invalid; the emulator knows {known}",
            )
        if route.audience is None:
            return None
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise StrictError(401, "AuthenticationFailed", "there is no bearer token")
        try:
            token = self.tokens.read(text)
        except TokenError as bad:
            # Who is logged in to another tenant makes no mistake that a client could avoid.
            wrong = RefusedError if bad.code == "InvalidAuthenticationTokenTenant" else StrictError
            raise wrong(401, bad.code, str(bad)) from None
        if token.audience != route.audience and (token.audience, route.audience) != (OLD_ARM, ARM):
            raise StrictError(
                401, "InvalidAuthenticationToken", f"the token is for {token.audience}, not for {route.audience}"
            )
        self._check_role(route, request, token.principal)
        return token.principal

    def _check_role(self, route: Route, request: Request, principal: Principal) -> None:
        if route.action is None:
            return
        scope = route.scope(request.path[request.path.find("/subscriptions/") :])
        subscription = f"/subscriptions/{self.world.workspace.subscription_id}"
        if not f"{scope}/".lower().startswith(f"{subscription}/".lower()):
            raise RefusedError(404, "SubscriptionNotFound", f"The subscription of '{scope}' could not be found.")
        with self.world.lock:
            if self.world.directory.allows(principal, route.action, scope):
                return
        raise RefusedError(
            403,
            "AuthorizationFailed",
            f"The client '{principal.name}' with object id '{principal.object_id}' does not have authorization to "
            f"perform action '{route.action}' over scope '{scope}' or the scope is invalid. If access was recently "
            "granted, please refresh your credentials.",
        )

    def _answer(self, route: Route, request: Request) -> Answer:
        with self.world.lock:
            self.world.settle()
            if route.host == ARM_HOST:
                check_body(request.body)
            if route.host == ARM_HOST or "workspace" in request.parts:
                self._check_place(request)
            return route.handler(self, request)

    def _check_place(self, request: Request) -> None:
        workspace = self.world.workspace
        subscription = request.parts.get("subscription", workspace.subscription_id)
        if subscription.lower() != workspace.subscription_id.lower():
            raise RefusedError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        group, name = request.parts.get("group"), request.parts.get("workspace")
        if group is not None and group.lower() != workspace.resource_group.lower():
            raise RefusedError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
        if name is not None and name.lower() != workspace.name.lower():
            kind = "Microsoft.MachineLearningServices/workspaces"
            raise RefusedError(404, "ResourceNotFound", f"The Resource '{kind}/{name}' was not found.")

    def _record(self, request: Request, principal: Principal | None, status: int) -> None:
        name = principal.name if principal else ""
        made = Recorded(request.method, request.host, request.path, request.api_version, status, name, time.time())
        with self._lock:
            self.requests.append(made)


def response_type(request: Request, answer: Answer) -> dict[str, str]:
    """Return the header by which Azure Machine Learning says what an answer is; one without a body is no error."""
    provider = request.path.lower().rpartition("/providers/")[2]
    of_arm = request.host == ARM_HOST and provider.startswith("microsoft.machinelearningservices/")
    if not of_arm and not host_matches(API_HOST, request.host):
        return {}
    return {"x-ms-response-type": "error" if answer.status >= 400 and answer.body else "standard"}
