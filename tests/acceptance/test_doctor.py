"""`doctor` names what is missing, and only that: each thing is taken away from an emulated Azure, one by one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure_site import AzureSite
from wordings import Wording, line_names, names

from hyperscale.control.doctor.checks import Check, exit_code
from hyperscale.control.doctor.examining import examine
from hyperscale.control.reading.loading import load_experiment

if TYPE_CHECKING:
    from emulator import Emulator


def site_of(azure: Emulator, folder: Path, compute: str | None = None, **parts: Any) -> AzureSite:
    """Return the folder of an experiment whose clusters get the run's identity, or with another `compute`."""
    site = AzureSite(folder / "site", azure, **parts)
    if compute is not None:
        lines = site.file.read_text().splitlines()
        kept = [line for line in lines if not line.startswith("compute:")]
        site.file.write_text("\n".join([*kept, f"compute: {{{compute}}}", ""]))
    return site


def look(azure: Emulator, site: AzureSite, *overrides: str, principal: Any = None) -> list[Check]:
    with azure.in_this_process(principal):
        return examine(load_experiment(site.file, overrides), os.environ)


def missing(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.about, check.what) for check in checks if check.state == "missing"]


def find(checks: list[Check], what: str, about: str | None = None) -> Check:
    found = [check for check in checks if check.what == what and about in (None, check.about)]
    assert len(found) == 1, [check.what for check in checks]
    return found[0]


def test_all_is_in_order_and_nothing_is_changed(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)

    told = site.run("doctor", code=0)

    lines = told.stdout.splitlines()
    assert "  ok       login " in told.stdout
    assert "ada@example.org" in told.stdout
    assert [line for line in lines if line.startswith("  missing")] == []
    names(lines[-1], "0 missing", 1)
    assert {request.method for request in azure.requests} == {"GET"}


def test_each_role_that_is_taken_away_is_missed(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)
    directory = azure.world.directory
    person, run = directory.person, directory.run_identity
    queues, container = f"queues of {azure.storage_account}", f"container hyperscale of {azure.storage_account}"
    vault = "secrets: {KEY: 'https://lab-vault.vault.azure.net/secrets/key'}"
    with_secret = site_of(azure, tmp_path / "secret", activity=vault)
    directory.remove(person)
    directory.assign(person, "Reader", "AzureML Data Scientist", "AzureML Compute Operator")
    directory.assign(person, "Managed Identity Operator")
    directory.assign(person, "Storage Queue Data Contributor", "Storage Blob Data Contributor")
    assert missing(look(azure, site)) == []
    table = (
        (person, "AzureML Data Scientist", [("you", "submits jobs")]),
        (person, "AzureML Compute Operator", [("you", "makes and deletes clusters")]),
        (person, "Managed Identity Operator", [("you", "gives the identity to clusters")]),
        (person, "Storage Queue Data Contributor", [("you", "uses queues"), ("storage", queues)]),
        (person, "Storage Blob Data Contributor", [("you", "uses the store"), ("storage", container)]),
        (run, "AzureML Data Scientist", [("the run's identity", "finds the storage account and the state of jobs")]),
        (run, "AzureML Compute Operator", [("the run's identity", "deletes the run's clusters")]),
        (run, "Storage Queue Data Contributor", [("the run's identity", "uses queues")]),
        (run, "Storage Blob Data Contributor", [("the run's identity", "uses the store")]),
        (run, "AcrPull", [("the run's identity", "pulls images")]),
        (run, "Key Vault Secrets User", [("the run's identity", "reads secrets")]),
    )

    for principal, role, expected in table:
        directory.remove(principal, role)
        checks = look(azure, with_secret if role.startswith("Key Vault") else site)
        directory.assign(principal, role)

        assert missing(checks) == expected, role
        assert exit_code(checks) == 5
        told = find(checks, expected[0][1], expected[0][0])
        assert (role if principal == person or role != "AzureML Data Scientist" else "Reader") in told.todo


def test_who_may_not_read_roles_is_told_that_they_are_unknown(azure: Emulator, tmp_path: Path):
    directory = azure.world.directory
    directory.remove(directory.person)
    directory.assign(directory.person, "AzureML Data Scientist", "Storage Blob Data Contributor")

    checks = look(azure, site_of(azure, tmp_path))

    assert find(checks, "submits jobs").state == "unknown"
    assert find(checks, "identity").state == "unknown"
    assert find(checks, f"container hyperscale of {azure.storage_account}").state == "ok", "what was tried is known"
    assert missing(checks) == [("storage", f"queues of {azure.storage_account}")]


