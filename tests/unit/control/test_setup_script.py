"""The script for an administrator: bash takes it, values stay values, and each line says what it gives."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from experiments import make_experiment

from hyperscale.control.azure.session import Person
from hyperscale.control.doctor.setup_script import setup_script
from hyperscale.experiment import Experiment

PERSON = Person("ada@example.org", "aaaaaaaa-0000-0000-0000-000000000000", "tenant", "User")
AZURE = {"subscription_id": "s-1", "resource_group": "my (group)", "workspace_name": "lab"}
IDENTITY = (
    "/subscriptions/s-2/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hyperscale-run"
)
#: Notes its arguments (of a file its text), and answers a query with its name. With ABSENT, there is no identity yet.
STUB = """#!/usr/bin/env bash
for word in "$@"; do
  if [[ "$word" == /*.json ]]; then tr -d '\\n' <"$word"; else printf '%s' "$word"; fi
  printf '\\t'
done >>"$LOG"
printf '\\n' >>"$LOG"
if [ -n "${ABSENT:-}" ] && [ "$1 $2" = "identity show" ] && [[ "$*" == *"--output none"* ]]; then exit 3; fi
kind=$1
while [ $# -gt 0 ]; do
  if [ "$1" = --name ] && [ "$kind" = identity ]; then name="-$2"; fi
  if [ "$1" = --query ] && [ "$2" = properties.systemDatastoresAuthMode ]; then echo "${AUTH_MODE:-AccessKey}"
  elif [ "$1" = --query ]; then echo "ID-OF-$kind-$2${name:-}"; fi
  shift
done
"""


def run(script: str, folder: Path, **variables: str) -> list[list[str]]:
    """Execute `script` with an `az` that only notes what it is called with; return that."""
    log, program = folder / "az.log", folder / "bin" / "az"
    program.parent.mkdir(parents=True)
    program.write_text(STUB)
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "LOG": str(log), **variables}
    subprocess.run(["bash"], input=script, env=environment, text=True, check=True, capture_output=True, timeout=60)
    return [line.split("\t")[:-1] for line in log.read_text().splitlines()]


def option(call: list[str], name: str) -> str:
    return call[call.index(f"--{name}") + 1]


def roles(calls: list[list[str]]) -> list[tuple[str, str, str]]:
    return [
        (option(call, "role"), option(call, "assignee-object-id"), option(call, "scope"))
        for call in calls
        if call[:3] == ["role", "assignment", "create"]
    ]


def full_experiment() -> Experiment:
    return make_experiment(
        azure=AZURE,
        compute={"identity": IDENTITY},
        environment={"image": "images.azurecr.io/digits:1"},
        activity={"entry": "a:b", "secrets": {"KEY": "https://my-vault.vault.azure.net/secrets/key"}},
    )


WORKSPACE = "/subscriptions/s-1/resourceGroups/my (group)/providers/Microsoft.MachineLearningServices/workspaces/lab"
IDENTITIES = ("ID-OF-identity-principalId-hyperscale-run", "ID-OF-identity-principalId-hyperscale-control")


def test_each_role_is_assigned_at_the_narrowest_scope(tmp_path: Path):
    consumers, control = IDENTITIES
    person = PERSON.object_id
    account, container = "ID-OF-storage-id", "ID-OF-storage-id/blobServices/default/containers/hyperscale"
    registry = "ID-OF-resource-properties.containerRegistry"

    calls = run(setup_script(full_experiment(), PERSON), tmp_path)

    assert roles(calls) == [
        ("Storage Queue Data Contributor", consumers, account),
        ("Storage Blob Data Contributor", consumers, container),
        ("AcrPull", consumers, "ID-OF-acr-id"),
        ("Key Vault Secrets User", consumers, "ID-OF-keyvault-id"),
        ("AcrPull", consumers, registry),
        ("AzureML Data Scientist", control, WORKSPACE),
        ("AzureML Compute Operator", control, WORKSPACE),
        ("Storage Queue Data Contributor", control, account),
        ("Storage Blob Data Contributor", control, container),
        ("AcrPull", control, registry),
        ("Reader", person, "/subscriptions/s-1"),
        ("AzureML Data Scientist", person, WORKSPACE),
        ("AzureML Compute Operator", person, WORKSPACE),
        ("Storage Queue Data Contributor", person, account),
        ("Storage Blob Data Contributor", person, container),
        ("Managed Identity Operator", person, "ID-OF-identity-id-hyperscale-run"),
        ("Managed Identity Operator", person, "ID-OF-identity-id-hyperscale-control"),
    ]


def test_a_workspace_without_keys_has_roles_on_its_own_storage_assigned(tmp_path: Path):
    calls = run(setup_script(full_experiment(), PERSON), tmp_path, AUTH_MODE="Identity")

    own = [(role, who) for role, who, scope in roles(calls) if scope == "ID-OF-resource-properties.storageAccount"]
    assert own == [("Storage Blob Data Contributor", who) for who in (*IDENTITIES, PERSON.object_id)]


def test_custom_roles_take_the_place_of_broad_ones(tmp_path: Path):
    network = {"vnet_name": "/subscriptions/s-3/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/net"}
    experiment = make_experiment(azure=AZURE, compute={"network": {**network, "subnet": "nodes"}})

    broad = roles(run(setup_script(experiment, PERSON), tmp_path / "broad"))
    calls = run(setup_script(experiment, PERSON, custom_roles=True), tmp_path / "custom")

    assert ("Network Contributor", PERSON.object_id, network["vnet_name"]) in broad
    built_in = {
        "Storage Queue Data Contributor",
        "Storage Blob Data Contributor",
        "AcrPull",
        "Managed Identity Operator",
    }
    custom = [(role, scope) for role, _, scope in roles(calls) if role not in built_in]
    where = "(my (group) in s-1)"
    assert custom == [
        (f"hyperscale runs seed and teardown {where}", WORKSPACE),
        (f"hyperscale sees quota {where}", "/subscriptions/s-1"),
        (f"hyperscale submits jobs {where}", WORKSPACE),
        (f"hyperscale joins the network {where}", network["vnet_name"]),
    ]
    defined = [
        json.loads(option(call, "role-definition"))
        for call in calls
        if call[:2] == ["role", "definition"] and "--role-definition" in call
    ]
    by_name = {each["Name"].removesuffix(f" {where}"): each for each in defined}
    assert set(by_name) == {role.removesuffix(f" {where}") for role, _ in custom}
    ml = "Microsoft.MachineLearningServices/workspaces"
    assert by_name["hyperscale runs seed and teardown"]["Actions"] == [
        f"{ml}/read",
        f"{ml}/jobs/*",
        f"{ml}/computes/read",
        f"{ml}/computes/delete",
    ]
    assert {tuple(each["AssignableScopes"]) for each in defined} == {("/subscriptions/s-1",)}


def test_an_identity_that_is_there_is_kept_and_else_made(tmp_path: Path):
    script = setup_script(full_experiment(), PERSON)

    kept, made = run(script, tmp_path / "there"), run(script, tmp_path / "gone", ABSENT="yes")

    assert [call for call in kept if call[:2] == ["identity", "create"]] == []
    created = [call for call in made if call[:2] == ["identity", "create"]]
    assert [[option(call, name) for name in ("subscription", "resource-group", "name")] for call in created] == [
        ["s-2", "ids", "hyperscale-run"],
        ["s-1", "my (group)", "hyperscale-control"],
    ]


def test_the_container_is_made_in_the_account_of_the_workspace(tmp_path: Path):
    calls = run(setup_script(full_experiment(), PERSON), tmp_path)

    looked_up = next(call for call in calls if "properties.storageAccount" in call)
    made = next(call for call in calls if call[:3] == ["storage", "container-rm", "create"])
    assert option(looked_up, "ids").endswith("/workspaces/lab")
    assert option(made, "name") == "hyperscale"


def test_what_is_not_known_has_to_be_filled_in(tmp_path: Path):
    script = setup_script(make_experiment(), None)

    stopped = subprocess.run(["bash"], input=script, text=True, capture_output=True, timeout=60, check=False)
    given = {"SUBSCRIPTION": "s", "RESOURCE_GROUP": "g", "WORKSPACE": "w", "PERSON_OBJECT_ID": "p"}
    calls = run(script, tmp_path, **given)

    assert stopped.returncode != 0
    assert "fill in the id of the subscription" in stopped.stderr
    assert ("AzureML Data Scientist", "p") in [(role, who) for role, who, _ in roles(calls)]
    assert ("Managed Identity Operator", "p") in [(role, who) for role, who, _ in roles(calls)]


@pytest.mark.parametrize("name", ["$(touch hacked)", "`touch hacked`", "'; touch hacked; '", '" && touch hacked; "'])
def test_no_value_is_executed(tmp_path: Path, name: str):
    experiment = make_experiment(azure={**AZURE, "resource_group": name})

    calls = run(setup_script(experiment, PERSON), tmp_path)

    assert not list(tmp_path.rglob("hacked"))
    assert not Path("hacked").exists()
    assert any(f"/resourceGroups/{name}/" in scope for _, _, scope in roles(calls))


def test_existing_clusters_need_no_right_to_make_any(tmp_path: Path):
    experiment = make_experiment(azure=AZURE, compute={"existing": ["gpu-a"], "control": {"existing": "cpu"}})

    assigned = roles(run(setup_script(experiment, PERSON), tmp_path))

    assert "AzureML Compute Operator" not in {role for role, _, _ in assigned}
    assert "Managed Identity Operator" not in {role for role, _, _ in assigned}
