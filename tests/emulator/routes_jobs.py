"""Jobs: submitted, looked at, listed, cancelled and deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from emulator import rules
from emulator.resources import Job, Step
from emulator.routes_computes import page
from emulator.routes_workspace import OURS
from emulator.routing import ARM_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route, StrictError
from emulator.tokens import AML, ARM, TokenError

if TYPE_CHECKING:
    from emulator.service import Service

#: Of the SDK: pipelines, single commands, cancel and delete; besides ours.
_VERSIONS = frozenset({OURS, "2024-01-01-preview", "2025-01-01-preview", "2023-04-01-preview"})
_PATH = "Microsoft.MachineLearningServices/workspaces/jobs"


def put_job(service: Service, request: Request) -> Answer:
    name = request.parts["name"]
    properties = request.document.get("properties") or {}
    world = service.world
    known = world.jobs.get(name)
    if known:
        return _put_again(service, known, properties)
    if properties.get("jobType") != "Pipeline":
        raise StrictError(400, "UserError", f"the emulator runs pipelines, no {properties.get('jobType')}")
    _check_second_token(service, request)
    rules.check_new_job(world, name, properties)
    service.storage.start()
    job = Job(name, properties, request.asker)
    if service.execution:
        service.execution.submit(job)
    world.jobs[name] = job
    world.notify()
    return Answer(201, job_document(service, job))


def _put_again(service: Service, known: Job, properties: dict[str, Any]) -> Answer:
    """Answer as the service is assumed to: the same request again changes nothing, another one is refused."""
    if _fixed(known.properties) != _fixed(properties):
        raise RefusedError(409, "UserError", f"The job {known.name} exists, and what was sent is another one.")
    known.tags.update(properties.get("tags") or {})
    return Answer(200, job_document(service, known))


def _fixed(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what of a job may not change: not its tags, and not what the service itself adds to it."""
    changeable = {"tags", "displayName", "description", "isArchived", "properties", "status", "services"}
    return {name: value for name, value in properties.items() if name not in changeable and value is not None}


def _check_second_token(service: Service, request: Request) -> None:
    """Pipelines come with a token for the workspace's own audience, too (azure-ai-ml, _job_operations.py)."""
    try:
        token = service.tokens.read(request.headers.get("x-azureml-token", ""))
    except TokenError as bad:
        raise StrictError(401, bad.code, f"x-azureml-token: {bad}") from None
    if token.audience != AML:
        raise StrictError(401, "InvalidAuthenticationToken", f"x-azureml-token is for {token.audience}")


def get_job(service: Service, request: Request) -> Answer:
    name = request.parts["name"]
    if name in service.world.steps:
        # A step of a pipeline has no properties here: the SDK asks run history then.
        path = f"{service.world.workspace.path}/jobs/{name}"
        return Answer(document={"id": path, "name": name, "properties": None})
    return Answer(document=job_document(service, _known(service, request)))


def list_jobs(service: Service, request: Request) -> Answer:
    """List jobs, the newest first; a tag is asked for as NAME or NAME=VALUE."""
    view = request.query.get("listViewType", "ActiveOnly")
    tag, _, value = request.query.get("tag", "").partition("=")
    kind = request.query.get("jobType")
    found = [
        job
        for job in reversed(service.world.jobs.values())
        if (view == "All" or job.is_archived == (view == "ArchivedOnly"))
        and (not tag or (tag in job.tags and value in ("", job.tags[tag])))
        and kind in (None, job.properties.get("jobType"))
    ]
    return Answer(document=page(service, request, [job_document(service, job) for job in found]))


def cancel_job(service: Service, request: Request) -> Answer:
    name = request.parts["name"]
    found = service.world.steps.get(name) or _known(service, request)
    if found.is_over:
        return Answer(200, {})
    begin_cancel(service, found)
    operation = service.world.begin(service.world.timing.cancel_seconds)
    url = f"https://{ARM_HOST}{service.world.workspace.path}/jobs/{name}/operationResults/{operation.id}"
    return Answer(202, headers={"Location": f"{url}?api-version={OURS}", "Retry-After": "1"})


def begin_cancel(service: Service, found: Job | Step) -> None:
    """Begin to end a job, or a step, as from the studio."""
    name = found.name if isinstance(found, Job) else found.run_id
    if service.execution:
        service.execution.cancel(name)
    service.world.notify()


def get_cancel_result(service: Service, request: Request) -> Answer:
    operation = service.world.operations.get(request.parts["operation"])
    if operation is None:
        raise RefusedError(404, "OperationNotFound", "There is no such operation.")
    if time.time() >= operation.ends_at:
        return Answer(200, {})
    return Answer(202, headers={"Location": f"https://{request.host}{request.path}?api-version={OURS}"})


def delete_job(service: Service, request: Request) -> Answer:
    job = _known(service, request)
    if not job.is_over:
        raise RefusedError(409, "UserError", f"The job {job.name} is not over.")
    del service.world.jobs[job.name]
    return Answer(200)


def _known(service: Service, request: Request) -> Job:
    name = request.parts["name"]
    job = service.world.jobs.get(name)
    if job is None:
        raise RefusedError(404, "UserError", f"Job {name} was not found in workspace {service.world.workspace.name}.")
    return job


def job_document(service: Service, job: Job) -> dict[str, Any]:
    """Return a job as the service shows it: what was submitted, and how it is."""
    workspace = service.world.workspace
    # Whoever shows it adds &tid= and the tenant, as the SDK does.
    studio = f"https://ml.azure.com/runs/{job.name}?wsid={workspace.path}"
    properties = {
        **job.properties,
        "displayName": job.properties.get("displayName") or job.name,
        "experimentName": job.experiment,
        "status": job.status,
        "isArchived": job.is_archived,
        "services": {
            "Studio": {"endpoint": studio, "jobServiceType": "Studio"},
            "Tracking": {"endpoint": f"azureml://{workspace.location}.api.azureml.ms", "jobServiceType": "Tracking"},
        },
    }
    return {
        "id": f"{workspace.path}/jobs/{job.name}",
        "name": job.name,
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "properties": properties,
        "systemData": {
            "createdAt": iso_time(job.created_at),
            "createdBy": job.owner.name,
            "createdByType": "User" if job.owner.kind == "User" else "Application",
        },
    }


def iso_time(seconds: float | None) -> str | None:
    """Return Unix seconds as Azure writes a time."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def _route(method: str, end: str, handler: Handler, verb: str) -> Route:
    return Route(method, ARM_HOST, f"{WORKSPACE}/jobs{end}", handler, _VERSIONS, ARM, f"{_PATH}/{verb}", WORKSPACE)


ROUTES = (
    _route("PUT", "/{name}", put_job, "write"),
    _route("GET", "/{name}", get_job, "read"),
    _route("GET", "", list_jobs, "read"),
    _route("POST", "/{name}/cancel", cancel_job, "cancel/action"),
    _route("GET", "/{name}/operationResults/{operation}", get_cancel_result, "read"),
    _route("DELETE", "/{name}", delete_job, "delete"),
)