def test_a_role_of_the_subscription_counts_and_owner_has_no_data(azure: Emulator, tmp_path: Path):
    directory = azure.world.directory
    directory.remove(directory.person)
    directory.assign(directory.person, "Owner", scope=f"/subscriptions/{azure.subscription_id}")

    checks = look(azure, site_of(azure, tmp_path))

    names(find(checks, "submits jobs").found, "workspace lab", "Owner")
    assert {what for about, what in missing(checks) if about == "you"} == {"uses queues", "uses the store"}


def test_nobody_is_logged_in(azure: Emulator, tmp_path: Path, wording: Wording):
    azure.world.directory.logged_out.add(azure.world.directory.person.object_id)

    told = site_of(azure, tmp_path).run("doctor", "--json", code=5)

    checks = {check["what"]: check for check in json.loads(told.stdout)["checks"]}
    assert checks["login"]["state"] == "missing"
    wording(checks["login"]["found"])
    assert "az login" in checks["login"]["todo"]
    assert checks["workspace"]["state"] == "unknown"
    assert "DefaultAzureCredential failed" not in told.stdout + told.stderr, "the SDK's own page of text"


def test_a_login_of_another_tenant_is_told_which_one_is_right(azure: Emulator, tmp_path: Path):
    azure.tokens.wrong_tenant.add(azure.world.directory.person.object_id)
    site = site_of(azure, tmp_path)

    # The emulator takes such a token for a mistake of the product.
    with azure.expects_problem():
        told = find(look(azure, site), "workspace")

    assert told.state == "missing"
    assert "another tenant" in told.found
    names(told.todo, f"`az login --tenant {azure.tenant_id}`")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            "subscription_id",
            "99999999-0000-0000-0000-000000000000",
            "subscription 99999999-0000-0000-0000-000000000000",
        ),
        ("resource_group", "nowhere", "resource group nowhere"),
        ("workspace_name", "nothing", "workspace nothing"),
    ],
)
def test_what_of_the_workspace_is_not_there_is_named(
    azure: Emulator, tmp_path: Path, key: str, value: str, expected: str
):
    directory = azure.world.directory
    # Who has no role on a group is told that first.
    directory.assign(directory.person, "Reader", scope=f"/subscriptions/{azure.subscription_id}")

    checks = look(azure, site_of(azure, tmp_path), f"azure.{key}={value}")

    told = find(checks, "workspace")
    assert told.state == "missing"
    names(told.found, expected)
    assert find(checks, key).found == f"{value} (--set azure.{key})"


def test_somebody_without_any_role_is_told_what_they_may_not(azure: Emulator, tmp_path: Path):
    stranger = azure.world.directory.add_person("eve@example.org")

    told = find(look(azure, site_of(azure, tmp_path), principal=stranger), "workspace")

    assert told.state == "missing"
    names(told.found, "eve@example.org")
    names(told.todo, "AzureML Data Scientist", "workspace lab", "eve@example.org")


def test_a_workspace_without_public_network_is_told(azure: Emulator, tmp_path: Path):
    azure.world.workspace.public_network = False

    told = find(look(azure, site_of(azure, tmp_path)), "workspace")

    assert told.state == "unknown"
    names(told.found, "network")


def test_the_identity_is_there_and_is_the_right_one(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)
    other = "99999999-0000-0000-0000-000000000000"
    path = str(azure.world.directory.run_identity.path)

    wrong_id = find(look(azure, site, f"compute.identity_client_id={other}"), "identity")
    absent = look(azure, site, f"compute.identity={path}-2")
    none_given = look(azure, site_of(azure, tmp_path / "plain", "size: Standard_F4s_v2"))

    assert (wrong_id.state, wrong_id.todo) == (
        "missing",
        f"set compute.identity_client_id: {azure.world.directory.run_identity.client_id}",
    )
    names(find(absent, "identity").found, "hyperscale-run-2")
    assert missing(none_given) == [("the run's identity", "identity")]


