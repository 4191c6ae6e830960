"""What goes wrong in the emulated Azure on demand, who is let in, and that nothing of it is left behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from azure_asker import Asker
from emulator import Emulator, EmulatorError, StorageService
from emulator.principals import Principal

from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import Workspace, WorkspaceName

pytestmark = pytest.mark.tools


@pytest.fixture
def ask(azure: Emulator) -> Asker:
    return Asker(azure)


def run_python(
    azure: Emulator, code: str, *, who: Principal | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run code in a process of the product."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **azure.environment(who), **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


#: Prints what a token says of who has it, and for what.
SHOWS_TOKEN = """
import base64, json, sys
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
with {credential} as credential:
    text = credential.get_token("{scope}").token.split(".")[1]
said = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
print(said["oid"], said["aud"])
"""
USES_STORAGE = """
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
def show(what, ask):
    try:
        print(what, len(list(ask())))
    except HttpResponseError as error:
        print(what, error.error_code)
with DefaultAzureCredential() as credential:
    with BlobServiceClient("https://{account}.blob.core.windows.net", credential=credential, retry_total=0) as asked:
        for name in ("hyperscale", "others", "hyperscale"):
            show(name, asked.get_container_client(name).list_blob_names)
    with QueueServiceClient("https://{account}.queue.core.windows.net", credential=credential, retry_total=0) as asked:
        show("queue", asked.list_queues)
