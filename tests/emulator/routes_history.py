"""Run history: what became of jobs and their steps, their logs, outputs, tags and metrics."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any

from emulator.resources import Job, Step
from emulator.routes_jobs import iso_time
from emulator.routes_workspace import datastore_container
from emulator.routing import API_HOST, WORKSPACE, Answer, Handler, RefusedError, Request, Route
from emulator.tokens import ARM

if TYPE_CHECKING:
    from emulator.service import Service

_HISTORY = f"/history/v1.0{WORKSPACE}"
_DATA = f"/data/v1.0{WORKSPACE}"
#: Where MLflow logs to; both numbers are in use.
_MLFLOW = f"/mlflow/{{version}}{WORKSPACE}/api/2.0/mlflow"
#: Of the SDK; ours and MLflow's requests have none.
_VERSIONS = frozenset({None, "v1.0"})
_READ = "Microsoft.MachineLearningServices/workspaces/jobs/read"
_WRITE = "Microsoft.MachineLearningServices/workspaces/jobs/write"
#: Addresses of logs hold a signature, as those of a storage account do: it is good as long as the emulator runs.
_SIGNATURE = secrets.token_hex(16)


def get_run(service: Service, request: Request) -> Answer:
    return Answer(document=run_document(service, _known(service, request)))


def list_children(service: Service, request: Request) -> Answer:
    """List the steps of a pipeline that exist by now, page by page."""
    job = _known(service, request)
    steps = job.steps if isinstance(job, Job) else job.children
    found = [run_document(service, step) for step in steps or ()]
    start = int(request.query.get("$continuationToken") or 0)
    end = start + service.world.page_size
    document: dict[str, Any] = {"value": found[start:end]}
    if end < len(found):
        document["continuationToken"] = str(end)
        document["nextLink"] = f"https://{request.host}{request.path}?$continuationToken={end}"
    return Answer(document=document)


def get_details(service: Service, request: Request) -> Answer:
    found = _known(service, request)
    url = f"https://{request.host}/logs/v1.0/{run_id_of(found)}"
    details: dict[str, Any] = {
        "runId": run_id_of(found),
        "status": found.status,
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


def get_run_data(service: Service, request: Request) -> Answer:
    found = _known_as(service, str(request.document.get("runId")))
    _store_logs(service, found)
    outputs = {
        name: {"assetId": f"azureml://locations/emulator/data/{run_id_of(found)}/{name}", "type": "uri_folder"}
        for name in found.outputs
    }
    run = run_document(service, found) | {"outputs": outputs}
    return Answer(document={"runMetadata": run, "runDefinition": {}, "jobSpecification": None})


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
    """Take metrics, as MLflow sends them; times are in milliseconds."""
    document = request.document
    run_id = document.get("run_id") or document.get("run_uuid")
    found = _known_as(service, str(run_id))
    for metric in document.get("metrics") or ([document] if "key" in document else ()):
        entry = (int(metric.get("step") or 0), metric.get("timestamp", 0) / 1000, float(metric["value"]))
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
    is_step = isinstance(found, Step)
    run_id = run_id_of(found)
    name = found.name if isinstance(found, Step) else found.properties.get("displayName") or found.name
    job = service.world.jobs.get(found.job) if isinstance(found, Step) else found
    return {
        "runId": run_id,
        "displayName": name,
        "status": found.status,
        "rootRunId": found.job if isinstance(found, Step) else run_id,
        "parentRunId": (found.parent or found.job) if isinstance(found, Step) else None,
        "experimentName": job.experiment if job else "Default",
        "experimentId": "1",
        "runType": "azureml.StepRun" if is_step and found.children is None else "azureml.PipelineRun",
        "createdUtc": iso_time(found.created_at),
        "startTimeUtc": iso_time(found.started_at),
        "endTimeUtc": iso_time(found.ended_at),
        "tags": dict(found.tags),
        "properties": dict(found.properties) if isinstance(found, Step) else {},
        "target": found.compute if isinstance(found, Step) else None,
        "error": {"error": found.error.document()} if found.error else None,
        "hidden": isinstance(found, Job) and found.is_archived,
        "runUuid": run_id,
        "dataContainerId": f"dcid.{run_id}",
        "lastModifiedUtc": iso_time(time.time()),
        "services": {},
        "outputs": {},
        "inputs": {},
    }


def _known(service: Service, request: Request) -> Job | Step:
    return _known_as(service, request.parts["run"])


def _known_as(service: Service, run_id: str) -> Job | Step:
    found = service.world.steps.get(run_id) or service.world.jobs.get(run_id)
    if found is None:
        raise RefusedError(404, "UserError", f"Run {run_id} was not found.")
    return found


def _route(method: str, template: str, handler: Handler, action: str) -> Route:
    return Route(method, API_HOST, template, handler, _VERSIONS, ARM, action, WORKSPACE)


ROUTES = (
    _route("GET", f"{_HISTORY}/runs/{{run}}", get_run, _READ),
    _route("GET", f"{_HISTORY}/runs/{{run}}/children", list_children, _READ),
    _route("GET", f"{_HISTORY}/runs/{{run}}/details", get_details, _READ),
    _route("PATCH", f"{_HISTORY}/runs/{{run}}", patch_run, _WRITE),
    _route("GET", f"{_HISTORY}/experiments/{{experiment}}/runs/{{run}}", get_run, _READ),
    _route("PATCH", f"{_HISTORY}/experiments/{{experiment}}/runs/{{run}}", patch_run, _WRITE),
    _route("POST", f"{_HISTORY}/rundata", get_run_data, _READ),
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
