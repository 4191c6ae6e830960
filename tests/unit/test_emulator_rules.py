"""What the emulated Azure refuses, as the service is documented to, and what no correct client may do at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure_asker import Asker, cluster, pipeline
from emulator import Emulator, StorageService
from emulator.tokens import STORAGE

pytestmark = pytest.mark.tools

LONG_AGO_SECONDS = -10


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, storage_service: StorageService) -> Iterator[Emulator]:
    """An Azure for all tests of this module: each uses names of its own."""
    with Emulator(tmp_path_factory.mktemp("lab"), storage_service) as running:
        running.world.add_compute("there", max_nodes=1)
        yield running


@pytest.fixture(scope="module")
def ask(lab: Emulator) -> Asker:
    return Asker(lab)


# --- what is a mistake of the client


@pytest.mark.parametrize(
    ("method", "path", "version", "said"),
    [
        ("GET", "nonsense", "2024-04-01", "knows no such request"),
        ("PATCH", "computes/there", "2024-04-01", "knows no such request"),
        ("GET", "computes", "2019-01-01", "api-version '2019-01-01' is invalid"),
        ("GET", "computes", "", "api-version 'None' is invalid"),
        ("DELETE", "computes/there", "2024-04-01", "underlyingResourceAction"),
    ],
)
def test_a_request_that_azure_does_not_know_is_a_problem(
    lab: Emulator, ask: Asker, method: str, path: str, version: str, said: str
):
    with lab.expects_problem(said):
        answer = ask(method, path, version=version)

    assert answer.status in (400, 404)
    assert said in answer.document["error"]["message"]
    assert lab.problems == []


@pytest.mark.parametrize(
    ("token", "said"),
    [("", "invalid"), ("a.b.c", "invalid"), ("for storage", "not for https://management"), ("expired", "expiry")],
)
def test_a_token_that_is_not_good_is_a_problem(lab: Emulator, ask: Asker, token: str, said: str):
    person = lab.world.directory.person
    if token == "for storage":
        token = lab.tokens.make(person, STORAGE).text
    if token == "expired":
        lab.tokens.life_seconds, before = LONG_AGO_SECONDS, lab.tokens.life_seconds
        token = lab.tokens.make(person, "https://management.azure.com").text
        lab.tokens.life_seconds = before

    with lab.expects_problem(said):
        answer = ask("GET", "computes", token=token)

    assert answer.status == 401
    assert lab.problems == []


def test_a_problem_that_nobody_expects_fails_the_test(tmp_path: Path, storage_service: StorageService):
    from emulator import EmulatorError

    azure = Emulator(tmp_path / "own", storage_service)
    with pytest.raises(EmulatorError, match="knows no such request"), azure:
        Asker(azure)("GET", "nonsense")


def test_a_pipeline_without_the_second_token_is_a_problem(lab: Emulator, ask: Asker):
    with lab.expects_problem("x-azureml-token"):
        assert ask("PUT", "jobs/without-token", pipeline()).status == 401


# --- names, quota, places


@pytest.mark.parametrize("name", ["ab", "a" * 25, "1abc", "a_b", "hs-x-00", "a-b-", "-abc"])
def test_a_compute_has_a_name_by_the_rules(ask: Asker, name: str):
    answer = ask("PUT", f"computes/{name}", cluster())

    assert (answer.status, answer.code) == (400, "InvalidComputeName")


@pytest.mark.parametrize("name", ["abc", "a" * 24, "hs-x-c00", "A1-b2-c3"])
def test_a_compute_with_a_good_name_is_made_at_any_length(lab: Emulator, ask: Asker, name: str):
    assert ask("PUT", f"computes/{name}", cluster(nodes=(0, 1))).status == 201
    assert ask("DELETE", f"computes/{name}?underlyingResourceAction=Delete").status == 202
    assert name not in lab.world.computes


def test_the_name_of_a_compute_is_unique_in_its_region_over_all_workspaces(lab: Emulator, ask: Asker):
    lab.world.foreign_names.add(("westeurope", "taken"))

    assert ask.make_cluster("taken").code == "ComputeNameNotAvailable"
    assert ask.make_cluster("taken", location="eastus").status == 201


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": "Standard_Nothing"}, "InvalidVmSize"),
        ({"size": "Standard_DS11_v2"}, "InvalidVmSize"),
        ({"size": "Standard_NC6s_v3"}, "InvalidVmSize"),
        ({"size": "Standard_NC4as_T4_v3", "location": "northeurope"}, "ClusterCoreQuotaReached"),
        ({"location": "atlantis"}, "LocationNotSupported"),
        ({"identity": "/subscriptions/x/nobody"}, "FailedIdentityOperation"),
        ({"tags": {"long": "x" * 1001}}, "UserError"),
        ({"nodes": (60, 60)}, "ClusterCoreQuotaReached"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(ask: Asker, changes: dict[str, object], code: str):
    answer = ask.make_cluster("cannot-be", **changes)

    assert (answer.status, answer.code) == (400, code)


def test_low_priority_cores_of_all_families_come_out_of_one_quota_that_idle_nodes_use_up(azure: Emulator):
    ask = Asker(azure)

    assert ask.make_cluster("first", low_priority=True, nodes=(0, 99)).status == 201
    assert ask.make_cluster("second", size="Standard_D4s_v3", low_priority=True, nodes=(0, 1)).status == 201
    assert ask.make_cluster("third", low_priority=True).code == "ClusterCoreQuotaReached"
    assert ask.make_cluster("dedicated").status == 201
    assert ask("DELETE", "computes/first?underlyingResourceAction=Delete").status == 202
    assert ask.make_cluster("third", low_priority=True).status == 201
    assert used(ask, "totalLowPriorityCores") == (5 * 4, 400)


def used(ask: Asker, word: str) -> tuple[int, int]:
    path = f"/subscriptions/{ask.azure.subscription_id}/providers/Microsoft.MachineLearningServices"
    found = ask("GET", f"{path}/locations/westeurope/usages").document["value"]
    entry = next(entry for entry in found if word in entry["type"] or word in entry["name"]["value"])
    return entry["currentValue"], entry["limit"]


def test_what_other_workspaces_hold_counts_for_the_quota(azure: Emulator):
    ask = Asker(azure)
    quota = azure.world.catalogue.quotas["westeurope"]
    quota.used_elsewhere["standardFSv2Family"] = 197
    quota.clusters = 1

    assert used(ask, "FSv2") == (197, 200)
    assert ask.make_cluster("one").code == "ClusterCoreQuotaReached"
    assert ask.make_cluster("one", low_priority=True).status == 201
    assert ask.make_cluster("two", low_priority=True).code == "ClusterLimitExceeded"


def test_a_cluster_may_be_larger_than_its_quota_but_a_job_may_not(azure: Emulator):
    ask = Asker(azure)
    ask.make_cluster("large", nodes=(0, 100))

    answer = ask.submit("many", compute="large", resources={"instance_count": 51})

    assert (answer.status, answer.code) == (400, "JobNodeCountExceedsCoreQuota")


def test_the_size_of_a_cluster_never_changes(ask: Asker):
    assert ask.make_cluster("stays", nodes=(0, 1)).status == 201
    assert ask.make_cluster("stays", nodes=(0, 2)).status == 201, "changed, too"
    assert ask.make_cluster("stays", size="Standard_F8s_v2").status == 400


# --- jobs and assets


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("bad name", {}, "UserError"),
        ("on-nothing", {"compute": "nothing"}, "ComputeNotFound"),
        ("without-compute", {"compute": ""}, "UserError"),
        ("serverless", {"compute": "serverless", "identity": {"type": "managed", "client_id": "1"}}, "UserError"),
        ("component", {"componentId": "/x/components/none/versions/1"}, "NotFound"),
        ("environment", {"environmentId": "/x/environments/none/versions/1"}, "UserError"),
    ],
)
def test_a_job_that_cannot_be_is_refused(lab: Emulator, ask: Asker, name: str, changes: dict[str, object], code: str):
    answer = ask.submit(name.replace(" ", "%20"), **changes)

    assert (answer.status, answer.code) == (404 if code == "NotFound" else 400, code)
    assert name not in lab.world.jobs


#: What of each kind never changes, two values of it, and how the first comes back.
KEYS = {"codes": "codeUri", "environments": "image", "components": "componentSpec", "data": "dataUri"}
VALUES = dict.fromkeys(KEYS, ("one", "two")) | {"components": ({"command": "a"}, {"command": "b"})}
SHOWN = dict.fromkeys(KEYS, "one") | {"components": {"command": "a", "resources": {"instance_count": "1"}}}


@pytest.mark.parametrize("kind", ["codes", "environments", "components", "data"])
def test_a_registered_version_never_changes(ask: Asker, kind: str):
    path = f"{kind}/mine/versions/1"
    first, other = ({"properties": {KEYS[kind]: value}} for value in VALUES[kind])

    assert ask("GET", path).status == 404
    assert ask("PUT", path, first).status == 201
    assert ask("PUT", path, first).status == 200
    refused = ask("PUT", path, other)
    assert (refused.status, refused.code) == (400 if kind == "components" else 409, "UserError")
    assert ask("GET", path).document["properties"][KEYS[kind]] == SHOWN[kind]


def test_a_component_of_an_unknown_environment_is_refused(ask: Asker):
    specification = {"environment": "azureml:/subscriptions/x/environments/none/versions/1"}

    answer = ask("PUT", "components/lost/versions/1", {"properties": {"componentSpec": specification}})

    assert answer.status == 400


def test_lists_come_in_pages(azure: Emulator):
    ask = Asker(azure)
    azure.world.page_size = 2
    for number in range(5):
        azure.world.add_compute(f"c{number}x")

    path, names = "computes", []
    while path:
        page = ask("GET", path, version="" if "api-version" in path else "2024-04-01").document
        names += [entry["name"] for entry in page["value"]]
        path = page.get("nextLink", "").removeprefix("https://management.azure.com")

    assert names == [f"c{number}x" for number in range(5)]


# --- roles


def test_who_has_no_role_is_refused_and_told_so(lab: Emulator, ask: Asker):
    stranger = lab.world.directory.add_person("eve@example.org")

    answer = ask("GET", "", who=stranger)

    assert (answer.status, answer.code) == (403, "AuthorizationFailed")
    assert stranger.object_id in answer.document["error"]["message"]


def test_a_data_scientist_submits_and_makes_no_cluster(lab: Emulator, ask: Asker):
    person = lab.world.directory.add_person("bob@example.org")
    lab.world.directory.assign(person, "AzureML Data Scientist")

    assert ask("GET", "", who=person).status == 200
    assert ask("GET", "computes", who=person).status == 200
    assert ask.make_cluster("not-mine", who=person).status == 403
    assert ask("DELETE", "computes/there?underlyingResourceAction=Delete", who=person).status == 403
    assert ask("PUT", "data/d/versions/1", {"properties": {}}, who=person).status == 201


def test_who_may_not_assign_an_identity_makes_no_cluster_with_it(lab: Emulator, ask: Asker):
    person = lab.world.directory.add_person("carol@example.org")
    lab.world.directory.assign(person, "AzureML Compute Operator")
    identity = str(lab.world.directory.run_identity.path)

    refused = ask.make_cluster("with-identity", who=person, identity=identity, nodes=(0, 1))
    lab.world.directory.assign(person, "Managed Identity Operator")
    made = ask.make_cluster("with-identity", who=person, identity=identity, nodes=(0, 1))

    assert (refused.status, refused.code) == (403, "LinkedAuthorizationFailed")
    assert made.status == 201


def test_who_may_not_join_a_subnet_makes_no_cluster_in_it(lab: Emulator, ask: Asker):
    person = lab.world.directory.add_person("dora@example.org")
    lab.world.directory.assign(person, "AzureML Compute Operator")
    network = f"{lab.world.workspace.group_path}/providers/Microsoft.Network/virtualNetworks/net"
    document = cluster()
    document["properties"]["properties"]["subnet"] = {"id": f"{network}/subnets/nodes"}

    refused = ask("PUT", "computes/in-net", document, who=person)
    lab.world.directory.assign(person, "Network Contributor", scope=network)
    made = ask("PUT", "computes/in-net", document, who=person)

    assert (refused.status, refused.code) == (403, "LinkedAuthorizationFailed")
    assert made.status == 201


def test_quota_is_seen_with_a_role_on_the_subscription_and_not_with_one_on_the_workspace(lab: Emulator, ask: Asker):
    person = lab.world.directory.add_person("finn@example.org")
    path = (
        f"/subscriptions/{lab.subscription_id}/providers/Microsoft.MachineLearningServices/locations/westeurope/usages"
    )
    lab.world.directory.assign(person, "AzureML Data Scientist", scope=lab.world.workspace.path)

    assert ask("GET", path, who=person).status == 403
    lab.world.directory.assign(person, "Reader", scope=f"/subscriptions/{lab.subscription_id}")
    assert ask("GET", path, who=person).status == 200


def test_what_the_workspace_may_have_is_a_limit_of_its_own(lab: Emulator, ask: Asker):
    own = lab.world.catalogue.quotas["northeurope"].workspace_cores
    own["standardFSv2Family"] = 8

    first = ask.make_cluster("ownone", location="northeurope", nodes=(2, 2))
    second = ask.make_cluster("owntwo", location="northeurope", nodes=(1, 1))
    path = (
        f"/subscriptions/{lab.subscription_id}/providers/Microsoft.MachineLearningServices/locations/northeurope/usages"
    )
    rows = [row for row in ask("GET", path).document["value"] if "/workspaces/" in row["id"]]

    assert (first.status, second.status, second.code) == (201, 400, "ClusterCoreQuotaReached")
    assert [(row["limit"], row["currentValue"], row["type"].rpartition(".")[2]) for row in rows] == [
        (8, 8, "MachineLearningServices/workspaces/usages")
    ]


def test_roles_are_listed_by_principal(lab: Emulator, ask: Asker):
    identity = lab.world.directory.run_identity
    scope = lab.world.workspace.storage_path
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"

    listed = ask("GET", f"{path}?$filter=assignedTo('{identity.object_id}')", version="2022-04-01").document["value"]
    ids = {entry["properties"]["roleDefinitionId"].rpartition("/")[2] for entry in listed}

    assert "ba92f5b4-2d11-453d-a403-e96b0029c9fe" in ids  # Storage Blob Data Contributor
    assert {entry["properties"]["principalId"] for entry in listed} == {identity.object_id}


@pytest.mark.parametrize(
    ("path", "version", "key"),
    [
        ("providers/Microsoft.Storage/storageAccounts/{account}", "2023-01-01", "allowSharedKeyAccess"),
        ("providers/Microsoft.ContainerRegistry/registries/labimages", "2023-07-01", "loginServer"),
        ("providers/Microsoft.KeyVault/vaults/lab-vault", "2023-07-01", "vaultUri"),
        ("providers/Microsoft.ManagedIdentity/userAssignedIdentities/hyperscale-run", "2023-01-31", "principalId"),
    ],
)
def test_the_neighbours_of_the_workspace_are_there(lab: Emulator, ask: Asker, path: str, version: str, key: str):
    group = lab.world.workspace.group_path
    known = path.format(account=lab.storage_account)

    assert key in ask("GET", f"{group}/{known}", version=version).document["properties"]
    missing = ask("GET", f"{group}/{path.rpartition('/')[0]}/missing", version=version)
    assert (missing.status, missing.code) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/subscriptions/99999999-0000-0000-0000-000000000000", "SubscriptionNotFound"),
        ("{subscription}/resourceGroups/science/providers/{kind}/other", "ResourceNotFound"),
    ],
)
def test_what_does_not_exist_is_said_to_be_missing(lab: Emulator, ask: Asker, path: str, code: str):
    kind = "Microsoft.MachineLearningServices/workspaces"
    whole = path.format(subscription=f"/subscriptions/{lab.subscription_id}", kind=kind)
    version = "2022-12-01" if whole.count("/") == 2 else "2024-04-01"

    answer = ask("GET", whole, version=version)

    assert (answer.status, answer.code) == (404, code)


def test_a_body_that_resource_manager_does_not_read_is_refused(lab: Emulator, ask: Asker):
    answer = ask.submit("large", environment_variables={"WORDS": "x" * 4 * 1024 * 1024})

    assert (answer.status, answer.code) == (413, "RequestContentTooLarge")
    assert lab.problems == []