"""


def workspace_of(azure: Emulator, credential: object, *, retries: int = 6) -> Workspace:
    """Return our own client of the workspace."""
    name = WorkspaceName(azure.subscription_id, azure.resource_group, azure.workspace_name)
    return Workspace(ResourceManager(credential, who="you", retries=retries), name)


# --- requests


@pytest.mark.parametrize(("status", "code"), [(409, "Conflict"), (500, "InternalServerError"), (403, "Mine")])
def test_a_request_is_answered_as_the_test_wants_as_often_as_it_wants(
    azure: Emulator, ask: Asker, status: int, code: str
):
    azure.faults.add(method="GET", path="/computes", status=status, code=code, times=2)

    answers = [ask("GET", "computes") for _ in range(3)]

    assert [answer.status for answer in answers] == [status, status, 200]
    assert answers[0].code == code
    assert ask("GET", "jobs").status == 200


def test_every_third_request_is_too_many_and_says_when_to_come_again(azure: Emulator, ask: Asker):
    azure.faults.add(status=429, retry_after=1, every=3, times=None)

    answers = [ask("GET", "computes") for _ in range(6)]

    assert [answer.status for answer in answers] == [200, 200, 429, 200, 200, 429]
    assert answers[2].headers["Retry-After"] == "1"


def test_az_is_hit_by_no_fault_and_nodes_only_by_those_that_name_them(azure: Emulator):
    fault = azure.faults.add(status=429, times=None)
    code = SHOWS_TOKEN.format(credential="DefaultAzureCredential()", scope="https://management.azure.com/.default")

    assert run_python(azure, code).returncode == 0
    assert fault.hits == 0
    assert azure.faults.add(path="/msi/token", status=500).takes("GET", "127.0.0.1/msi/token")


def test_our_own_client_comes_again_when_it_is_told_to(azure: Emulator):
    from azure.identity import AzureCliCredential

    azure.faults.add(path="/computes", status=429, retry_after=0, times=2)
    azure.faults.add(path="/computes", status=503, times=1)

    with azure.in_this_process(), AzureCliCredential() as credential:
        workspace = workspace_of(azure, credential)
        found = workspace.computes()
        workspace.azure.close()

    assert found == []
    assert [asked.status for asked in azure.requests if asked.path.endswith("/computes")] == [429, 429, 503, 200]


def test_a_lost_answer_leaves_what_was_asked_for(azure: Emulator, ask: Asker):
    azure.faults.add(method="PUT", path="/computes/", lost=True)

    with pytest.raises(http.client.RemoteDisconnected):
        ask.make_cluster("hs-c00")

    assert list(azure.world.computes) == ["hs-c00"]
    assert ask.make_cluster("hs-c00").status == 201


def test_a_slow_answer_comes_and_keeps_nobody_else_waiting(azure: Emulator, ask: Asker):
    azure.faults.add(path="/computes", delay_seconds=0.5)
    slow = threading.Thread(target=lambda: ask("GET", "computes"))
    slow.start()

    azure.world.wait_until(lambda: azure.faults.requests[0].hits == 1)
    assert ask("GET", "jobs").status == 200
    slow.join()

    paths = [asked.path.rpartition("/")[2] for asked in azure.requests]
    assert paths == ["jobs", "computes"]


# --- clusters


def test_a_cluster_that_cannot_be_provisioned_stays_and_says_why(azure: Emulator, ask: Asker):
    azure.fail_cluster("c01$", code="AllocationFailed")

    operation = ask.make_cluster("hs-c01").headers["Azure-AsyncOperation"]
    path, _, query = operation.removeprefix("https://management.azure.com").partition("?")
    told = ask("GET", path, version=query.partition("=")[2]).document
    found = ask("GET", "computes/hs-c01").document["properties"]

    assert (told["status"], told["error"]["code"]) == ("Failed", "AllocationFailed")
    assert found["provisioningState"] == "Failed"
    assert found["provisioningErrors"][0]["error"]["code"] == "AllocationFailed"
    ask.make_cluster("hs-c00")
    assert ask("GET", "computes/hs-c00").document["properties"]["provisioningState"] == "Succeeded"


def test_a_delete_that_fails_leaves_the_cluster_until_it_is_asked_again(azure: Emulator, ask: Asker):
    azure.fail_deletes("hs-c00", times=1)
    azure.world.timing.delete_seconds = 0.2
    ask.make_cluster("hs-c00")

    first = ask("DELETE", "computes/hs-c00?underlyingResourceAction=Delete")
    assert ask("GET", "computes/hs-c00").document["properties"]["provisioningState"] == "Deleting"
    assert ask("DELETE", "computes/hs-c00?underlyingResourceAction=Delete").status == 409
    azure.world.wait_until(lambda: azure.world.computes["hs-c00"].deleted_at is None)
    second = ask("DELETE", "computes/hs-c00?underlyingResourceAction=Delete")
    azure.world.wait_until(lambda: "hs-c00" not in azure.world.computes)

    assert (first.status, second.status) == (202, 202)
    assert ask("DELETE", "computes/hs-c00?underlyingResourceAction=Delete").status == 204


def test_a_cluster_that_takes_its_time_is_creating_until_then(azure: Emulator, ask: Asker):
    azure.world.timing.provision_seconds = 0.2

    made = ask.make_cluster("hs-c00").document["properties"]["provisioningState"]
    azure.world.wait_until(lambda: azure.world.computes["hs-c00"].takes_jobs(time.time()))

    assert made == "Creating"
    assert ask("GET", "computes/hs-c00").document["properties"]["provisioningState"] == "Succeeded"


# --- who is let in


def test_a_person_is_logged_in_by_az_and_only_as_long_as_they_are(azure: Emulator):
    code = SHOWS_TOKEN.format(credential="DefaultAzureCredential()", scope="https://management.azure.com/.default")
    logged_in = run_python(azure, code)
    azure.world.directory.logged_out.add(azure.world.directory.person.object_id)
    logged_out = run_python(azure, code)

    assert logged_in.stdout.split() == [azure.world.directory.person.object_id, "https://management.azure.com"]
    assert "az login" in logged_out.stderr
    assert azure.problems == []


def test_who_is_logged_in_to_another_tenant_is_told_so(azure: Emulator, ask: Asker):
    azure.tokens.wrong_tenant.add(azure.world.directory.person.object_id)

    answer = ask("GET", "")

    assert (answer.status, answer.code) == (401, "InvalidAuthenticationTokenTenant")
    assert azure.problems == []


def test_an_application_logs_in_with_its_secret(azure: Emulator):
    application = azure.world.directory.add_application("ci")
    code = SHOWS_TOKEN.format(credential="DefaultAzureCredential()", scope="https://storage.azure.com/.default")

    right = run_python(azure, code, who=application)
    wrong = run_python(azure, code, who=application, AZURE_CLIENT_SECRET="not it")  # noqa: S106

    assert right.stdout.split() == [application.object_id, "https://storage.azure.com"]
    assert "AADSTS7000215" in wrong.stderr


def test_a_node_has_tokens_of_its_identities_and_of_nobody_else(azure: Emulator):
    directory = azure.world.directory
    other = directory.add_identity("other")
    node = azure.node_environment([str(directory.run_identity.path), str(other.path)])
    named = f"ManagedIdentityCredential(client_id='{other.client_id}')"
    scope = "https://storage.azure.com/.default"

    def token(credential: str) -> subprocess.CompletedProcess[str]:
        code = SHOWS_TOKEN.format(credential=credential, scope=scope)
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **node},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert token(named).stdout.split()[0] == other.object_id
    assert "CredentialUnavailableError" in token("ManagedIdentityCredential()").stderr
    assert token(f"ManagedIdentityCredential(client_id='{azure.tenant_id}')").returncode == 1


def test_storage_takes_whoever_has_the_roles_for_its_data_and_for_each_container_on_its_own(azure: Emulator):
    directory, person = azure.world.directory, azure.world.directory.person
    azure.storage.container("hyperscale").upload_blob("one", b"")
    azure.storage.container("others")
    code = USES_STORAGE.format(account=azure.storage_account)

    def told() -> list[str]:
        return run_python(azure, code).stdout.splitlines()

    refused = "AuthorizationPermissionMismatch"
    assert told() == ["hyperscale 1", f"others {refused}", "hyperscale 1", "queue 0"], "on one connection"
    directory.remove(person, "Storage Queue Data Contributor")
    directory.assign(person, "Storage Blob Data Reader")
    assert told() == ["hyperscale 1", "others 0", "hyperscale 1", f"queue {refused}"]


def test_a_storage_account_that_is_not_there_has_no_name(azure: Emulator):
    told = run_python(azure, USES_STORAGE.format(account="nosuchaccount"))

    assert "Name or service not known" in told.stderr
    assert azure.problems == []


def test_storage_refuses_a_token_that_has_expired(azure: Emulator):
    azure.tokens.life_seconds = -60

    told = run_python(azure, USES_STORAGE.format(account=azure.storage_account)).stdout

    kinds = {line.partition(" ")[2] for line in told.splitlines() if not line.startswith("others")}
    assert kinds == {"StorageErrorCode.AUTHENTICATION_FAILED"}


# --- hosts


def test_a_foreign_host_is_refused_and_fails_the_test(azure: Emulator):
    with azure.expects_problem("example.org"):
        told = run_python(azure, "import socket; socket.create_connection(('example.org', 443))")
    assert "OSError: the emulator of Azure refuses the host example.org" in told.stderr
    assert azure.problems == []


def test_a_foreign_host_that_nobody_expects_fails_the_test(tmp_path: Path, storage_service: StorageService):
    azure = Emulator(tmp_path / "own", storage_service)
    with pytest.raises(EmulatorError, match=r"example\.org:443"), azure:
        run_python(azure, "import socket; socket.create_connection(('example.org', 443))")


def test_this_machine_is_no_foreign_host(azure: Emulator):
    code = "import socket; print([bool(socket.getaddrinfo(name, 80)) for name in ('localhost', '127.0.0.1', None)])"

    assert run_python(azure, code).stdout == "[True, True, True]\n"


def test_a_sitecustomize_that_was_there_before_still_runs(azure: Emulator, tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.was_here = True\n")
    path = f"{azure.environment()['PYTHONPATH']}{os.pathsep}{tmp_path}"

    assert run_python(azure, "print(was_here)", PYTHONPATH=path).stdout == "True\n"


def test_in_this_process_ends_with_its_block(azure: Emulator):
    import socket

    before, environment = socket.getaddrinfo, dict(os.environ)
    with azure.in_this_process():
        assert socket.getaddrinfo is not before

    assert (socket.getaddrinfo, dict(os.environ)) == (before, environment)


# --- its end


def test_it_ends_with_its_block_whatever_is_still_open(tmp_path: Path, storage_service: StorageService):
    before = set(threading.enumerate())
    azure = Emulator(tmp_path / "own", storage_service)
    with azure:
        azure.faults.add(path="/jobs", delay_seconds=600)
        ask = Asker(azure)
        waiting = threading.Thread(target=lambda: _ignored(ask))
        waiting.start()
        azure.world.wait_until(lambda: azure.faults.requests[0].hits == 1)
        idle = ask.connection()
        idle.connect()

    waiting.join()
    idle.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(OSError, match="refused"):
        ask("GET", "jobs")


def _ignored(ask: Asker) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        ask("GET", "jobs")
