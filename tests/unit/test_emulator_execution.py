"""What the emulated Azure does with jobs that it has accepted: small pipelines of shell commands, and no server."""

from __future__ import annotations

import itertools
import os
import random
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from azurite import Azurite
from emulator.execution import Execution
from emulator.execution.contents import Contents
from emulator.resources import Asset, Failure, Job
from emulator.world import World

pytestmark = pytest.mark.tools

IDENTITY = "hyperscale-run"
#: A command that ends when nobody has stopped it, long after its test.
FOREVER = "sleep 600"


class Lab:
    """A world without its server: jobs are put into it as the service has accepted them."""

    def __init__(self, folder: Path, azurite: Azurite) -> None:
        self.world, self.folder = World(), folder
        self.world.workspace.storage_account = azurite.account
        self.container = f"lab-{uuid.uuid4().hex[:8]}"
        self._azurite = azurite
        self.contents = Contents(folder / "contents")
        self._blobs = self.blob_service()
        self._blobs.create_container(self.container)
        self.execution = Execution(self)

    def close(self) -> None:
        self.execution.close()
        self._blobs.close()

    def blob_service(self) -> Any:
        return BlobServiceClient.from_connection_string(self._azurite.connection_string)

    def datastore_container(self, name: str) -> str:
        assert name == "workspaceblobstore"
        return self.container

    def node_environment(self, identity_ids: Sequence[str]) -> dict[str, str]:
        return {"MSI_ENDPOINT": f"http://127.0.0.1/of/{len(identity_ids)}", "MSI_SECRET": "of this node"}

    def client_id(self, identity_id: str) -> str:
        found = self.world.directory.identity(identity_id)
        assert found
        assert found.client_id
        return found.client_id

    def put(self, path: str, text: str) -> None:
        """Write a blob."""
        self._blobs.get_blob_client(self.container, path).upload_blob(text, overwrite=True)

    def get(self, path: str) -> str:
        """Read a blob."""
        return str(self._blobs.get_blob_client(self.container, path).download_blob().readall().decode())

    def asset(self, kind: str, name: str, **properties: Any) -> str:
        """Register version 1 of an asset; return its id."""
        self.world.assets[kind, name, "1"] = Asset(kind, name, "1", properties)
        return f"{self.world.workspace.path}/{kind}/{name}/versions/1"

    def submit(self, name: str, steps: Mapping[str, Mapping[str, Any]], **properties: Any) -> Job:
        """Submit a pipeline; each step is `step(...)`."""
        nodes = {}
        for key, made in steps.items():
            spec = {"type": "command", "name": key, "environment": "azureml:env:1", **made["spec"]}
            nodes[key] = {
                "type": "command",
                "componentId": self.asset("components", f"{name}_{key}", componentSpec=spec),
            }
            nodes[key] |= made["node"]
        body = {"jobType": "Pipeline", "experimentName": "tests", "jobs": nodes, **properties}
        job = Job(name, body, self.world.directory.person)
        with self.world.lock:
            self.world.jobs[name] = job
            self.execution.submit(job)
        return job

    def statuses(self, name: str) -> dict[str, str]:
        return {key: step.status for key, step in self.execution.steps(name).items()}


def step(command: str, *, compute: str | None = "cpu", **more: Any) -> dict[str, Any]:
    """Return a step. Of `more`, what belongs to components goes there; `takes` are texts for its inputs."""
    takes: Mapping[str, Any] = more.pop("takes", {})
    inputs = {key: {"job_input_type": "literal", "value": str(value)} for key, value in takes.items()}
    spec = {"command": command, "inputs": {key: {"type": "string"} for key in takes}}
    node: dict[str, Any] = {"inputs": inputs}
    for key, value in more.items():
        if key in ("code", "inputs", "outputs", "environment"):
            spec[key] = {**spec.get(key, {}), **value} if isinstance(value, dict) else value
        else:
            node[key] = value
    return {"spec": spec, "node": {**node, **({"computeId": compute} if compute else {})}}


def after(name: str, output: str = "out") -> str:
    return f"${{{{parent.jobs.{name}.outputs.{output}}}}}"


OUT = {"out": {"type": "uri_folder"}}


