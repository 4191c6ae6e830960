"""The emulated Azure answers as Azure was recorded to: each route is asked once in each recorded circumstance.

The judge of a circumstance is the recording nearest to the api-version that is asked with (recorded.yaml beside this
file). Status, headers, keys and kinds of values have to be those of the judge. A key that another recording of the same
kind of document has under a later api-version may be there, too. What differs nevertheless stands in EXCEPT, with its
reason.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
import recordings
from answer_shapes import differences, key_paths
from azure.core.credentials import AccessToken
from azure_asker import Answered, Asker, cluster
from emulator import Emulator, StorageService
from emulator.principals import Principal
from emulator.resources import Step
from emulator.routes_workspace import OURS
from emulator.tokens import AML
from recordings import Recorded, address_template, load_table, route_lines, routes_text

from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName

pytestmark = pytest.mark.tools

TABLE = load_table()
#: Why a recording of a route is held against nothing.
NOT_ASKED = {
    "01-automl-get-failed-2022": "the emulator runs pipelines alone",
    "01-command-get-completed-2025": "the emulator runs pipelines alone",
    "01-sweep-get-running-2023": "the emulator runs pipelines alone",
    "03-run-modify-patch-2024": "a run of prompt flow, another kind than those of pipelines",
    "10-usages-spec-example": "an example: the recording of the same route wins",
    "12-jobs-list-by-tag-spec-example": "an example: the recording of the same route wins",
}
#: What commands alone have, and what pipelines alone have.
_OF_COMMANDS = "resources codeId command environmentId distribution limits environmentVariables parameters"
_OF_PIPELINES = "settings jobs sourceJobId"
_OTHER_KIND = "it is of a command: pipelines have the keys of 01-pipeline-*"
#: Paths that may differ from the judge, and why.
EXCEPT: dict[str, dict[str, str]] = {
    "a list of jobs": {
        f"value[].properties.{key}": _OTHER_KIND for key in f"{_OF_COMMANDS} queueSettings {_OF_PIPELINES}".split()
    },
    "a job that is over, submitted again": {
        f"properties.{key}": _OTHER_KIND for key in f"{_OF_COMMANDS} {_OF_PIPELINES}".split()
    }
    | {"systemData.createdAt": "jobs of 2022 end it in Z, later ones in +00:00"},
    "the steps of a pipeline, on the last page": {"value[].currentAttemptId": "null or 1, as in 03-run-get-2023"},
    "a pipeline that is over": {
        f"properties.outputs.*.{key}": "the stable versions have none (01-command-get-completed-2025)"
        for key in ("assetName", "assetVersion")
    },
    "the data of a cancelled pipeline": {
        "runMetadata.outputs.*.type": "UriFolder in 2022; azure-ai-ml 1.35 takes uri_folder alone, and downloads it"
    },
    "the workspace": {"properties.sasGetterUri": "gone in 09-workspaces-list-2025"},
}
#: Names of signed addresses that recordings before 2024 do not have.
SIGNED = {"service", "t", "c", "s", "h"}
HISTORY = "westeurope.api.azureml.ms"
COMPONENT = {
    "$schema": "https://azuremlschemas.azureedge.net/development/commandComponent.schema.json",
    "name": "scale",
    "version": "1",
    "display_name": "Scale",
    "is_deterministic": True,
    "type": "command",
    "description": "Scales numbers",
    "tags": {"team": "science"},
    "inputs": {
        "rows": {"type": "uri_folder", "description": "to scale"},
        "factor": {"type": "number", "optional": True, "default": "2", "description": "by which"},
    },
    "outputs": {"scaled": {"type": "uri_folder"}},
    "environment": "azureml://registries/azureml/environments/a-python/versions/3",
    "command": "true",
    "_source": "YAML.COMPONENT",
}


@dataclass
class Lab:
    """An emulated Azure that takes jobs and begins none, and what asks it."""

    azure: Emulator
    ask: Asker
    sent: dict[str, Any] = field(default_factory=dict)

    def put(self, path: str, properties: dict[str, Any]) -> Answered:
        self.sent = {"properties": properties}
        return self.ask("PUT", path, self.sent)

    def history(self, method: str, path: str, body: Any = None) -> Answered:
        workspace = self.azure.world.workspace.path
        return self.ask(method, path.format(workspace), body, version="", host=HISTORY)

    def job(self, name: str, *, who: Principal | None = None, status: str | None = None, **more: Any) -> Answered:
        """Submit a pipeline; `status` is what it is afterwards."""
        world = self.azure.world
        owner = who or world.directory.person
        component = f"{world.workspace.path}/components/one/versions/1"
        if not self.azure.world.asset_of(component):
            self.ask("PUT", "components/one/versions/1", {"properties": {"componentSpec": {"command": "true"}}})
        step = {"name": "one", "type": "command", "computeId": "there", "componentId": component}
        properties = {"jobType": "Pipeline", "jobs": {"one": step}, "settings": {"_source": "YAML.JOB"}, **more}
        self.sent = {"properties": {"displayName": name, "experimentName": "digits", **properties}}
        headers = {"x-azureml-token": self.azure.tokens.make(owner, AML).text}
        answered = self.ask("PUT", f"jobs/{name}", self.sent, who=owner, headers=headers)
        if status:
            with world.lock:
                job = world.jobs[name]
                job.status, job.started_at, job.ended_at = status, job.created_at, time.time()
        return answered

    def step(self, job: str, number: int = 0) -> Step:
        """Add a step that is over to a job."""
        with self.azure.world.lock:
            name = f"consume_{number}"
            made = Step(f"00000000-1111-2222-3333-{number:012d}", job, name, "Completed", compute="there")
            made.started_at, made.ended_at = made.created_at, made.created_at + 1
            made.properties["azureml.componentName"] = "consume"
            self.azure.world.jobs[job].steps.append(made)
            self.azure.world.steps[made.run_id] = made
            return made

    @property
    def compute(self) -> str:
        return f"{self.azure.world.workspace.path}/computes/there"

    def follow(self, address: str) -> Answered:
        return self.ask("GET", address.removeprefix("https://management.azure.com"), version="")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, storage_service: StorageService) -> Iterator[Lab]:
    with Emulator(tmp_path_factory.mktemp("lab"), storage_service) as running:
        running.execution.submit = lambda job: None  # type: ignore[method-assign]
        running.execution.cancel = lambda name: None  # type: ignore[method-assign]
        running.world.add_compute("there", max_nodes=1)
        running.storage.start()  # not within the first request that needs it
        yield Lab(running, Asker(running))


# --- the circumstances: each is named, asked in a function, and recorded in one or several places

Case = Callable[[Lab], Answered]
CASES: dict[str, tuple[Case, tuple[str, ...]]] = {}


def recorded_in(circumstance: str, *names: str) -> Callable[[Case], Case]:
    def keep(case: Case) -> Case:
        CASES[circumstance] = (case, names)
        return case

    return keep


@contextlib.contextmanager
def alone(things: dict[str, Any]) -> Iterator[None]:
    """Hide what other tests have made while the block runs."""
    hidden = dict(things)
    things.clear()
    yield
    things.update(hidden)


@recorded_in("a pipeline with data, submitted", "01-pipeline-put-201-2022")
def submitted_with_data(lab: Lab) -> Answered:
    inputs = {
        "rows": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/rows/"},
        "factor": {"jobInputType": "literal", "value": "2"},
    }
    return lab.job("with-data", inputs=inputs, outputs={"table": {"jobOutputType": "uri_folder"}})


@recorded_in("a pipeline, submitted", "01-pipeline-put-201-2023")
def submitted(lab: Lab) -> Answered:
    return lab.job("plain", inputs={}, outputs={})


@recorded_in("a pipeline that is over", "01-pipeline-get-completed-2023")
def over(lab: Lab) -> Answered:
    output = {"table": {"jobOutputType": "uri_folder"}}
    lab.job("done", status="Completed", outputs=output, computeId=lab.compute, description="text")
    return lab.ask("GET", "jobs/done")


@recorded_in("a pipeline that was cancelled", "01-pipeline-get-canceled-2022")
def cancelled(lab: Lab) -> Answered:
    output = {"table": {"jobOutputType": "uri_folder"}}
    application = lab.azure.world.directory.add_application("ci")
    lab.azure.world.directory.assign(application, "Contributor")
    lab.job("ended", who=application, status="Canceled", outputs=output, computeId=lab.compute, description="text")
    return lab.ask("GET", "jobs/ended")


@recorded_in("a job that is over, submitted again", "01-job-put-200-existing-2022")
def submitted_again(lab: Lab) -> Answered:
    lab.job("again", status="Canceled", computeId=lab.compute)
    return lab.job("again", computeId=lab.compute)


@recorded_in("a job with a component that is not there", "13-job-put-404-component")
def submitted_in_vain(lab: Lab) -> Answered:
    component = f"{lab.azure.world.workspace.path}/components/one/versions/none"
    return lab.job("in-vain", jobs={"one": {"computeId": "there", "componentId": component}})


@recorded_in("a list of jobs", "12-jobs-list-2024")
def listed_jobs(lab: Lab) -> Answered:
    with alone(lab.azure.world.jobs):
        lab.job("listed", status="Completed", computeId=lab.compute)
        return lab.ask("GET", "jobs")


@recorded_in("a step, asked for as a job", "01-step-get-by-arm")
def step_as_job(lab: Lab) -> Answered:
    lab.job("has-a-step")
    return lab.ask("GET", f"jobs/{lab.step('has-a-step', 1).run_id}")


@recorded_in("a job, cancelled", "02-job-cancel-202")
def cancel(lab: Lab) -> Answered:
    lab.job("running")
    return lab.ask("POST", "jobs/running/cancel")


@recorded_in("a cancel that goes on", "02-job-cancel-location-202")
def cancel_going_on(lab: Lab) -> Answered:
    lab.azure.world.timing.cancel_seconds = 60
    lab.job("slow")
    address = lab.ask("POST", "jobs/slow/cancel").headers["Location"]
    lab.azure.world.timing.cancel_seconds = 0
    answered = lab.follow(address)
    assert answered.headers["Location"] == address, "the same again"
    return answered


@recorded_in("a cancel that is over", "02-job-cancel-location-200")
def cancel_over(lab: Lab) -> Answered:
    lab.job("quick")
    return lab.follow(lab.ask("POST", "jobs/quick/cancel").headers["Location"])


@recorded_in("a cancelled job, cancelled", "02-job-cancel-of-a-canceled-job-200-2022")
def cancel_cancelled(lab: Lab) -> Answered:
    lab.job("was-cancelled", status="Canceled")
    return lab.ask("POST", "jobs/was-cancelled/cancel")


@recorded_in("a finished job, cancelled", "02-job-cancel-of-a-finished-job-200")
def cancel_finished(lab: Lab) -> Answered:
    lab.job("was-done", status="Completed")
    return lab.ask("POST", "jobs/was-done/cancel")


@recorded_in("where run history is", "03-discovery-get")
def discovery(lab: Lab) -> Answered:
    return lab.history("GET", "/discovery")


@recorded_in("the steps of a pipeline, on the last page", "03-run-children-get-2023")
def children(lab: Lab) -> Answered:
    lab.job("parent")
    lab.step("parent", 10)
    lab.step("parent", 11)
    return lab.history("GET", "/history/v1.0{}/runs/parent/children")


@recorded_in("a step in run history", "03-run-get-2023")
def run(lab: Lab) -> Answered:
    lab.job("root")
    return lab.history("GET", f"/history/v1.0{{}}/runs/{lab.step('root', 20).run_id}")


@recorded_in("a run that is not there", "03-rundata-post-404")
def run_that_is_missing(lab: Lab) -> Answered:
    return lab.history("POST", "/history/v1.0{}/rundata", {"runId": "nobody"})


@recorded_in("the data of a cancelled pipeline", "03-rundata-post-canceled-2022")
def run_data(lab: Lab) -> Answered:
    application = lab.azure.world.directory.add_application("cd")
    lab.azure.world.directory.assign(application, "Contributor")
    output = {"table": {"jobOutputType": "uri_folder"}}
    lab.job(
        "with-results", who=application, status="Canceled", outputs=output, computeId=lab.compute, description="text"
    )
    lab.azure.world.jobs["with-results"].outputs["default"] = "azureml://datastores/workspaceblobstore/paths/x/"
    properties = lab.sent["properties"]
    lab.sent = {"runDefinition": {"Jobs": properties["jobs"], "Settings": properties["settings"]}}
    return lab.history("POST", "/history/v1.0{}/rundata", {"runId": "with-results"})


def new_cluster(lab: Lab, name: str, **more: Any) -> Answered:
    document = cluster(nodes=(0, 1))
    document["properties"]["properties"] |= more
    document["properties"]["description"] = "text"
    del document["tags"]
    return lab.ask("PUT", f"computes/{name}", document)


SSH = {"adminUserName": "azureuser", "adminUserSshPublicKey": "a key", "adminUserPassword": "no word"}


@recorded_in("a new cluster", "04-compute-put-201-2022", "04-compute-put-201-2025")
def made_cluster(lab: Lab) -> Answered:
    document = cluster(nodes=(0, 1))
    scale = {"minNodeCount": 0, "maxNodeCount": 1}
    document["properties"]["properties"] = {"vmSize": "Standard_F4s_v2", "scaleSettings": scale}
    del document["tags"]
    return lab.ask("PUT", "computes/made", document)


@recorded_in("an existing cluster, put again", "04-compute-put-201-of-an-existing-2022")
def made_cluster_again(lab: Lab) -> Answered:
    new_cluster(lab, "twice")
    return new_cluster(lab, "twice")


@recorded_in("a cluster", "04-compute-get-steady-2023")
def steady_cluster(lab: Lab) -> Answered:
    new_cluster(lab, "steady", userAccountCredentials=SSH)
    return lab.ask("GET", "computes/steady")


@recorded_in("a cluster that resizes", "04-compute-get-resizing-2022", "04-compute-get-scaling-down-2023")
def resizing_cluster(lab: Lab) -> Answered:
    lab.azure.world.add_compute("resizing", nodes={"node": "preparing"})
    return lab.ask("GET", "computes/resizing")


@recorded_in("a list of computes", "04-compute-list-2024")
def listed_computes(lab: Lab) -> Answered:
    with_identity = {"type": "SystemAssigned", "principalId": lab.azure.tenant_id, "tenantId": lab.azure.tenant_id}
    with alone(lab.azure.world.computes):
        lab.azure.world.add_compute("instance", kind="ComputeInstance", identity=with_identity)
        lab.azure.world.add_compute("cluster")
        return lab.ask("GET", "computes")


@recorded_in("a cluster, deleted", "04-compute-delete-202")
def deleted_cluster(lab: Lab) -> Answered:
    new_cluster(lab, "leaves")
    return lab.ask("DELETE", "computes/leaves?underlyingResourceAction=Delete")


@recorded_in("a cluster that is being made", "04-compute-operation-inprogress")
def operation_going_on(lab: Lab) -> Answered:
    lab.azure.world.timing.provision_seconds = 60
    address = new_cluster(lab, "coming").headers["Azure-AsyncOperation"]
    lab.azure.world.timing.provision_seconds = 0
    return lab.follow(address)


@recorded_in("a cluster that has been made", "04-compute-operation-succeeded")
def operation_over(lab: Lab) -> Answered:
    return lab.follow(new_cluster(lab, "came").headers["Azure-AsyncOperation"])


@recorded_in("a compute that is not there", "13-compute-get-404")
def missing_cluster(lab: Lab) -> Answered:
    return lab.ask("GET", "computes/nowhere")


@recorded_in("a component that is not there", "05-component-get-404")
def missing_component(lab: Lab) -> Answered:
    return lab.ask("GET", "components/nothing/versions/azureml_default")


def put_component(lab: Lab, name: str, **more: Any) -> Answered:
    spec = {**COMPONENT, "name": name, **more}
    known = {"client_component_hash": lab.azure.tenant_id}
    tags = {"team": "science"}
    return lab.put(f"components/{name}/versions/1", {"componentSpec": spec, "tags": tags, "properties": known})


@recorded_in("a component, registered", "05-component-put-201-named")
def registered_component(lab: Lab) -> Answered:
    return put_component(lab, "scale")


@recorded_in("the newest version of a component", "05-component-get-by-label-200")
def newest_component(lab: Lab) -> Answered:
    put_component(lab, "newest")
    return lab.ask("GET", "components/newest/versions/azureml_default")


@recorded_in("a component with other code, registered again", "05-component-put-400-immutable")
def changed_component(lab: Lab) -> Answered:
    put_component(lab, "changes")
    return put_component(lab, "changes", command="false")


@recorded_in("a component without a name", "05-component-put-201-anonymous")
def anonymous_component(lab: Lab) -> Answered:
    kept = ("command", "environment", "version", "is_deterministic", "type", "_source")
    spec = {"name": "azureml_anonymous", "resources": {"instance_type": "Standard_D3_v2"}}
    spec |= {key: COMPONENT[key] for key in kept}
    asked = lab.azure.tenant_id
    answered = lab.put(f"components/azureml_anonymous/versions/{asked}", {"isAnonymous": True, "componentSpec": spec})
    assert answered.document["name"] != asked, "another id than the one that was asked for"
    assert answered.document["id"].endswith(answered.document["name"])
    assert asked in answered.headers["Location"]
    return answered


@recorded_in("an environment of Azure's own", "06-environment-get-curated-2023")
def curated_environment(lab: Lab) -> Answered:
    return lab.ask("GET", "environments/AzureML-python/versions/1")


@recorded_in("an environment of packages", "06-environment-put-201-conda")
def conda_environment(lab: Lab) -> Answered:
    conda = "channels: [conda-forge]\ndependencies: [python=3.11, {pip: [numpy]}]\n"
    return lab.put("environments/packages/versions/1", {"description": "text", "image": "an-image", "condaFile": conda})


@recorded_in("an environment of an image", "06-environment-put-201-image-2025")
def image_environment(lab: Lab) -> Answered:
    return lab.put("environments/image/versions/1", {"image": "an-image"})


@recorded_in("an environment that is built", "06-environment-put-201-build")
def built_environment(lab: Lab) -> Answered:
    build = {"contextUri": "https://labstore.blob.core.windows.net/x/", "dockerfilePath": "Dockerfile"}
    return lab.put(
        "environments/built/versions/1", {"description": "text", "build": build, "tags": {"team": "science"}}
    )


def put_code(lab: Lab, name: str, digest: str) -> Answered:
    hashed = {"hash_sha256": digest, "hash_version": "202208"}
    uri = "https://labstore.blob.core.windows.net:443/code/x"
    return lab.put(f"codes/{name}/versions/1", {"properties": hashed, "isAnonymous": True, "codeUri": uri})


@recorded_in("code, registered", "07-code-put-201")
def registered_code(lab: Lab) -> Answered:
    return put_code(lab, "code", "1" * 64)


@recorded_in("code, registered again", "07-code-put-200-existing-2022")
def registered_code_again(lab: Lab) -> Answered:
    put_code(lab, "same", "2" * 64)
    return put_code(lab, "same", "2" * 64)


@recorded_in("an upload of code, begun", "07-code-start-pending-upload")
def upload(lab: Lab) -> Answered:
    body = {"pendingUploadType": "TemporaryBlobReference"}
    return lab.ask("POST", "codes/new/versions/1/startPendingUpload", body)


@recorded_in("code that nobody has sent, looked for", "07-code-versions-by-hash-empty")
def unknown_code(lab: Lab) -> Answered:
    return lab.ask("GET", f"codes/unknown/versions?hash={'3' * 64}&hashVersion=202208")


@recorded_in("code that is there under another name, looked for", "07-code-versions-by-hash-found")
def known_code(lab: Lab) -> Answered:
    put_code(lab, "first", "4" * 64)
    answered = lab.ask("GET", f"codes/second/versions?hash={'4' * 64}&hashVersion=202208")
    assert "/codes/first/" in answered.document["value"][0]["id"]
    return answered


@recorded_in("the default datastore", "08-datastore-get-2022", "08-datastore-get-2023")
def datastore(lab: Lab) -> Answered:
    return lab.ask("GET", "datastores/workspaceblobstore")


@recorded_in("the default datastore, looked for", "08-datastores-list-default-2022")
def listed_datastores(lab: Lab) -> Answered:
    return lab.ask("GET", "datastores?count=30&isDefault=true&orderByAsc=false")


@recorded_in("the secrets of a datastore", "08-datastore-list-secrets")
def secrets(lab: Lab) -> Answered:
    return lab.ask("POST", "datastores/workspaceblobstore/listSecrets")


@recorded_in("the workspace", "09-workspace-get-2022", "09-workspace-get-2023")
def workspace(lab: Lab) -> Answered:
    return lab.ask("GET", "")


def provider(lab: Lab, what: str) -> str:
    place = f"/subscriptions/{lab.azure.subscription_id}/providers/Microsoft.MachineLearningServices"
    return f"{place}/locations/westeurope/{what}"


@recorded_in("quota", "10-usages-2025")
def usages(lab: Lab) -> Answered:
    return lab.ask("GET", provider(lab, "usages"))


@recorded_in("sizes of nodes", "10-vmsizes-2025")
def sizes(lab: Lab) -> Answered:
    return lab.ask("GET", provider(lab, "vmSizes"))


def put_data(lab: Lab, name: str) -> Answered:
    return lab.put(f"data/{name}/versions/1", {"dataUri": "https://example.org/", "dataType": "uri_folder"})


@recorded_in("data", "11-data-get-2022", "11-data-get-2024")
def data(lab: Lab) -> Answered:
    put_data(lab, "words")
    return lab.ask("GET", "data/words/versions/1")


@recorded_in("the versions of data", "11-data-list-2022")
def listed_data(lab: Lab) -> Answered:
    put_data(lab, "lists")
    return lab.ask("GET", "data/lists/versions?listViewType=ActiveOnly")


@recorded_in("a metric", "14-mlflow-log-metric")
def metric(lab: Lab) -> Answered:
    lab.job("measured")
    body = {"run_id": "measured", "key": "rows", "value": 1.0, "timestamp": "1700000000000", "step": 0}
    return lab.history("POST", "/mlflow/v2.0{}/api/2.0/mlflow/runs/log-metric", body)


def roles(lab: Lab, query: str = "") -> Answered:
    directory, top = lab.azure.world.directory, f"/subscriptions/{lab.azure.subscription_id}"
    reader = directory.add_person("auditor@example.org")
    directory.assign(reader, "Reader", scope=top)
    place = f"{top}/providers/Microsoft.Authorization/roleAssignments{query}"
    return lab.ask("GET", place, who=reader, version="2022-04-01")


@recorded_in("role assignments", "15-role-assignments-list-2025")
def role_assignments(lab: Lab) -> Answered:
    return roles(lab)


@recorded_in("role assignments of somebody who has none", "15-role-assignments-filter-empty")
def no_role_assignments(lab: Lab) -> Answered:
    return roles(lab, f"?$filter=principalId%20eq%20'{lab.azure.tenant_id}'")


# --- what is held against what


def judge_of(names: tuple[str, ...]) -> Recorded:
    asked = TABLE[names[0]].answered_on.fromisoformat(OURS)
    return min((TABLE[name] for name in names), key=lambda each: abs((each.answered_on - asked).days))


def kinds_of(body: Any) -> set[str]:
    """Return the types of resources that a document, or a list of them, is of."""
    entries = [body, *(body.get("value") or [])] if isinstance(body, dict) else []
    return {entry["type"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("type"), str)}


def later_keys(judge: Recorded) -> set[str]:
    """Return the paths of keys that recordings of the same kind have under a later api-version."""
    kinds = kinds_of(judge.body)
    found: set[str] = set()
    for other in TABLE.values():
        if other.method == judge.method and other.answered_on > judge.answered_on and kinds & kinds_of(other.body):
            found |= {path.removeprefix("value[].") for path in key_paths(other.body)}
    return found


def is_excepted(path: str, excepted: dict[str, str]) -> bool:
    return any(path == known or path.startswith((f"{known}.", f"{known}[")) for known in excepted)


@pytest.mark.parametrize("circumstance", CASES)
def test_the_emulator_answers_as_recorded(lab: Lab, circumstance: str):
    case, names = CASES[circumstance]
    judge, excepted = judge_of(names), EXCEPT.get(circumstance, {})

    answered = case(lab)

    headers = {name.lower(): value for name, value in answered.headers.items()}
    assert answered.status == judge.status
    for name, value in judge.headers.items():
        found = headers.get(name)
        assert found is not None, f"{name} is missing"
        if name in ("location", "azure-asyncoperation"):
            assert_same_address(value, address_template(found))
        else:
            assert found == value, name
    assert [name for name in judge.absent if name in headers] == [], "headers that were not sent"
    if judge.exactly is not None:
        assert answered.content.decode() == judge.exactly
        return
    found = list(differences(judge.body, answered.document, sent=lab.sent))
    may_be_there = later_keys(judge)
    wrong = [
        f"{path}: {what}"
        for path, what in found
        if not is_excepted(path, excepted)
        and not ("not sent" in what and path.removeprefix("value[].") in may_be_there)
    ]
    assert wrong == []
    unused = [known for known in excepted if not any(is_excepted(path, {known: ""}) for path, _ in found)]
    assert unused == [], "exceptions that nothing needs"


def assert_same_address(recorded: str, found: str) -> None:
    """An address of now may hold a signature, too."""
    place, _, names = recorded.partition("?")
    found_place, _, found_names = found.partition("?")
    assert found_place == place
    assert set(found_names.split("&")) - SIGNED == set(names.split("&")) - SIGNED


def test_every_recording_of_a_route_is_held_against_it():
    held = {name for _, names in CASES.values() for name in names}
    asked = {
        name for line in route_lines(TABLE.values()) if "nobody asks" not in line for name in TABLE if name in line
    }

    assert held | set(NOT_ASKED) == asked
    assert held & set(NOT_ASKED) == set()


def test_the_routes_that_no_recording_covers_are_known():
    """After a new route: `python tests/recordings.py`, with PYTHONPATH=tests, prints what the file has to say."""
    assert recordings.ROUTES.read_text("utf-8") == routes_text(TABLE.values())


# --- what one answer does not show


def test_a_thousand_steps_come_in_pages_of_fifty_and_the_last_names_no_other(lab: Lab):
    lab.job("large")
    for number in range(1_000, 2_000):
        lab.step("large", number)

    pages, token, spelling = [], "", "$continuationtoken"
    while token is not None and len(pages) < 25:
        query = f"?{spelling}={quote(token, safe='')}" if token else ""
        page = lab.history("GET", f"/history/v1.0{{}}/runs/large/children{query}").document
        pages.append(page)
        token, spelling = page.get("continuationToken"), "$continuationToken"

    assert [len(page["value"]) for page in pages] == [50] * 20
    assert {key for page in pages for key in page} == {"value", "continuationToken"}
    assert set(pages[-1]) == {"value"}
    assert len({run["runId"] for page in pages for run in page["value"]}) == 1_000


def test_the_address_of_an_operation_is_long_and_followed_to_the_letter(lab: Lab):
    address = new_cluster(lab, "signed").headers["Azure-AsyncOperation"]

    assert len(address) > 3_000
    assert lab.follow(address).document["status"] == "Succeeded"
    for broken in (address[:-1], address.replace("service=new&", ""), address[:2_000]):
        with lab.azure.expects_problem("not the one that was given"):
            assert lab.follow(broken).status == 403


@pytest.mark.parametrize("by_resource_manager", [True, False])
def test_a_step_is_cancelled_by_resource_manager_or_by_its_own_address_alone(lab: Lab, by_resource_manager: bool):
    number = 30 + by_resource_manager
    lab.job(f"stops-{number}")
    step = lab.step(f"stops-{number}", number)
    step.status = "Running"
    lab.azure.world.cancels_steps = by_resource_manager
    told = lab.history("GET", f"/history/v1.0{{}}/runs/{step.run_id}").document
    address = told["cancelUri"].removeprefix(f"https://{HISTORY}")

    by_arm = lab.ask("POST", f"jobs/{step.run_id}/cancel")
    by_itself = lab.ask("POST", address, version="", host=HISTORY)
    lab.azure.world.cancels_steps = True

    assert (by_arm.status, by_itself.status) == (202 if by_resource_manager else 400, 200)
    assert told["actionUris"] == {"Cancel": told["cancelUri"]}


def test_a_job_that_does_not_respond_may_be_anything_again(lab: Lab):
    lab.job("silent")
    lab.azure.lose_contact("silent")
    lost = lab.ask("GET", "jobs/silent").document["properties"]["status"]
    lost_in_history = lab.history("GET", "/history/v1.0{}/runs/silent").document["status"]
    lab.azure.regain_contact("silent")

    assert (lost, lost_in_history) == ("NotResponding", "NotResponding")
    assert lab.ask("GET", "jobs/silent").document["properties"]["status"] == "Preparing"


def test_what_a_workspace_may_use_of_a_family_has_a_row_of_its_own(lab: Lab):
    quota = lab.azure.world.catalogue.quotas["westeurope"]
    quota.workspace_cores["standardDSv3Family"] = 4

    rows = usages(lab).document["value"]
    refused = lab.ask.make_cluster("too-large", size="Standard_D16s_v3")
    quota.workspace_cores.clear()

    (row,) = [row for row in rows if row["type"] == "Microsoft.MachineLearningServices/workspaces/usages"]
    assert (row["name"]["value"], row["limit"]) == ("standardDSv3Family", 4)
    assert "/workspaces/" in row["id"]
    assert refused.code == "ClusterCoreQuotaReached"


# --- our own client, asking it


@dataclass
class Login:
    """A credential of the person."""

    azure: Emulator

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        token = self.azure.tokens.make(self.azure.world.directory.person, scopes[0])
        return AccessToken(token.text, token.expires_at)


@pytest.fixture
def workspace_client(lab: Lab) -> Iterator[Workspace]:
    name = WorkspaceName(lab.azure.subscription_id, lab.azure.resource_group, lab.azure.workspace_name)
    with lab.azure.in_this_process(), contextlib.closing(ResourceManager(Login(lab.azure), who="you")) as azure:
        yield Workspace(azure, name)


def asked(lab: Lab, since: int) -> list[tuple[int, str]]:
    return [(each.status, each.path.rpartition("/")[2]) for each in lab.azure.requests[since:] if each.method == "POST"]


@pytest.mark.parametrize("by_resource_manager", [True, False])
def test_our_client_cancels_jobs_and_steps_whichever_service_does_it(
    lab: Lab, workspace_client: Workspace, by_resource_manager: bool
):
    number = 50 + by_resource_manager
    lab.job(f"ends-{number}")
    lab.step(f"ends-{number}", number).status = "Running"
    (step,) = workspace_client.steps(f"ends-{number}")
    lab.azure.world.cancels_steps, since = by_resource_manager, len(lab.azure.requests)

    workspace_client.cancel_step(step)
    workspace_client.cancel_job(f"ends-{number}")
    lab.azure.world.cancels_steps = True

    of_step = [(202, "cancel")] if by_resource_manager else [(400, "cancel"), (200, "Cancel")]
    assert asked(lab, since) == [*of_step, (202, "cancel")]


def test_our_client_sees_all_steps_and_that_a_silent_job_is_not_over(lab: Lab, workspace_client: Workspace):
    lab.job("many")
    for number in range(3_000, 3_250):
        lab.step("many", number)
    lab.azure.lose_contact("many")
    job = workspace_client.job("many")
    lab.azure.regain_contact("many")

    assert len({step.run_id for step in workspace_client.steps("many")}) == 250
    assert job is not None
    assert (job.status, job.is_over) == ("NotResponding", False)
    assert workspace_client.job("nobody") is None
    assert workspace_client.compute("nobody") is None
