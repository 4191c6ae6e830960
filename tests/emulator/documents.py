"""Parts that the documents of many routes have in common, as recorded: times, who made something, and errors."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from emulator.routing import RefusedError

if TYPE_CHECKING:
    from emulator.principals import Principal
    from emulator.service import Service


def iso_time(seconds: float | None) -> str | None:
    """Return Unix seconds as jobs, assets and run history write a time: seven digits, and +00:00."""
    if seconds is None:
        return None
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((seconds - whole) * 10**7):07d}+00:00"


def clock_time(seconds: float) -> str:
    """Return a duration as run history writes it: hh:mm:ss and seven digits."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{int((seconds - whole) * 10**7):07d}"


def made_by(principal: Principal | None, created_at: float) -> dict[str, Any]:
    """Return who made a job, and when; assets have `changed_by` beside it."""
    is_application = principal is not None and principal.kind != "User"
    return {
        "createdAt": iso_time(created_at),
        "createdBy": (principal.client_id if is_application else principal.name) if principal else "Microsoft",
        "createdByType": "Application" if is_application else "User",
    }


def made_and_changed_by(principal: Principal | None, created_at: float, changed_at: float) -> dict[str, Any]:
    """Return who made and who last changed an asset: here always the same."""
    made = made_by(principal, created_at)
    changed = {"lastModifiedBy": made["createdBy"], "lastModifiedByType": made["createdByType"]}
    return {**made, "lastModifiedAt": iso_time(changed_at), **changed}


def front_end_error(service: Service, status: int, code: str, message: str, *inner: str) -> RefusedError:
    """Return an error as the front end of Azure Machine Learning words it.

    Args:
        service: that answers.
        status: of the answer.
        code: of the error; many have UserError here, and the reason in `inner`.
        message: for people.
        inner: codes, each inside the one before it; without any, there is no such entry.
    """
    location = service.world.workspace.location
    told: dict[str, Any] = {
        "ComponentName": "managementfrontend",
        "Correlation": {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]},
        "Environment": location,
        "Location": location,
        "Time": iso_time(time.time()),
    }
    if inner:
        told["InnerError"] = _nested(inner)
    more = [{"type": kind, "info": {"value": value}} for kind, value in told.items()]
    document = {"error": {"code": code, "message": message, "details": [], "additionalInfo": more}}
    return RefusedError(status, code, message, document=document)


def run_history_error(service: Service, run_id: str) -> RefusedError:
    """Return the error of run history for a run that is not there: of another shape than those of the front end."""
    location = service.world.workspace.location
    message = f"Run runId={run_id} was not found"
    error: dict[str, Any] = dict.fromkeys(
        ("code", "severity", "message", "messageFormat", "messageParameters", "referenceCode", "detailsUri", "target")
    )
    error |= {
        "code": "UserError",
        "message": message,
        "messageFormat": "Run {runId} was not found",
        "messageParameters": {"runId": f"runId={run_id}"},
        "details": [],
        "innerError": _nested(("NotFoundError",)),
        "debugInfo": None,
        "additionalInfo": None,
    }
    document = {
        "error": error,
        "correlation": {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]},
        "environment": location,
        "location": location,
        "time": iso_time(time.time()),
        "componentName": "run-history",
        "statusCode": 404,
    }
    return RefusedError(404, "UserError", message, document=document)


def _nested(codes: tuple[str, ...]) -> dict[str, Any]:
    return {"code": codes[0], "innerError": _nested(codes[1:]) if codes[1:] else None}