@pytest.fixture
def lab(tmp_path: Path, azurite: Azurite) -> Iterator[Lab]:
    made = Lab(tmp_path / "azure", azurite)
    try:
        made.world.add_compute("cpu", max_nodes=4)
        yield made
    finally:
        made.close()


def test_steps_run_in_the_order_of_their_bindings_and_pass_folders_on(lab: Lab) -> None:
    lab.submit(
        "ordered",
        {
            "last": step(
                "cat ${{inputs.data}}/word ${{inputs.more}}/word",
                takes={"data": after("first"), "more": after("second")},
            ),
            "second": step(
                "sed s/$/-again/ ${{inputs.data}}/word > ${{outputs.out}}/word",
                takes={"data": after("first")},
                outputs=OUT,
            ),
            "first": step("echo one > ${{outputs.out}}/word", outputs=OUT),
        },
    )

    assert lab.execution.wait_for("ordered") == "Completed"
    assert lab.execution.log("ordered", "last") == "one\none-again\n"
    assert [made.name for made in lab.world.jobs["ordered"].steps] == ["first", "second", "last"]
    first = lab.execution.steps("ordered")["first"]
    assert lab.get(f"azureml/{first.run_id}/out/word") == "one\n"


def test_a_step_below_a_failed_one_never_begins_and_the_others_go_on(lab: Lab) -> None:
    job = lab.submit(
        "halves",
        {
            "bad": step("echo no luck; exit 3", outputs=OUT),
            "below": step("true", takes={"data": after("bad")}),
            "beside": step("sleep 0.2; echo well"),
        },
        settings={"continue_on_step_failure": True},
    )

    assert lab.execution.wait_for("halves") == "Failed"
    assert lab.statuses("halves") == {"bad": "Failed", "below": "NotStarted", "beside": "Completed"}
    error = lab.execution.steps("halves")["bad"].error
    assert error
    assert "exited with status code 3" in error.message
    assert "no luck" in error.message
    assert job.error
    assert "/bad" in job.error.message


def test_a_step_runs_without_an_optional_input_whose_step_failed_and_never_without_a_required_one(lab: Lab) -> None:
    optional = {"late": {"type": "uri_folder", "optional": True}}
    lab.submit(
        "inputs",
        {
            "bad": step("exit 4", outputs=OUT),
            "needs_it": step("true", takes={"late": after("bad")}, outputs=OUT),
            "does_without": step("echo left:$[[ ${{inputs.late}}]]", takes={"late": after("bad")}, inputs=optional),
            "below_both": step("echo still", takes={"late": after("needs_it")}, inputs=optional),
        },
        settings={"continue_on_step_failure": True},
    )

    assert lab.execution.wait_for("inputs") == "Failed"
    assert lab.statuses("inputs") == {
        "bad": "Failed",
        "needs_it": "NotStarted",
        "does_without": "Completed",
        "below_both": "Completed",
    }
    assert lab.execution.log("inputs", "does_without") == "left:\n"
    assert "needs_it" not in [made.name for made in lab.world.jobs["inputs"].steps]


def test_a_failed_step_ends_the_whole_pipeline_that_does_not_continue_on_failure(lab: Lab) -> None:
    lab.submit(
        "strict",
        {"bad": step("exit 1"), "beside": step(FOREVER), "below": step("true", takes={"data": after("beside")})},
        settings={"continue_on_step_failure": False},
    )

    assert lab.execution.wait_for("strict") == "Failed"
    assert lab.statuses("strict") == {"bad": "Failed", "beside": "Canceled", "below": "Canceled"}


def test_literals_defaults_inputs_of_the_pipeline_and_optional_parts_are_filled_in(lab: Lab) -> None:
    lab.submit(
        "filled",
        {
            "say": step(
                "echo '${{inputs.text}}' ${{inputs.n}} $[[--given ${{inputs.given}}]] $[[--left ${{inputs.left}}]]",
                takes={"text": "${{parent.inputs.words}}", "given": 7},
                inputs={"n": {"type": "integer", "default": "3"}, "left": {"type": "string", "optional": True}},
            )
        },
        inputs={"words": {"jobInputType": "literal", "value": "a $HOME; b"}},
    )

    lab.execution.wait_for("filled", status="Completed")
    assert lab.execution.log("filled", "say") == "a $HOME; b 3 --given 7\n"


