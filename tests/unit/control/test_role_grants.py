"""Whether roles suffice is decided by what they allow; what cannot be read is unknown, and never missing."""

from __future__ import annotations

import pytest
from experiments import make_experiment
from wordings import Wording, names

from hyperscale.control.doctor.checks import Check, check_lines, exit_code, last_line
from hyperscale.control.doctor.role_grants import Grant, Permission, is_at_or_below, judge, role_of
from hyperscale.control.doctor.role_needs import IDENTITY, Need, image_registry, needs_of, vaults

ML = "Microsoft.MachineLearningServices/workspaces"
COMPUTES = Need("person", "AzureML Compute Operator", "workspace", "", (f"{ML}/computes/read", f"{ML}/computes/delete"))
BLOBS = Need("consumers", "Blob", "container", "", data_actions=("Microsoft.Storage/storageAccounts/x/blobs/write",))
ASSIGN = Need("person", "", IDENTITY, "", ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",))


def grant(
    *actions: str, role: str = "role", without: tuple[str, ...] = (), data: tuple[str, ...] = (), **more
) -> Grant:
    return Grant(role, (Permission(actions, without, data),), **more)


@pytest.mark.parametrize(
    ("need", "grants", "expected"),
    [
        (COMPUTES, [], ("missing", "")),
        (COMPUTES, None, ("unknown", "login")),
        (COMPUTES, [grant("*", role="Owner")], ("ok", "Owner")),
        (BLOBS, [grant("*", role="Owner")], ("missing", "")),
        (BLOBS, [grant(data=("Microsoft.Storage/*/blobs/*",), role="Data")], ("ok", "Data")),
        (COMPUTES, [grant(f"{ML}/computes/*", role="custom")], ("ok", "custom")),
        (COMPUTES, [grant(f"{ML}/COMPUTES/*", role="custom")], ("ok", "custom")),
        (COMPUTES, [grant("*/read")], ("missing", "")),
        (COMPUTES, [grant("*/read"), grant(f"{ML}/computes/delete")], ("ok", "roles")),
        (
            COMPUTES,
            [grant(f"{ML}/*/read", f"{ML}/*/delete", without=(f"{ML}/computes/*/delete",))],
            ("missing", ""),
        ),
        # What one role takes back, another may give.
        (COMPUTES, [grant("*", without=("*/delete",)), grant("*/delete")], ("ok", "roles")),
        (COMPUTES, [grant("*", role="Owner", conditional=True)], ("unknown", "Owner")),
        (COMPUTES, [grant("other/*", conditional=True)], ("missing", "")),
        (COMPUTES, [Grant("custom", None)], ("unknown", "custom")),
        (COMPUTES, [Grant("custom", None), grant("*", role="Owner")], ("ok", "Owner")),
        (ASSIGN, [grant("Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action")], ("ok", "role")),
    ],
)
def test_roles_are_judged(need: Need, grants: list[Grant] | None, expected: tuple[str, str], wording: Wording):
    state, found = judge(need, grants)

    assert state == expected[0]
    names(found, expected[1])
    wording(found)


def test_a_role_is_read_from_its_definition():
    parts = {"actions": ["a"], "notActions": ["b"], "dataActions": None}

    name, permissions = role_of({"properties": {"roleName": "custom", "permissions": [parts]}})

    assert (name, permissions) == ("custom", (Permission(("a",), ("b",), (), ()),))


def roles_of(whose: str, *, by_identity: bool = False, **parts: object) -> list[str]:
    needs = needs_of(make_experiment(**parts), by_identity=by_identity)
    return [need.role for need in needs if need.whose == whose]


def test_needs_are_those_of_the_experiment():
    one = "/subscriptions/s/userAssignedIdentities/i"
    own = {"compute": {"identity": one}}
    two = {"compute": {"identity": one, "control": {"identity": f"{one}-2"}}}
    existing = {"compute": {"existing": ["gpu-a"], "control": {"existing": "cpu"}}}
    control_made = {"compute": {"existing": ["gpu-a"], "identity": one}}
    network = {"compute": {"network": {"vnet_name": "n", "subnet": "s"}}}
    data = ["Storage Queue Data Contributor", "Storage Blob Data Contributor"]
    operator, science, gives = "AzureML Compute Operator", "AzureML Data Scientist", "Managed Identity Operator"

    assert roles_of("person", **own) == ["Reader", science, operator, gives, *data]
    assert roles_of("person", **two) == ["Reader", science, operator, gives, gives, *data]
    assert roles_of("person", **existing) == ["Reader", science, *data]
    assert roles_of("person", **control_made) == ["Reader", science, operator, gives, *data], "of the control cluster"
    assert roles_of("person", **network) == ["Reader", science, operator, "Network Contributor", *data]
    assert roles_of("control", **own) == [science, operator, *data]
    assert roles_of("control", **existing) == roles_of("control", **control_made) == [science, *data]
    for parts in (own, two, existing):
        assert roles_of("consumers", **parts) == data, "and no right of Resource Manager"
    assert roles_of("consumers", by_identity=True) == [*data, data[1]]


@pytest.mark.parametrize("whose", ["person", "control"])
def test_a_custom_role_allows_what_is_needed_and_does_not_delete_jobs_assets_or_workspaces(whose: str):
    needs = [need for need in needs_of(make_experiment()) if (need.whose, need.kind) == (whose, "workspace")]

    role = grant(*(action for need in needs for action in need.custom_actions))

    assert [judge(need, [role])[0] for need in needs] == ["ok"] * len(needs)
    never = ["delete", "write", "listKeys/action", "datastores/write", "computes/listKeys/action"]
    never += ["computes/write", "components/versions/write", "datastores/listSecrets/action"] * (whose == "control")
    for action in never:
        assert judge(Need("person", "", "workspace", "", (f"{ML}/{action}",)), [role])[0] == "missing", action


def test_what_is_assigned_above_holds_below_and_not_beside():
    container = "/subscriptions/S/resourceGroups/g/providers/P/storageAccounts/one/blobServices/default/containers/x"

    above = ["/subscriptions/s", "/", "/providers/Microsoft.Management/managementGroups/m", container.lower()]
    assert all(is_at_or_below(container, scope) for scope in (*above, container.partition("/blobServices")[0]))
    assert not is_at_or_below(container, "/subscriptions/s/resourceGroups/g2")
    assert not is_at_or_below(container, f"{container}y")
    assert not is_at_or_below(container.partition("/blobServices")[0], container)


def test_registries_and_vaults_that_an_experiment_names_are_found():
    url = "https://{}.vault.azure.net/secrets/key"
    experiment = make_experiment(
        environment={"image": "myImages.azurecr.io/team/digits:3"},
        activity={"entry": "a:b", "secrets": {"A": url.format("one"), "B": url.format("two"), "C": url.format("one")}},
    )

    assert image_registry(experiment) == "myimages"
    assert vaults(experiment) == ("one", "two")
    assert image_registry(make_experiment()) is None
    assert [need.name for need in needs_of(experiment) if need.name] == ["myimages", "one", "two"]


def test_checks_stand_under_their_headings_in_order(wording: Wording):
    checks = [
        Check("you", "login", "ok", "ada"),
        Check("storage", "account", "missing", "there is none", "make it"),
        Check("you", "uses queues", "unknown", "perhaps"),
    ]

    names(check_lines(checks), "missing  account", "make it")
    wording(check_lines(checks))


@pytest.mark.parametrize(
    ("states", "code", "counts"),
    [
        (["ok", "ok"], 0, (2,)),
        (["ok", "unknown"], 0, ("1 of 2", "0 missing", 1)),
        (["missing", "unknown"], 5, ("0 of 2", "1 missing", 1)),
    ],
)
def test_only_what_is_missing_is_an_error(states: list[str], code: int, counts: tuple[object, ...], wording: Wording):
    checks = [Check("you", "x", state, "") for state in states]  # type: ignore[arg-type]

    assert exit_code(checks) == code
    names(last_line(checks), *counts)
    wording(last_line(checks))


def test_who_registers_results_may_write_data_assets() -> None:
    registers = make_experiment(output={"register": {"name": "tables"}})
    data = "Microsoft.MachineLearningServices/workspaces/data/versions/write"

    assert [need.whose for need in needs_of(registers) if data in need.actions] == ["control"]
    assert not [need for need in needs_of(make_experiment()) if data in need.actions]
