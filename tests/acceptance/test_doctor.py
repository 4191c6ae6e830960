"""`doctor` names what is missing, and only that: each thing is taken away from an emulated Azure, one by one."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure_site import AzureSite
from emulator.principals import Role
from wordings import Wording, line_names, names

from hyperscale.control.doctor.checks import Check, exit_code
from hyperscale.control.doctor.examining import examine
from hyperscale.control.doctor.identities import BOTH, CONSUMERS, CONTROL
from hyperscale.control.doctor.role_needs import WORKSPACE, needs_of
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


def test_each_role_of_the_table_is_enough_and_is_missed_when_it_is_taken_away(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path, activity="secrets: {KEY: 'https://lab-vault.vault.azure.net/secrets/key'}")
    directory = azure.world.directory
    person, consumers, control = directory.person, directory.run_identity, directory.control_identity
    queues, container = f"queues of {azure.storage_account}", f"container hyperscale of {azure.storage_account}"
    assert missing(look(azure, site)) == []
    gives = ("you", "gives the identity to clusters")
    table = (
        (person, "Reader", [("you", "sees quota and sizes")]),
        (person, "AzureML Data Scientist", [("you", "submits jobs")]),
        (person, "AzureML Compute Operator", [("you", "makes and deletes clusters")]),
        (person, "Managed Identity Operator", [gives, gives]),
        (person, "Storage Queue Data Contributor", [("you", "uses queues"), ("storage", queues)]),
        (person, "Storage Blob Data Contributor", [("you", "uses the store"), ("storage", container)]),
        (consumers, "Storage Queue Data Contributor", [(CONSUMERS, "uses queues")]),
        (consumers, "Storage Blob Data Contributor", [(CONSUMERS, "uses the store")]),
        (consumers, "AcrPull", [(CONSUMERS, "pulls images")]),
        (consumers, "Key Vault Secrets User", [(CONSUMERS, "reads secrets")]),
        (control, "AzureML Data Scientist", [(CONTROL, "watches and cancels jobs")]),
        (control, "AzureML Compute Operator", [(CONTROL, "deletes the run's clusters")]),
        (control, "Storage Queue Data Contributor", [(CONTROL, "uses queues")]),
        (control, "Storage Blob Data Contributor", [(CONTROL, "uses the store")]),
        (control, "AcrPull", [(CONTROL, "pulls images")]),
    )
    before = list(directory.assignments)

    for principal, role, expected in table:
        directory.remove(principal, role)
        checks = look(azure, site)
        directory.assignments[:] = before

        assert missing(checks) == expected, role
        assert exit_code(checks) == 5
        told = next(check for check in checks if (check.about, check.what) == expected[0])
        assert role in told.todo


def test_a_custom_role_that_allows_the_same_counts(azure: Emulator, tmp_path: Path):
    directory, site = azure.world.directory, site_of(azure, tmp_path)
    needs = [need for need in needs_of(load_experiment(site.file).experiment) if need.kind == WORKSPACE]
    for whose, principal in (("person", directory.person), ("control", directory.control_identity)):
        directory.remove(principal, "AzureML Data Scientist", "AzureML Compute Operator")
        actions = tuple(action for need in needs if need.whose == whose for action in need.custom_actions)
        directory.roles[whose] = Role(whose, str(uuid.uuid4()), actions)
        directory.assign(principal, whose)

    checks = look(azure, site)

    assert missing(checks) == []
    names(find(checks, "watches and cancels jobs").found, "workspace lab", "by control")


def test_who_may_not_read_roles_is_told_of_their_own_and_that_those_of_others_are_unknown(
    azure: Emulator, tmp_path: Path
):
    directory = azure.world.directory
    directory.remove(directory.person, "Reader", "Storage Queue Data Contributor")

    checks = look(azure, site_of(azure, tmp_path))

    assert find(checks, "submits jobs").state == "ok"
    assert find(checks, "identity", CONSUMERS).state == "ok", "by the role that lets clusters have it"
    assert find(checks, "uses queues", CONTROL).state == "unknown"
    assert find(checks, f"container hyperscale of {azure.storage_account}").state == "ok", "what was tried is known"
    queues = ("storage", f"queues of {azure.storage_account}")
    assert missing(checks) == [("you", "sees quota and sizes"), ("you", "uses queues"), queues]


def test_a_role_of_the_subscription_counts_and_owner_has_no_data(azure: Emulator, tmp_path: Path):
    directory = azure.world.directory
    directory.remove(directory.person)
    directory.assign(directory.person, "Owner", scope=f"/subscriptions/{azure.subscription_id}")

    checks = look(azure, site_of(azure, tmp_path))

    names(find(checks, "submits jobs").found, "workspace lab", "Owner")
    assert {what for about, what in missing(checks) if about == "you"} == {"uses queues", "uses the store"}


def test_a_workspace_without_keys_takes_roles_on_its_own_storage(azure: Emulator, tmp_path: Path):
    directory, site = azure.world.directory, site_of(azure, tmp_path)
    azure.disable_shared_keys()

    lacking = missing(look(azure, site))
    for container in ("workspaceblobstore", "workspaceartifactstore"):
        path = azure.world.workspace.container_path(azure.datastore_container(container))
        directory.assign_to_all("Storage Blob Data Contributor", path)
    enough = missing(look(azure, site))

    own = "uses the workspace's own storage"
    assert lacking == [(about, own) for about in ("you", CONSUMERS, CONTROL) for _ in range(2)]
    assert enough == []


def test_clusters_in_a_network_take_rights_on_it(azure: Emulator, tmp_path: Path):
    directory, site = azure.world.directory, site_of(azure, tmp_path)
    network = "compute.network={vnet_name: ml-net, subnet: nodes}"
    path = f"{azure.world.workspace.group_path}/providers/Microsoft.Network/virtualNetworks/ml-net"

    lacking = look(azure, site, network)
    refused = site.run("submit", "--yes", "--set", network, code=5)
    directory.assign(directory.person, "Network Contributor", scope=path)
    enough = look(azure, site, network)

    assert missing(lacking) == [("you", "puts clusters into the network")]
    names(find(lacking, "puts clusters into the network").todo, "Network Contributor", "ml-net")
    line_names(refused.stderr, "Network Contributor", "ml-net")
    assert not (site.folder / ".hyperscale").exists()
    assert missing(enough) == []


def test_a_run_without_an_identity_is_refused_before_anybody_is_asked(
    azure: Emulator, tmp_path: Path, wording: Wording
):
    site = site_of(azure, tmp_path, "size: Standard_F4s_v2")

    for words in (("submit", "--yes"), ("plan", "--azure"), ("trial", "--azure", "--yes")):
        refused = site.run(*words, code=5)
        line_names(refused.stderr, "no compute.identity", "neither queue nor store")
    existing = site_of(azure, tmp_path / "existing", "existing: [gpu-a]")
    line_names(existing.run("plan", "--azure", code=5).stderr, "no compute.control.identity", "seed and teardown")

    wording([line for line in refused.stderr.splitlines() if line.lstrip().startswith(("error", "hint"))])
    assert azure.requests == []
    assert not (site.folder / ".hyperscale").exists()


def test_a_run_whose_identity_lacks_a_role_is_refused_and_one_whose_roles_nobody_sees_is_not(
    azure: Emulator, tmp_path: Path
):
    directory, site = azure.world.directory, site_of(azure, tmp_path)
    directory.remove(directory.run_identity, "Storage Queue Data Contributor")

    refused = site.run("submit", "--yes", code=5)
    directory.remove(directory.person, "Reader")
    places = tuple(f"Microsoft.MachineLearningServices/locations/{what}/read" for what in ("usages", "vmSizes"))
    directory.roles["sees quota"] = Role("sees quota", str(uuid.uuid4()), places)
    directory.assign(directory.person, "sees quota", scope=f"/subscriptions/{azure.subscription_id}")
    unseen = site.run("plan", "--azure", code=0)

    line_names(refused.stderr, "identity of consumers", "Storage Queue Data Contributor", azure.storage_account)
    line_names(refused.stderr, "hint", "hyperscale-run", "--print-setup")
    assert not (site.folder / ".hyperscale").exists()
    assert {request.method for request in azure.requests} == {"GET"}
    assert "Plan: 1 cluster" in unseen.stdout


def test_one_identity_for_all_nodes_works_and_its_meaning_is_told(azure: Emulator, tmp_path: Path):
    directory = azure.world.directory
    both = directory.control_identity
    site = site_of(azure, tmp_path, f"identity: {both.path}, identity_client_id: {both.client_id}")

    checks = look(azure, site)

    assert missing(checks) == []
    assert {check.about for check in checks} >= {BOTH, CONSUMERS}
    told = find(checks, "one for all", BOTH)
    names([told.found, told.todo], "your code", "delete clusters", "compute.control.identity")
    assert [check.state for check in checks if (check.about, check.what) == (BOTH, "uses queues")] == ["ok"]


def test_serverless_steps_have_an_identity_of_the_workspace_or_none(azure: Emulator, tmp_path: Path):
    directory = azure.world.directory
    site = site_of(azure, tmp_path, "serverless: true, control: {serverless: true}")

    none = look(azure, site)
    azure.world.workspace.identities.append(directory.run_identity)
    one = look(azure, site)
    azure.world.workspace.identities.append(directory.control_identity)
    two = look(azure, site)
    named = look(
        azure,
        site,
        f"compute.identity_client_id={directory.run_identity.client_id}",
        f"compute.control.identity_client_id={directory.control_identity.client_id}",
    )

    assert missing(none) == [(CONSUMERS, "serverless"), (CONTROL, "serverless")]
    assert (CONTROL, "serverless") not in missing(one)
    assert (BOTH, "watches and cancels jobs") in missing(one), "one identity does all, and lacks the roles of control"
    assert [find(two, "serverless", about).state for about in (CONSUMERS, CONTROL)] == ["unknown", "unknown"]
    assert missing(named) == []


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


def test_the_identities_are_there_and_are_the_right_ones(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)
    other = "99999999-0000-0000-0000-000000000000"
    paths = [str(one.path) for one in (azure.world.directory.run_identity, azure.world.directory.control_identity)]

    for about, key, path in ((CONSUMERS, "compute", paths[0]), (CONTROL, "compute.control", paths[1])):
        wrong_id = find(look(azure, site, f"{key}.identity_client_id={other}"), "identity", about)
        absent = find(look(azure, site, f"{key}.identity={path}-2"), "identity", about)

        right = azure.client_id(path)
        assert (wrong_id.state, wrong_id.todo) == ("missing", f"set {key}.identity_client_id: {right}")
        names(absent.found, f"{path.rpartition('/')[2]}-2")
        assert absent.state == "missing"
    none_given = look(azure, site_of(azure, tmp_path / "plain", "size: Standard_F4s_v2"))
    assert missing(none_given) == [(CONSUMERS, "identity")]


def test_storage_accounts_are_looked_at(azure: Emulator, tmp_path: Path):
    site = site_of(azure, tmp_path)

    not_there = look(azure, site, "azure.storage_account=nosuchstore")
    account = f"{azure.world.workspace.storage_path.rpartition('/')[0]}/{azure.other_account}"
    azure.world.directory.assign_to_all("Storage Blob Data Contributor", account)
    azure.world.directory.assign_to_all("Storage Queue Data Contributor", account)
    other = look(azure, site, f"azure.storage_account={azure.other_account}")
    azure.world.shared_keys = False
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
    directory.remove(directory.person, "AzureML Compute Operator", "Managed Identity Operator")
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
        "sees quota and sizes",
        "submits jobs",
        "uses queues",
        "uses the store",
    }
    assert find(checks, "uses queues", BOTH).state == "ok", "of the identity that gpu-a has"


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


def test_a_limit_of_the_workspace_itself_counts(azure: Emulator, tmp_path: Path):
    azure.world.catalogue.quotas[azure.location].workspace_cores["standardFSv2Family"] = 3

    short = find(look(azure, site_of(azure, tmp_path)), "quota")

    assert short.state == "missing"
    names(short.found, "dedicated cores of standardFSv2Family in this workspace", "3 in westeurope")
    names(short.todo, "in this workspace", "a limit of 4")


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
