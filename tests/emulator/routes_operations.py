"""Operations that take their time: their addresses, which are signed and long, and how far they are."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import TYPE_CHECKING

from emulator.resources import Operation
from emulator.routes_workspace import OURS, PROVIDER
from emulator.routing import ARM_HOST, Answer, RefusedError, Request, Route, StrictError
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

COMPUTES = "computeOperationsStatus"
CANCELS = "mfeOperationResults"
_VERSIONS = frozenset({OURS, "2023-08-01-preview", "2024-01-01-preview", "2025-01-01-preview", "2023-04-01-preview"})
#: Since 2024 such an address holds a whole certificate, and so has more than 3,000 characters.
_CERTIFICATE = base64.urlsafe_b64encode(secrets.token_bytes(1_950)).decode()
_KEY = secrets.token_bytes(32)
#: .NET counts time in these, from the year 1 on.
_TICKS_A_SECOND, _TICKS_OF_1970 = 10**7, 621_355_968_000_000_000


def address_of(service: Service, request: Request, kind: str, operation: Operation, location: str) -> str:
    """Return where an operation is asked after; whoever follows it has to repeat every character of it."""
    subscription = service.world.workspace.subscription_id
    path = PROVIDER.format(subscription=subscription, location=location) + f"/{kind}/{operation.id}"
    query = {"api-version": request.api_version or OURS}
    if kind == COMPUTES:
        query["service"] = "new"
    query |= {"t": str(_TICKS_OF_1970 + int(time.time() * _TICKS_A_SECOND)), "c": _CERTIFICATE}
    return f"https://{ARM_HOST}{path}?{_joined(query | _signature(path, query))}"


def _signature(path: str, query: dict[str, str]) -> dict[str, str]:
    made = hashlib.shake_256(_KEY + f"{path}?{_joined(query)}".encode()).digest(288)
    text = base64.urlsafe_b64encode(made).decode()
    return {"s": text[:342], "h": text[342:]}


def _joined(query: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items())


def _found(service: Service, request: Request) -> Operation:
    """Return the operation that a request asks after; its address is part of the question."""
    signed = {name: value for name, value in request.query.items() if name not in ("s", "h")}
    if {**signed, **_signature(request.path, signed)} != request.query:
        raise StrictError(403, "InvalidSignature", "the address of the operation is not the one that was given")
    operation = service.world.operations.get(request.parts["operation"])
    if operation is None:
        raise RefusedError(404, "OperationNotFound", "There is no such operation.")
    return operation


def get_compute_operation(service: Service, request: Request) -> Answer:
    operation = _found(service, request)
    if time.time() < operation.ends_at:
        return Answer(document={"status": "InProgress"})
    if operation.failure:
        return Answer(document={"status": "Failed", "error": operation.failure.document()})
    # Answers of Azure Machine Learning are indented; of this one the length was recorded.
    return Answer(content=json.dumps({"status": "Succeeded", "percentComplete": 100.0}, indent=2).encode())


def get_cancel_result(service: Service, request: Request) -> Answer:
    """Answer that a cancel goes on, or with nothing once it is over: how the job is has to be asked of the job."""
    operation = _found(service, request)
    if time.time() >= operation.ends_at:
        return Answer(content=b"")
    return Answer(202, {}, {"Location": f"https://{request.host}{request.path}?{_joined(dict(request.query))}"})


ROUTES = (
    Route("GET", ARM_HOST, f"{PROVIDER}/{COMPUTES}/{{operation}}", get_compute_operation, _VERSIONS, ARM, None),
    Route("GET", ARM_HOST, f"{PROVIDER}/{CANCELS}/{{operation}}", get_cancel_result, _VERSIONS, ARM, None),
)
