"""Run history: what became of jobs and their steps, their logs, outputs, tags and metrics."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from emulator.documents import clock_time, iso_time, run_history_error
from emulator.resources import Job, Step
from emulator.routes_jobs import begin_cancel
from emulator.routes_workspace import datastore_container
from emulator.routing import API_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route, StrictError
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.principals import Principal
    from emulator.service import Service

_HISTORY = f"/history/v1.0{WORKSPACE}"
_DATA = f"/data/v1.0{WORKSPACE}"
#: Where MLflow logs to; both numbers are in use.
_MLFLOW = f"/mlflow/{{version}}{WORKSPACE}/api/2.0/mlflow"
#: A workspace as the studio's own service has it.
_STUDIO_WORKSPACE = "/subscriptions/{subscription}/resourceGroups/{group}/workspaces/{workspace}"
#: Of the SDK; ours and MLflow's requests have none.
_VERSIONS = frozenset({None, "v1.0"})
_READ = "Microsoft.MachineLearningServices/workspaces/jobs/read"
_WRITE = "Microsoft.MachineLearningServices/workspaces/jobs/write"
_CANCEL = "Microsoft.MachineLearningServices/workspaces/jobs/cancel/action"
#: Addresses of logs hold a signature, as those of a storage account do: it is good as long as the emulator runs.
_SIGNATURE = secrets.token_hex(16)
#: The query that names the next page: azure-ai-ml and azureml-core write it in two ways.
_NEXT = "$continuationtoken"
#: What nobody sets here.
_UNSET = (
    "token",
    "tokenExpiryTimeUtc",
    "warnings",
    "cancelationReason",
    "scheduleId",
    "description",
    "scriptName",
    "runDefinition",
    "jobSpecification",
    "primaryMetricName",
    "createdFrom",
    "completeUri",
    "diagnosticsUri",
    "computeRequest",
    "compute",
    "queueingInfo",
)


def get_run(service: Service, request: Request) -> Answer:
    return Answer(document=run_document(service, _known(service, request)))


def list_children(service: Service, request: Request) -> Answer:
    """List the steps of a pipeline that exist by now, page by page: a token names the next; the last one has none."""
    found = _known(service, request)
    steps = found.steps if isinstance(found, Job) else found.children or []
    query = {name.lower(): value for name, value in request.query.items()}
    start = _start_of_page(query[_NEXT]) if _NEXT in query else 0
    end = start + min(service.world.history_page_size, int(query.get("$top") or len(steps) or 1))
    document: dict[str, Any] = {"value": [run_document(service, step) for step in steps[start:end]]}
    if end < len(steps):
        document["continuationToken"] = base64.b64encode(f"after {end}".encode()).decode()
    return Answer(document=document)


def _start_of_page(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("after "))
    except (ValueError, binascii.Error):
        raise StrictError(400, "UserError", f"there was no continuation token {token!r}") from None


def get_details(service: Service, request: Request) -> Answer:
    found = _known(service, request)
    url = f"https://{request.host}/logs/v1.0/{run_id_of(found)}"
    details: dict[str, Any] = {
        "runId": run_id_of(found),
        "status": found.shown_status,
        "startTimeUtc": iso_time(found.started_at),
        "endTimeUtc": iso_time(found.ended_at),
        "logFiles": {name: f"{url}/{name}?sig={_SIGNATURE}" for name in sorted(found.logs)},
        "warnings": [],
        "error": {"error": found.error.document()} if found.error else None,
        "properties": {},
        "inputs": {},
        "outputs": {},
    }
    return Answer(document=details)


def get_log(service: Service, request: Request) -> Answer:
    """Answer with a log as it is by now; whoever has its address may read it."""
    if not hmac.compare_digest(request.query.get("sig", ""), _SIGNATURE):
        raise RefusedError(403, "AuthenticationFailed", "The signature is not good.")
    file = _known(service, request).logs.get(request.parts["file"])
    if file is None or not file.exists():
        raise RefusedError(404, "BlobNotFound", "There is no such log.")
    return Answer(content=file.read_bytes(), headers={"Content-Type": "text/plain", "x-ms-blob-type": "AppendBlob"})


def patch_run(service: Service, request: Request) -> Answer:
    """Change tags and properties, and archive."""
    found, document = _known(service, request), request.document
    found.tags.update(document.get("tags") or {})
    if isinstance(found, Step):
        found.properties.update(document.get("properties") or {})
    if isinstance(found, Job) and document.get("hidden") is not None:
        found.is_archived = bool(document["hidden"])
    service.world.notify()
    return Answer(document=run_document(service, found))


def cancel_run(service: Service, request: Request) -> Answer:
    """Cancel by the address that a run has for it; what is answered was not recorded."""
    found = _known(service, request)
    if not found.is_over:
        begin_cancel(service, found)
    return Answer(content=b"")


def get_run_data(service: Service, request: Request) -> Answer:
    found = _known_as(service, str(request.document.get("runId")))
    _store_logs(service, found)
    # Recorded in 2022 as UriFolder; azure-ai-ml 1.35 downloads outputs of no other type than this one.
    outputs = {
        name: {"assetId": f"azureml://locations/emulator/data/{run_id_of(found)}/{name}", "type": "uri_folder"}
        for name in found.outputs
    }
    run = run_document(service, found) | {"outputs": outputs}
    definition = _definition(found) if isinstance(found, Job) else {}
    return Answer(
        document={
            "runMetadata": run,
            "runDefinition": definition,
            "jobSpecification": None,
            "systemSettings": None,
        }
    )


def _definition(job: Job) -> dict[str, Any]:
    """Return what was submitted, as run history has it: in other words, and with a status that never changes."""
    unset = ("Pipeline", "RunId", "ComponentJobs", "Bindings", "ParentJobName", "InteractionEndpoints", "Identity")
    more = ("Compute", "Priority", "Output", "Schedule", "ComponentId")
    sent = job.properties
    names = list(sent.get("outputs") or {})
    kinds = {"JobOutputType": 3, "Uri": None}
    places = ("DatastoreId", "PathOnDatastore", "PathOnCompute", "Description", "AssetUri")
    bound = {**dict.fromkeys(places), **kinds, "Mode": "ReadWriteMount", "IsAssetJobOutput": True}
    return {
        **dict.fromkeys((*unset, *more)),
        "JobType": "Pipeline",
        "PipelineJobType": "AzureML",
        "ComputeId": sent.get("computeId"),
        "Settings": sent.get("settings") or {},
        "Inputs": sent.get("inputs") or {},
        "Outputs": {name: {**kinds, "Mode": 0, "Description": None} for name in names},
        "Jobs": sent.get("jobs") or {},
        "InputBindings": {},
        "OutputBindings": dict.fromkeys(names, bound),
        "SourceJobId": sent.get("sourceJobId"),
        "ProvisioningState": "Succeeded",
        "DisplayName": sent.get("displayName") or job.name,
        "ExperimentName": job.experiment,
        "Status": "NotStarted",
        "IsArchived": job.is_archived,
        "Description": sent.get("description"),
        "Tags": job.tags,
        "Properties": sent.get("properties") or {},
    }


def _store_logs(service: Service, found: Job | Step) -> None:
    """Put the logs where the SDK downloads them from."""
    container = service.storage.container(str(datastore_container(service, "workspaceartifactstore")))
    for name, file in found.logs.items():
        if file.exists():
            blob = f"ExperimentRun/dcid.{run_id_of(found)}/{name}"
            container.upload_blob(blob, file.read_bytes(), overwrite=True)


def resolve_uris(service: Service, request: Request) -> Answer:
    """Tell where the outputs of runs are."""
    values = {}
    for asset_id in request.document.get("values") or ():
        _, run_id, name = asset_id.rsplit("/", 2)
        uri = _known_as(service, run_id).outputs.get(name)
        if uri:
            values[asset_id] = {"uri": uri, "type": "uri_folder"}
    return Answer(document={"values": values})


def log_batch(service: Service, request: Request) -> Answer:
    """Take metrics, as MLflow sends them; times are in milliseconds, as numbers or texts."""
    document = request.document
    run_id = document.get("run_id") or document.get("run_uuid")
    found = _known_as(service, str(run_id))
    for metric in document.get("metrics") or ([document] if "key" in document else ()):
        entry = (int(metric.get("step") or 0), int(metric.get("timestamp", 0)) / 1000, float(metric["value"]))
        found.metrics.setdefault(str(metric["key"]), []).append(entry)
    for tag in document.get("tags") or ():
        found.tags[tag["key"]] = tag["value"]
    service.world.notify()
    return Answer(document={})


def get_mlflow_run(service: Service, request: Request) -> Answer:
    found = _known_as(service, request.query.get("run_id") or request.query.get("run_uuid") or "")
    info = {"run_id": run_id_of(found), "run_uuid": run_id_of(found), "experiment_id": "1", "status": "RUNNING"}
    metrics = [
        {"key": name, "value": entries[-1][2], "step": entries[-1][0], "timestamp": int(entries[-1][1] * 1000)}
        for name, entries in found.metrics.items()
    ]
    return Answer(document={"run": {"info": info, "data": {"metrics": metrics, "params": [], "tags": []}}})


def run_id_of(found: Job | Step) -> str:
    return found.run_id if isinstance(found, Step) else found.name


def run_document(service: Service, found: Job | Step) -> dict[str, Any]:
    """Return a job or a step as run history tells of it."""
    run_id = run_id_of(found)
    root = found.job if isinstance(found, Step) else run_id
    parent = (found.parent or found.job) if isinstance(found, Step) else None
    job = service.world.jobs.get(root)
    who = _who(service, job.owner if job else service.world.directory.person)
    cancel = _cancel_address(service, found)
    of_kind = _of_step(found) if isinstance(found, Step) else _of_pipeline(found)
    return {
        **dict.fromkeys(_UNSET),
        "runNumber": int(found.created_at),
        "rootRunId": root,
        "createdUtc": iso_time(found.created_at),
        "createdBy": who,
        "userId": who["userObjectId"],
        "error": {"error": found.error.document()} if found.error else None,
        "revision": 2,
        "statusRevision": 1,
        "runUuid": _uuid(run_id),
        "parentRunUuid": _uuid(parent) if parent else None,
        "rootRunUuid": _uuid(root),
        **_times(found),
        "lastModifiedBy": who,
        "lastModifiedUtc": iso_time(time.time()),
        "runId": run_id,
        "parentRunId": parent,
        "experimentId": _uuid(f"experiment {job.experiment if job else ''}"),
        "status": found.shown_status,
        "dataContainerId": f"dcid.{run_id}",
        "hidden": isinstance(found, Job) and found.is_archived,
        "parameters": {},
        "actionUris": {"Cancel": cancel},
        "cancelUri": cancel,
        "tags": dict(found.tags),
        "settings": {},
        "services": {},
        "inputDatasets": [],
        "outputDatasets": [],
        **of_kind,
    }


def _times(found: Job | Step) -> dict[str, Any]:
    is_running = found.started_at is not None and not found.is_over
    lasted = None
    if found.is_over:
        lasted = clock_time((found.ended_at or 0) - (found.started_at or found.ended_at or 0))
    return {
        "startTimeUtc": iso_time(found.started_at),
        "endTimeUtc": iso_time(found.ended_at),
        "lastStartTimeUtc": iso_time(found.started_at) if is_running else None,
        "effectiveStartTimeUtc": iso_time(found.started_at) if is_running else None,
        "currentComputeTime": "00:00:00" if is_running else None,
        "computeDuration": lasted,
        "duration": lasted,
        "currentAttemptId": 1 if isinstance(found, Step) and found.started_at is not None else None,
    }


def _of_step(step: Step) -> dict[str, Any]:
    component = step.properties.get("azureml.componentName")
    kind = "azureml.StepRun" if step.children is None else "azureml.PipelineRun"
    told = {
        "azureml.runsource": kind,
        "StepType": "PythonScriptStep",
        "ComputeTargetType": "AmlCompute",
        "azureml.moduleName": component or step.name,
        "azureml.pipeline": step.job,
        "azureml.pipelinerunid": step.job,
        "azureml.DevPlatv2": "true",
        "azureml.pipelineComponent": "masterescloud",
    }
    return {
        "displayName": step.name,
        "name": component or step.name,
        "runType": kind,
        "runTypeV2": _traits(None, kind),
        "properties": {**told, **step.properties},
        "target": step.compute,
        "uniqueChildRunComputeTargets": [],
        "retainForLifetimeOfWorkspace": None,
        "inputs": None,
        "outputs": None,
    }


def _of_pipeline(job: Job) -> dict[str, Any]:
    return {
        "displayName": job.properties.get("displayName") or job.name,
        "name": None,
        "description": job.properties.get("description"),
        "runType": "azureml.PipelineRun",
        "runTypeV2": _traits("Pipeline", "azureml.PipelineRun", "MFE", "HTTP", "DevPlatv2"),
        "properties": dict(job.properties.get("properties") or {}),
        "target": None,
        "uniqueChildRunComputeTargets": sorted({step.compute for step in job.steps if step.compute}),
        "retainForLifetimeOfWorkspace": False,
        "inputs": {},
        "outputs": {},
    }


def _traits(orchestrator: str | None, *traits: str) -> dict[str, Any]:
    return {"orchestrator": orchestrator, "traits": list(traits), "attribution": None, "computeType": None}


def _who(service: Service, who: Principal) -> dict[str, Any]:
    """Return a person or an application as run history has it."""
    tenant = service.world.directory.tenant_id
    issuer = f"https://sts.windows.net/{tenant}/"
    is_person = who.kind == "User"
    return {
        "userObjectId": who.object_id,
        "userPuId": "1003000000000000" if is_person else None,
        "userIdp": None if is_person else issuer,
        "userAltSecId": None,
        "userIss": issuer,
        "userTenantId": tenant,
        "userName": who.name,
        "upn": None,
    }


def _cancel_address(service: Service, found: Job | Step) -> str:
    """Return where a run is cancelled by the studio's own service: of a pipeline another place than of a step."""
    workspace = service.world.workspace
    place = f"{workspace.group_path}/workspaces/{workspace.name}"
    if isinstance(found, Step):
        return f"{workspace.api_url}/studioservice/apiv2{place}/runs/{found.run_id}/Cancel"
    return f"{workspace.api_url}/studioservice/api{place}/PipelineRuns/{found.name}/cancel"