def test_storage_accounts_are_looked_at(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)

    not_there = look(azure, site, "azure.storage_account=nosuchstore")
    other = look(azure, site, f"azure.storage_account={azure.other_account}")
    azure.disable_shared_keys()
    keyless = look(azure, site)

    assert find(not_there, "account nosuchstore").state == "unknown", "it may be in another subscription"
    assert missing(not_there) == [
        ("storage", "container hyperscale of nosuchstore"),
        ("storage", "queues of nosuchstore"),
    ]
    names(find(not_there, "queues of nosuchstore").found, "nosuchstore")
    assert "azure.storage_account" in find(not_there, "queues of nosuchstore").todo
    assert missing(other) == []
    names(find(other, "uses the store", "you").found, f"container hyperscale of {azure.other_account}")
    names(find(keyless, f"account {azure.storage_account}").found, "shared keys")
    assert missing(keyless) == []


def test_submit_says_what_is_wrong_with_the_storage_before_it_makes_anything(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)

    absent = site.run("submit", "--yes", "--set", "azure.storage_account=nosuchstore", code=5)
    azure.world.directory.remove(azure.world.directory.person, "Storage Queue Data Contributor")
    refused = site.run("submit", "--yes", code=5)

    line_names(absent.stderr, "nosuchstore")
    line_names(refused.stderr, "Storage Queue Data Contributor", azure.storage_account)
    assert not (site.folder / ".hyperscale").exists()
    assert {request.method for request in azure.requests} == {"GET"}


def test_existing_clusters_are_there_and_have_an_identity(azure: Emulator, tmp_path: Path, wording: Wording):
    identity = azure.world.directory.run_identity
    azure.world.add_compute("gpu-a", identity={"type": "UserAssigned", "userAssignedIdentities": {identity.path: {}}})
    azure.world.add_compute("bare")
    azure.world.add_compute("box", kind="ComputeInstance")
    directory = azure.world.directory
    directory.remove(directory.person)
    directory.assign(directory.person, "Reader", "AzureML Data Scientist")
    directory.assign(directory.person, "Storage Queue Data Contributor", "Storage Blob Data Contributor")
    site = site_of(azure, tmp_path, "existing: [gpu-a, bare, box, gone], control: {existing: gpu-a}")

    checks = look(azure, site)

    assert find(checks, "cluster gpu-a").state == "ok"
    names(find(checks, "cluster bare").found, "identity")
    names(find(checks, "cluster box").found, "ComputeInstance")
    names(find(checks, "cluster gone").found, "workspace")
    names(
        [find(checks, what).found for what in ("cluster bare", "cluster box", "cluster gone", "existing clusters")],
        "clusters",
    )
    wording([find(checks, what).found for what in ("cluster bare", "cluster box", "cluster gone", "existing clusters")])
    assert {check.what for check in checks if check.about == "you"} == {
        "login",
        "submits jobs",
        "uses queues",
        "uses the store",
    }
    assert find(checks, "uses queues", "the run's identity").state == "ok", "of the identity that gpu-a has"


def test_a_registered_environment_is_looked_for(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path, more="environment: {environment: 'azureml:digits:3'}\n")

    told = find(look(azure, site), "environment")

    assert told.state == "missing"
    names(told.found, "workspace", "azureml:digits:3")


def test_quota_is_enough_for_the_plan_or_the_shortfall_is_told(azure: Emulator, tmp_path: Path):
    enough = look(azure, site_of(azure, tmp_path))
    too_many = "parallelism.workers=1200"

    short = look(azure, site_of(azure, tmp_path, rows=2_000), too_many)
    broken = look(azure, site_of(azure, tmp_path), "input.csv=absent.csv")

    assert find(enough, "quota").state == "ok"
    assert find(short, "quota").state == "missing"
    assert "free" in find(short, "quota").found
    assert find(short, "quota").todo
    assert find(broken, "quota").state == "unknown"


def test_the_script_for_an_administrator_knows_who_is_logged_in_and_asks_azure_nothing(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)
    person = azure.world.directory.person

    known = site.run("doctor", "--print-setup", code=0).stdout
    azure.world.directory.logged_out.add(person.object_id)
    offline = site.run("doctor", "--print-setup", code=0).stdout

    assert f"PERSON_OBJECT_ID={person.object_id}\n" in known
    assert "PERSON_OBJECT_ID=${PERSON_OBJECT_ID:?fill in" in offline
    assert f"SUBSCRIPTION={azure.subscription_id}\n" in offline
    assert [request for request in azure.requests if request.host == "management.azure.com"] == []
    subprocess.run(["bash", "-n"], input=known, text=True, check=True, timeout=60)