def test_code_and_data_come_from_storage_and_python_is_that_of_the_tests(lab: Lab) -> None:
    lab.put("snapshot/words/__init__.py", "")
    lab.put("snapshot/words/say.py", "import sys\nprint(open(sys.argv[1]).read(), sys.executable, __file__)")
    lab.put("in/rows.csv", "a,b")
    lab.put("in/deeper/more.csv", "c,d")
    identity = lab.world.directory.run_identity
    lab.world.add_compute("ours", identity={"type": "UserAssigned", "userAssignedIdentities": {identity.path: {}}})
    path = lab.world.workspace.container_path(lab.container)
    account = lab.world.workspace.storage_account
    code = lab.asset("codes", "snap", codeUri=f"https://{account}.blob.core.windows.net/{lab.container}/snapshot")
    data = {
        "folder": {"job_input_type": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/in/"},
        "file": {
            "job_input_type": "uri_file",
            "uri": f"wasbs://{lab.container}@{account}.blob.core.windows.net/in/rows.csv",
        },
    }
    steps = {
        "read": step(
            "python -m words.say ${{inputs.file}} && cat ${{inputs.folder}}/deeper/more.csv",
            code=code,
            inputs={key: {"type": value["job_input_type"]} for key, value in data.items()},
        )
        | {"node": {"computeId": "ours", "inputs": data}}
    }
    lab.submit("refused", steps)
    lab.execution.wait_for("refused", status="Failed")
    refused = lab.execution.steps("refused")["read"].error
    lab.world.directory.assign(identity, "Storage Blob Data Reader", scope=path)
    lab.submit("data", steps)

    assert refused
    assert "AuthorizationPermissionMismatch" in refused.message, "what no datastore holds a key for takes a role"
    assert lab.execution.wait_for("data") == "Completed", lab.execution.log("data", "read")
    said = lab.execution.log("data", "read")
    run_id = lab.execution.steps("data")["read"].run_id
    assert said.startswith(f"a,b {sys.executable} ")
    assert f"{run_id}/code/words/say.py" in said
    assert said.endswith("c,d")


def test_data_that_is_not_there_fails_the_step_and_says_so(lab: Lab) -> None:
    data = {"file": {"job_input_type": "uri_file", "uri": "azureml://datastores/workspaceblobstore/paths/nothing.csv"}}
    lab.submit(
        "nothing",
        {"read": step("true", inputs={"file": {"type": "uri_file"}}) | {"node": {"computeId": "cpu", "inputs": data}}},
    )

    lab.execution.wait_for("nothing", status="Failed")
    error = lab.execution.steps("nothing")["read"].error
    assert error
    assert "nothing.csv" in error.message


def test_a_serverless_step_has_the_identity_that_it_asks_for_and_else_none(lab: Lab) -> None:
    directory = lab.world.directory
    lab.world.workspace.identities[:] = [directory.run_identity, directory.control_identity]
    named = {"type": "managed", "client_id": directory.control_identity.client_id}
    shown = "echo $DEFAULT_IDENTITY_CLIENT_ID $MSI_ENDPOINT"
    lab.submit(
        "serverless",
        {
            "silent": step(shown, compute="serverless"),
            "named": step(shown, compute="serverless", identity=named),
        },
    )

    lab.execution.wait_for("serverless", status="Completed")
    assert lab.execution.log("serverless", "silent").split() == ["clientid", "http://127.0.0.1/of/0"]
    told = lab.execution.log("serverless", "named").split()
    assert told == [directory.control_identity.client_id, "http://127.0.0.1/of/1"]


def test_a_step_knows_its_surroundings_and_nothing_of_who_started_the_emulator(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_CLIENT_SECRET", "AZURE_STORAGE_CONNECTION_STRING", "PYTHONPATH", "SOMETHING"):
        monkeypatch.setenv(name, "of somebody else")
    identity = lab.world.directory.run_identity
    lab.world.add_compute("ours", identity={"type": "UserAssigned", "userAssignedIdentities": {identity.path: {}}})
    lab.submit(
        "known",
        {
            "ours": step("env", compute="ours", environment_variables={"MINE": "1"}),
            "none": step("env"),
        },
    )

    lab.execution.wait_for("known", status="Completed")
    seen = {
        key: dict(line.split("=", 1) for line in lab.execution.log("known", key).splitlines())
        for key in ("ours", "none")
    }
    assert "of somebody else" not in seen["ours"].values()
    assert seen["ours"].keys() - {"_", "SHLVL", "PWD"} == {
        "PATH", "HOME", "TMPDIR", "LANG", "MINE", "MSI_ENDPOINT", "MSI_SECRET", "DEFAULT_IDENTITY_CLIENT_ID",
        "AZUREML_RUN_ID", "AZUREML_ROOT_RUN_ID", "AZUREML_EXPERIMENT_NAME",
        "AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME", "MLFLOW_TRACKING_URI",
    }  # fmt: skip
    assert seen["ours"]["AZUREML_ROOT_RUN_ID"] == "known"
    assert seen["ours"]["DEFAULT_IDENTITY_CLIENT_ID"] == identity.client_id
    assert seen["ours"]["MSI_ENDPOINT"].endswith("of/1")
    assert seen["none"]["DEFAULT_IDENTITY_CLIENT_ID"] == "clientid"
    assert seen["none"]["MSI_ENDPOINT"].endswith("of/0")


def test_a_cancelled_job_may_end_in_good_order(lab: Lab) -> None:
    polite = "trap 'echo going; exit 0' TERM; echo here; while :; do sleep 0.05; done"
    lab.submit("polite", {"s": step(polite, outputs=OUT), "later": step("true", takes={"data": after("s")})})
    lab.world.wait_until(lambda: lab.execution.log("polite", "s"))

    lab.execution.cancel("polite")

    assert lab.execution.wait_for("polite") == "Canceled"
    assert lab.statuses("polite") == {"s": "Canceled", "later": "Canceled"}
    assert lab.execution.log("polite", "s").endswith("going\n")


def test_a_cancelled_job_that_does_not_listen_is_killed_with_all_that_it_has_started(lab: Lab) -> None:
    lab.execution.grace_seconds = 0.1
    lab.submit("deaf", {"s": step("trap '' TERM; (setsid sleep 600 & echo $!; wait) & wait; wait")})
    lab.world.wait_until(lambda: lab.execution.log("deaf", "s"))
    child = int(lab.execution.log("deaf", "s"))

    lab.execution.cancel("deaf")

    assert lab.execution.wait_for("deaf") == "Canceled"
    assert not is_alive(child)


def test_a_preempted_step_fails_and_the_next_one_gets_another_node(lab: Lab) -> None:
    lab.world.add_compute("low", tier="LowPriority", max_nodes=2)
    lab.submit("spot", {f"s{number}": step(FOREVER if number < 2 else "true", compute="low") for number in range(3)})
    for name in ("s0", "s1"):
        lab.world.wait_until(lambda name=name: name in lab.execution.processes("spot"))
    assert lab.statuses("spot")["s2"] == "Queued"

    (hit,) = lab.execution.preempt("low", share=0.5, chance=random.Random(1))

    lab.execution.wait_for("spot", "s2", status="Completed")
    assert lab.execution.wait_for("spot", hit.name) == "Failed"
    assert hit.error
    assert hit.error.code == "PreemptionError"
    assert sorted(lab.world.computes["low"].nodes.values()) == ["idle", "preempted", "running"]
    lab.execution.preempt("low", share=1)
    lab.execution.wait_for("spot", status="Failed")


def test_a_preempted_step_is_queued_again_where_the_service_restarts_it(lab: Lab) -> None:
    lab.put("flag/there", "no")
    lab.world.add_compute("low", tier="LowPriority", max_nodes=1)
    lab.submit("again", {"s": step("echo begun; [ -e $HOME/../../flag ] || sleep 600", compute="low")})
    lab.world.wait_until(lambda: "begun" in lab.execution.log("again", "s"))

    (lab.folder / "nodes" / "flag").touch()
    lab.execution.preempt(share=1, restart=True)

    assert lab.execution.wait_for("again") == "Completed"
    assert lab.execution.log("again", "s") == "begun\nbegun\n"


def test_dedicated_nodes_are_not_preempted(lab: Lab) -> None:
    lab.submit("safe", {"s": step("sleep 0.3")})
    lab.world.wait_until(lambda: lab.execution.processes("safe"))

    assert lab.execution.preempt(share=1) == []
    lab.execution.wait_for("safe", status="Completed")


def test_a_lost_node_and_a_killed_process_fail_their_step(lab: Lab) -> None:
    lab.submit("unlucky", {"lost": step(FOREVER), "killed": step(FOREVER)})
    lab.world.wait_until(lambda: len(lab.execution.processes("unlucky")) == 2)

    lab.execution.lose_node("unlucky", "lost")
    lab.execution.kill("unlucky", "killed")

    lab.execution.wait_for("unlucky", status="Failed")
    steps = lab.execution.steps("unlucky")
    assert steps["lost"].error
    assert steps["lost"].error.code == "NodeLost"
    assert steps["killed"].error
    assert "status code 137" in steps["killed"].error.message
    assert list(lab.world.computes["cpu"].nodes.values()) == ["idle"]


def test_steps_wait_for_quota_and_the_cluster_says_so(lab: Lab) -> None:
    quota = lab.world.catalogue.quotas["westeurope"]
    quota.low_priority_cores, quota.used_elsewhere = 12, {"LowPriority": 4}
    for name in ("low-a", "low-b"):
        lab.world.add_compute(name, tier="LowPriority", max_nodes=2, idle_seconds=0)
    flag = lab.folder / "go"
    wait = f"while [ ! -e {flag} ]; do sleep 0.02; done"
    lab.submit("short", {f"s{number}": step(wait, compute=f"low-{'ab'[number % 2]}") for number in range(4)})
    lab.world.wait_until(lambda: len(lab.execution.processes("short")) == 2)

    assert lab.statuses("short") == {"s0": "Running", "s1": "Running", "s2": "Queued", "s3": "Queued"}
    assert [made.code for made in lab.world.computes["low-a"].errors] == ["ClusterCoreQuotaReached"]
    flag.touch()

    lab.execution.wait_for("short", status="Completed")
    assert lab.world.computes["low-a"].errors == []


def test_one_job_runs_on_a_node_at_once_and_idle_nodes_leave(lab: Lab) -> None:
    lab.world.add_compute("one", max_nodes=1, idle_seconds=0.2)
    lab.submit(
        "turns", {f"s{number}": step("date +%s.%N; sleep 0.1; date +%s.%N", compute="one") for number in range(3)}
    )

    lab.execution.wait_for("turns", status="Completed")
    times = sorted([float(line) for line in lab.execution.log("turns", name).split()] for name in lab.statuses("turns"))
    assert all(before[1] < then[0] for before, then in itertools.pairwise(times))
    assert len({made.node for made in lab.execution.steps("turns").values()}) == 1
    lab.world.wait_until(lambda: not lab.world.computes["one"].nodes)


def test_a_cluster_keeps_its_smallest_number_of_nodes(lab: Lab) -> None:
    lab.world.add_compute("warm", min_nodes=2, max_nodes=3, idle_seconds=0)

    lab.world.wait_until(lambda: list(lab.world.computes["warm"].nodes.values()) == ["idle", "idle"])


def test_a_cluster_that_failed_to_provision_runs_nothing_until_it_is_deleted(lab: Lab) -> None:
    lab.world.add_compute("broken", failure=Failure("SubnetNotFound", "there is none"))
    lab.submit("stuck", {"here": step("true", compute="broken"), "there": step("true")})
    lab.execution.wait_for("stuck", "there", status="Completed")
    assert lab.statuses("stuck")["here"] == "Queued"

    lab.execution.compute_deleted("broken")

    lab.execution.wait_for("stuck", status="Failed")
    error = lab.execution.steps("stuck")["here"].error
    assert error
    assert error.code == "ComputeNotFound"


def test_deleting_a_compute_fails_what_runs_on_it_and_what_waits_for_it(lab: Lab) -> None:
    lab.world.add_compute("doomed", max_nodes=1)
    lab.submit("doom", {"runs": step(FOREVER, compute="doomed"), "waits": step("true", compute="doomed")})
    lab.world.wait_until(lambda: lab.execution.processes("doom"))

    with lab.world.lock:
        lab.world.computes["doomed"].deleted_at = 0
    lab.execution.compute_deleted("doomed")

    lab.execution.wait_for("doom", status="Failed")
    assert lab.statuses("doom") == {"runs": "Failed", "waits": "Failed"}
    assert lab.world.computes["doomed"].nodes == {}


def test_a_step_that_takes_longer_than_its_limit_is_cancelled(lab: Lab) -> None:
    lab.submit("slow", {"s": step(FOREVER, limits={"timeout": "PT0.2S"})})

    assert lab.execution.wait_for("slow") == "Failed"
    assert lab.statuses("slow") == {"s": "Canceled"}


def test_an_environment_that_does_not_build_fails_its_steps_before_they_have_a_node(lab: Lab) -> None:
    environment = lab.asset("environments", "odd", image="mcr.example/odd:1")
    lab.execution.images.build_seconds = 0.5
    lab.execution.fail_image("example/odd")
    lab.submit("images", {"bad": step("true", environment=environment), "good": step("true")})
    assert lab.execution.wait_for("images", "bad", status=["Preparing", "Failed"]) == "Preparing"

    lab.execution.wait_for("images", status="Failed")
    bad = lab.execution.steps("images")["bad"]
    assert lab.statuses("images") == {"bad": "Failed", "good": "Completed"}
    assert bad.error
    assert bad.error.code == "ImageBuildFailure"
    assert "no-such-package" in bad.logs["azureml-logs/20_image_build_log.txt"].read_text("utf-8")
    assert bad.node is None


def test_serverless_steps_get_a_node_each_within_the_quota(lab: Lab) -> None:
    lab.world.catalogue.quotas["westeurope"].low_priority_cores = 4
    spot = {
        "compute": None,
        "resources": {"instance_type": "Standard_F4s_v2"},
        "queue_settings": {"job_tier": "Spot"},
    }
    lab.submit(
        "less", {"a": step("sleep 0.1", **spot), "b": step("true", **spot)}, settings={"default_compute": "serverless"}
    )

    lab.execution.wait_for("less", status="Completed")
    first, second = lab.execution.steps("less").values()
    assert first.node != second.node
    assert first.ended_at is not None
    assert second.started_at is not None
    assert first.ended_at <= second.started_at


def test_nodes_take_their_time_to_come(lab: Lab) -> None:
    lab.execution.nodes.start_seconds = 0.5
    lab.submit("patient", {"s": step("true")})

    lab.world.wait_until(lambda: list(lab.world.computes["cpu"].nodes.values()) == ["preparing"])
    assert lab.statuses("patient") == {"s": "Queued"}
    lab.execution.wait_for("patient", status="Completed")


def test_a_step_can_be_cancelled_alone(lab: Lab) -> None:
    lab.submit("single", {"a": step(FOREVER), "b": step("true")})
    lab.world.wait_until(lambda: "a" in lab.execution.processes("single"))

    lab.execution.cancel(lab.execution.steps("single")["a"].run_id)

    lab.execution.wait_for("single", status="Failed")
    assert lab.statuses("single") == {"a": "Canceled", "b": "Completed"}


def test_nothing_outlives_the_emulator(tmp_path: Path, azurite: Azurite) -> None:
    lab = Lab(tmp_path, azurite)
    lab.world.add_compute("cpu", max_nodes=4)
    lab.submit("left", {"s": step("(setsid sleep 600 & echo $!; wait) & sleep 600"), "t": step(FOREVER)})
    lab.world.wait_until(lambda: len(lab.execution.log("left", "s").split()) == 1)
    running = [*lab.execution.processes("left").values(), int(lab.execution.log("left", "s"))]

    lab.close()

    assert not any(is_alive(process) for process in running)


def test_the_lifeline_kills_what_a_killed_emulator_left(lab: Lab) -> None:
    lab.submit("orphan", {"s": step(f"echo $$; {FOREVER}")})
    lab.world.wait_until(lambda: lab.execution.log("orphan", "s"))

    lifeline = lab.execution._lifeline
    assert lifeline.stdin
    lifeline.stdin.close()

    assert lifeline.wait(10) == 0
    lab.execution.wait_for("orphan", status="Failed")


def is_alive(process: int) -> bool:
    with suppress(ProcessLookupError, FileNotFoundError):  # it may end between the two
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        return state != "Z"
    return False
