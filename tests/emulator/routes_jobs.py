"""Jobs: submitted, looked at, listed, cancelled and deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator import rules
from emulator.documents import front_end_error, made_by
from emulator.resources import Job, Step
from emulator.routes_computes import page
from emulator.routes_operations import CANCELS, address_of
from emulator.routes_workspace import OURS
from emulator.routing import ARM_HOST, WORKSPACE, Answer, Handler, Request, Route, StrictError
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
    _check_components(service, properties)
    rules.check_new_job(world, name, properties)
    service.storage.start()
    job = Job(name, properties, request.asker)
    if service.execution:
        service.execution.submit(job)
    world.jobs[name] = job
    world.notify()
    location = f"https://{ARM_HOST}{world.workspace.path}/jobs/{name}?api-version={request.api_version}"
    return Answer(201, job_document(service, job), {"Location": location})


def _put_again(service: Service, known: Job, properties: dict[str, Any]) -> Answer:
    """Answer with the job that there is: nothing is started again, and its tags are updated (documented).

    Recorded is that of a job that is over, which comes back as it ended. While it is not, another job under its name
    is assumed to be refused.
    """
    if not known.is_over and _fixed(known.properties) != _fixed(properties):
        raise front_end_error(
            service, 409, "UserError", f"The job {known.name} exists, and what was sent is another one.", "Conflict"
        )
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


def _check_components(service: Service, properties: dict[str, Any]) -> None:
    """A component that is not there is answered with 404, as a workspace that is not there would be."""
    for step in rules.steps_of(properties).values():
        reference = str(step.get("componentId") or "")
        if rules.is_ours(reference) and service.world.asset_of(reference) is None:
            name, _, version = reference.removeprefix("azureml:").rpartition("/components/")[2].partition("/versions/")
            message = f"key: {reference}, Message: Not found component {name} (version: {version})."
            raise front_end_error(service, 404, "NotFound", message)


def get_job(service: Service, request: Request) -> Answer:
    step = service.world.steps.get(request.parts["name"])
    if step is None:
        return Answer(document=job_document(service, _known(service, request)))
    # Of a step there is nothing but that it exists: the SDK asks run history then.
    owner = service.world.jobs[step.job].owner if step.job in service.world.jobs else None
    made = made_by(owner or service.world.directory.person, step.created_at)
    return Answer(document={**_named(service, step.run_id), "systemData": made})


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
    """Begin to end a job: answered with the JSON text null, and one that is over with nothing at all."""
    world, name = service.world, request.parts["name"]
    step = world.steps.get(name)
    if step and not world.cancels_steps:
        raise front_end_error(service, 400, "UserError", f"The run {name} is not a job.", "BadArgument")
    found = step or _known(service, request)
    if found.is_over:
        return Answer(content=b"")
    begin_cancel(service, found)
    operation = world.begin(world.timing.cancel_seconds, called=f"jc:{world.workspace.workspace_id}:{name}")
    address = address_of(service, request, CANCELS, operation, world.workspace.location)
    return Answer(202, headers={"Location": address, "x-ms-async-operation-timeout": "PT1H"}, content=b"null")


def begin_cancel(service: Service, found: Job | Step) -> None:
    """Begin to end a job, or a step, as from the studio."""
    name = found.name if isinstance(found, Job) else found.run_id
    if service.execution:
        service.execution.cancel(name)
    service.world.notify()


def delete_job(service: Service, request: Request) -> Answer:
    job = _known(service, request)
    if not job.is_over:
        raise front_end_error(service, 409, "UserError", f"The job {job.name} is not over.", "Conflict")
    del service.world.jobs[job.name]
    return Answer(200)


def _known(service: Service, request: Request) -> Job:
    name = request.parts["name"]
    job = service.world.jobs.get(name)
    if job is None:
        message = f"Job {name} was not found in workspace {service.world.workspace.name}."
        raise front_end_error(service, 404, "UserError", message, "NotFound")
    return job


def _named(service: Service, name: str) -> dict[str, Any]:
    return {"id": f"{service.world.workspace.path}/jobs/{name}", "name": name, "type": _PATH}


def job_document(service: Service, job: Job) -> dict[str, Any]:
    """Return a job as the service shows it: what was submitted, and how it is; never why it failed."""
    sent = job.properties
    properties = {
        "description": sent.get("description"),
        "tags": job.tags,
        "properties": {**(sent.get("properties") or {}), **_told_properties(job)},
        "displayName": sent.get("displayName") or job.name,
        "status": job.shown_status,
        "experimentName": job.experiment,
        "services": _services(service, job.name),
        "computeId": sent.get("computeId"),
        "isArchived": job.is_archived,
        "identity": sent.get("identity"),
        "componentId": sent.get("componentId"),
        "notificationSetting": sent.get("notificationSetting"),
        "jobType": "Pipeline",
        "settings": sent.get("settings") or {},
        "jobs": sent.get("jobs") or {},
        "inputs": {name: _filled(one, "ReadOnlyMount") for name, one in (sent.get("inputs") or {}).items()},
        "outputs": {name: _filled(one, "ReadWriteMount") for name, one in (sent.get("outputs") or {}).items()},
        "sourceJobId": sent.get("sourceJobId"),
    }
    return {**_named(service, job.name), "properties": properties, "systemData": made_by(job.owner, job.created_at)}


def _told_properties(job: Job) -> dict[str, str]:
    """Return what the service itself says of a pipeline: all of it texts."""
    settings, sent = job.properties.get("settings") or {}, job.properties.get("inputs") or {}
    literals = {name: str(one.get("value")) for name, one in sent.items() if one.get("jobInputType") == "literal"}
    told = {
        "azureml.DevPlatv2": "true",
        "azureml.runsource": "azureml.PipelineRun",
        "runSource": "MFE",
        "runType": "HTTP",
        "azureml.parameters": json.dumps(literals),
        # Left out, it came back as either: files of ours always say it.
        "azureml.continue_on_step_failure": str(settings.get("continue_on_step_failure") is not False),
        "azureml.continue_on_failed_optional_input": "True",
        "azureml.pipelineComponent": "pipelinerun",
    }
    for name, key in (("default_compute", "Compute"), ("default_datastore", "DataStore")):
        if settings.get(name):
            told[f"azureml.default{key}Name"] = str(settings[name]).rpartition("/")[2].removeprefix("azureml:")
    return told


def _services(service: Service, name: str) -> dict[str, Any]:
    workspace = service.world.workspace
    # Whoever shows it adds &tid= and the tenant, as the SDK does.
    group = f"/subscriptions/{workspace.subscription_id}/resourcegroups/{workspace.resource_group}"
    endpoints = {
        "Tracking": f"azureml://{workspace.location}.api.azureml.ms/mlflow/v1.0{workspace.path}?",
        "Studio": f"https://ml.azure.com/runs/{name}?wsid={group}/workspaces/{workspace.name}",
    }
    unset = dict.fromkeys(("port", "status", "errorMessage", "properties", "nodes"))
    return {kind: {**unset, "jobServiceType": kind, "endpoint": url} for kind, url in endpoints.items()}


def _filled(sent: dict[str, Any], mode: str) -> dict[str, Any]:
    """Return an input or output of a pipeline with what the service fills in."""
    if sent.get("jobInputType") == "literal":
        return {"description": None, **sent}
    return {"description": None, "uri": None, "mode": mode, **{name: one for name, one in sent.items() if one}}


def _route(method: str, end: str, handler: Handler, verb: str) -> Route:
    return Route(method, ARM_HOST, f"{WORKSPACE}/jobs{end}", handler, _VERSIONS, ARM, f"{_PATH}/{verb}", WORKSPACE)


ROUTES = (
    _route("PUT", "/{name}", put_job, "write"),
    _route("GET", "/{name}", get_job, "read"),
    _route("GET", "", list_jobs, "read"),
    _route("POST", "/{name}/cancel", cancel_job, "cancel/action"),
    _route("DELETE", "/{name}", delete_job, "delete"),
)