def _uuid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def _known(service: Service, request: Request) -> Job | Step:
    return _known_as(service, request.parts["run"])


def _known_as(service: Service, run_id: str) -> Job | Step:
    found = service.world.steps.get(run_id) or service.world.jobs.get(run_id)
    if found is None:
        raise run_history_error(service, run_id)
    return found


def _route(method: str, template: str, handler: Handler, action: str, at: str = WORKSPACE) -> Route:
    return Route(method, API_HOST, template, handler, _VERSIONS, ARM, action, at)


_STUDIO, _OLD_STUDIO = f"/studioservice/apiv2{_STUDIO_WORKSPACE}", f"/studioservice/api{_STUDIO_WORKSPACE}"
ROUTES = (
    _route("GET", f"{_HISTORY}/runs/{{run}}", get_run, _READ),
    _route("GET", f"{_HISTORY}/runs/{{run}}/children", list_children, _READ),
    _route("GET", f"{_HISTORY}/runs/{{run}}/details", get_details, _READ),
    _route("PATCH", f"{_HISTORY}/runs/{{run}}", patch_run, _WRITE),
    _route("PATCH", f"{_HISTORY}/runs/{{run}}/modify", patch_run, _WRITE),
    _route("GET", f"{_HISTORY}/experiments/{{experiment}}/runs/{{run}}", get_run, _READ),
    _route("PATCH", f"{_HISTORY}/experiments/{{experiment}}/runs/{{run}}", patch_run, _WRITE),
    _route("POST", f"{_HISTORY}/rundata", get_run_data, _READ),
    _route("POST", f"{_STUDIO}/runs/{{run}}/Cancel", cancel_run, _CANCEL, _STUDIO_WORKSPACE),
    _route("POST", f"{_OLD_STUDIO}/PipelineRuns/{{run}}/cancel", cancel_run, _CANCEL, _STUDIO_WORKSPACE),
    Route(
        "POST",
        API_HOST,
        f"{_DATA}/dataversion/batchGetResolvedUris",
        resolve_uris,
        frozenset({"1.5.0"}),
        ARM,
        _READ,
        WORKSPACE,
    ),
    _route("POST", f"{_MLFLOW}/runs/log-batch", log_batch, _WRITE),
    _route("POST", f"{_MLFLOW}/runs/log-metric", log_batch, _WRITE),
    _route("GET", f"{_MLFLOW}/runs/get", get_mlflow_run, _READ),
    Route("GET", API_HOST, "/logs/v1.0/{run}/{file*}", get_log, frozenset(), None, None),
)
