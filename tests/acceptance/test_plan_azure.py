"""`plan --azure`, and plans that are saved, as a user meets them: against an emulated Azure, and nothing is made."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure_site import AzureSite
from wordings import Wording, line_names, names

if TYPE_CHECKING:
    from emulator import Emulator

LOW = ("--set", "compute.tier=low_priority")


@pytest.fixture
def site(tmp_path: Path, azure: Emulator) -> AzureSite:
    """An experiment of 100 nodes of 4 cores; westeurope has 400 low-priority cores, and 200 dedicated ones of F."""
    return AzureSite(
        tmp_path / "site",
        azure,
        rows=1_000,
        parallelism="workers: 200, workers_per_node: 2",
        compute="max_nodes_per_cluster: 40, max_nodes: 2000",
    )


def asked(azure: Emulator) -> list[tuple[str, str]]:
    """Return the requests so far, without logins and roles: method and last part of the path."""
    found = (request for request in azure.requests if request.host == "management.azure.com")
    return [
        (request.method, request.path.rpartition("/")[2])
        for request in found
        if "Microsoft.Authorization" not in request.path and "Microsoft.ManagedIdentity" not in request.path
    ]


def line_of(screen: str, name: str) -> str:
    return next(line for line in screen.splitlines() if line.startswith(f"{name} "))


def test_the_plan_shows_where_quota_is_and_what_the_run_takes_and_costs(site: AzureSite, azure: Emulator):
    offline = site.run("plan", *LOW)
    assert asked(azure) == []

    done = site.run("plan", "--azure", "--seconds-per-row", "36", *LOW)

    screen = done.stdout
    assert "chosen" not in offline.stdout
    names(line_of(screen, "workspace"), "lab", "westeurope")
    line_names(screen, "container", "default")
    names(line_of(screen, "chosen"), "westeurope", "100 nodes", "3 clusters", "$0.0388")
    line_names(screen, "low-priority cores", "400 of 400")
    line_names(screen, "2 nodes", "Standard_DS2_v2")
    # 1,000 rows of 36 s on 200 workers are 3 minutes.
    names(line_of(screen, "time"), "6 to 19 minutes", "36 s")
    names(line_of(screen, "cost"), "per 1,000 rows", "storage and egress not included")
    line_names(screen, "node-hours", "seed and teardown")
    assert screen.splitlines()[-1] == "Plan: 3 clusters (100 nodes), 1,000 rows in 1,000 messages, 200 workers."
    assert max(map(len, screen.splitlines())) <= 110
    assert sorted(asked(azure)) == [("GET", "computes"), ("GET", "lab"), ("GET", "usages"), ("GET", "vmSizes")]


def test_nodes_go_to_two_locations_when_one_has_no_room(site: AzureSite, azure: Emulator):
    azure.world.catalogue.quotas["westeurope"].low_priority_cores = 170

    done = site.run("plan", "--azure", "--json", *LOW, "--set", "compute.locations=[northeurope, eastus, westeurope]")

    plan = json.loads(done.stdout)
    placed = [(cluster["location"], cluster["nodes"]) for cluster in plan["clusters"]]
    assert placed == [("westeurope", 40), ("eastus", 30), ("eastus", 30)]
    assert plan["usd_per_node_hour"] == pytest.approx((40 * 0.0388 + 60 * 0.0341) / 100)
    assert [(use["location"], use["nodes"]) for use in plan["azure"]["locations"]] == [
        ("westeurope", 40),
        ("eastus", 60),
        ("northeurope", 0),
    ]
    names([use["reason"] for use in plan["azure"]["locations"]], "42 nodes", "75 nodes")
    assert sorted(asked(azure)) == sorted(
        [("GET", "lab"), ("GET", "computes"), *[("GET", "usages"), ("GET", "vmSizes")] * 3]
    )


def test_a_shortfall_names_the_cores_to_ask_for_and_what_fits(site: AzureSite, azure: Emulator, wording: Wording):
    azure.world.add_compute("left-behind", "Standard_F8s_v2", tier="LowPriority", max_nodes=20)

    done = site.run("plan", "--azure", *LOW, code=3)

    assert done.stdout == ""
    said = "\n".join(done.stderr.splitlines()[-2:])
    names(
        said,
        "compute.size Standard_F4s_v2",
        "400 low-priority cores",
        "100 nodes",
        "240 in westeurope",
        "--set parallelism.workers=120",
    )
    names(said, 160, 560, "left-behind", "20 nodes", "compute.locations")
    wording(said)
    fewer = site.run("plan", "--azure", *LOW, "--set", "parallelism.workers=120")
    assert "60 nodes in 2 clusters" in fewer.stdout
    azure.world.catalogue.quotas["westeurope"].low_priority_cores = 560
    assert "100 nodes in 3 clusters" in site.run("plan", "--azure", *LOW).stdout


def test_a_size_that_cannot_be_had_is_refused_with_the_nearest_ones(site: AzureSite, azure: Emulator, wording: Wording):
    retired = site.run("plan", "--azure", "--set", "compute.size=Standard_NC6s_v3", code=3)
    unknown = site.run("plan", "--azure", "--set", "compute.size=Standard_F4_v2", code=3)
    nowhere = site.run("plan", "--azure", "--set", "compute.locations=[westeuropa]", code=3)
    azure.faults.add(method="GET", path="eastus/vmSizes", status=400, code="LocationNotAvailableForResourceType")
    unavailable = site.run("plan", "--azure", "--set", "compute.locations=[eastus]", code=3)

    line_names(retired.stderr, "compute.size Standard_NC6s_v3", "2025-09-30", "westeurope")
    line_names(retired.stderr, "Standard_NC4as_T4_v3", "4 cores, 1 GPU, 28 GB", "$0.579/h")
    line_names(unknown.stderr, "compute.size Standard_F4_v2", "westeurope")
    line_names(unknown.stderr, "Standard_F4s_v2", "4 cores, 8 GB", "$0.194/h")
    line_names(nowhere.stderr, "westeuropa")
    wording([nowhere.stderr, unavailable.stderr])
    line_names(unavailable.stderr, "eastus")


def test_a_run_above_its_limits_is_refused_and_one_without_a_price_is_told_so(site: AzureSite, azure: Emulator):
    slow = ("plan", "--azure", "--seconds-per-row", "7200", *LOW)
    dear = site.run(*slow, "--set", "limits.max_cost_usd=5", code=3)
    long = site.run(*slow, "--set", "limits.max_hours=2", code=3)

    sizes = azure.world.catalogue.sizes["westeurope"]
    free = dataclasses.replace(sizes["Standard_F4s_v2"], usd_per_hour=None)  # type: ignore[arg-type]
    sizes["Standard_F4s_v2"] = free
    unknown = site.run("plan", "--azure", "--set", "parallelism.workers=20", "--set", "limits.max_cost_usd=5")

    line_names(dear.stderr, "$40.23", "7200 s", "limits.max_cost_usd is 5")
    line_names(long.stderr, "10.1 hours", "7200 s", "limits.max_hours is 2")
    assert "price unknown" in line_of(unknown.stdout, "chosen")
    line_names(unknown.stdout, "limits.max_cost_usd")
    line_names(unknown.stdout, "`hyperscale trial`")


def test_existing_clusters_tell_their_tier(site: AzureSite, azure: Emulator):
    identity = {"type": "UserAssigned", "userAssignedIdentities": {azure.world.directory.control_identity.path: {}}}
    azure.world.add_compute("gpus", "Standard_NC4as_T4_v3", tier="LowPriority", max_nodes=80, identity=identity)
    lines = site.file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("compute:")]
    site.file.write_text("\n".join([*kept, "compute: {existing: [gpus], control: {existing: gpus}}", ""]))

    short = site.run("plan", "--azure", code=3)
    fitting = site.run("plan", "--azure", "--set", "parallelism.workers=160")

    line_names(short.stderr, "100 nodes", "compute.existing", "gpus 80")
    assert "80 of Standard_NC4as_T4_v3, low_priority" in line_of(fitting.stdout, "nodes")
    assert "120 consume (40 spare)" in line_of(fitting.stdout, "jobs")
    names(line_of(fitting.stdout, "chosen"), "westeurope", "80 nodes", "1 cluster", "$0.1158")


def test_a_saved_plan_is_rendered_as_it_was_placed(site: AzureSite, azure: Emulator):
    azure.world.catalogue.quotas["westeurope"].low_priority_cores = 170
    site.run("plan", "--azure", *LOW, "--set", "compute.locations=[westeurope, eastus]", "--out", "plan.json")
    saved = json.loads((site.folder / "plan.json").read_text())["plan"]
    before = len(asked(azure))

    site.run("render", "plan.json")

    rendered = {file.stem: file.read_text() for file in (site.folder / "compute").iterdir()}
    for cluster in saved["clusters"]:
        text = rendered[cluster["name"]]
        assert f"max_instances: {cluster['nodes']}\n" in text
        assert f'location: "{cluster["location"]}"\n' in text
    pipeline = (site.folder / "pipelines" / "squares.yml").read_text()
    assert str(saved["usd_per_node_hour"]) in pipeline
    assert len(asked(azure)) == before


def test_a_saved_plan_that_does_not_fit_any_more_is_refused_and_says_why(
    site: AzureSite, azure: Emulator, wording: Wording
):
    rows, code = site.folder / "rows.csv", site.folder / "src" / "activity.py"
    site.run("plan", "--azure", *LOW, "--out", "plan.json")
    assert "Plan: 3 clusters" in site.run("plan", "plan.json", "--azure").stdout
    twice = site.run("plan", "plan.json", "--azure", "--seconds-per-row", "3", code=2).stderr
    line_names(twice, "saved plan")
    refused = {}

    for what, file in (("rows", rows), ("code", code), ("experiment", site.file)):
        before = file.read_text()
        file.write_text(before + {"rows": "7\n", "code": "#\n", "experiment": "log_level: debug\n"}[what])
        refused[what] = site.run("render", "plan.json", code=4).stderr
        file.write_text(before)
    azure.world.add_compute("another", "Standard_F4s_v2", tier="LowPriority", max_nodes=1)
    refused["quota"] = site.run("plan", "plan.json", "--azure", code=4).stderr
    plan = site.folder / "plan.json"
    plan.write_text(plan.read_text().replace('"workspace_name": "lab"', '"workspace_name": "other"'))
    refused["workspace"] = site.run("plan", "plan.json", "--azure", code=4).stderr

    changed = f"of {site.file} changed since the plan plan.json was made"
    changed = (site.file, "plan.json")
    line_names(refused["rows"], "1,000", "1,001", *changed)
    line_names(refused["code"], "code", *changed)
    line_names(refused["experiment"], "experiment", *changed)
    line_names(refused["quota"], "99 of 100 nodes", "westeurope", "396 low-priority cores")
    line_names(refused["workspace"], "workspace other", "resource group science")
    assert all(said.endswith("\n") for said in refused.values())
    wording(refused.values(), hidden={site.file: "<file>"})


def test_a_plan_that_is_saved_among_the_code_does_not_change_it(site: AzureSite):
    site.run("plan", "--out", "src/plan.json")

    assert "Plan: " in site.run("plan", "src/plan.json").stdout
    line_names(site.run("plan", "--seconds-per-row", "3", code=2).stderr, "--seconds-per-row")


def test_a_trial_says_how_long_rows_take_until_the_code_changes(site: AzureSite):
    site.run("trial", "--rows", "5")

    fresh = site.run("plan", "--azure", *LOW)
    (site.folder / "src" / "more.py").write_text("")
    stale = site.run("plan", "--azure", *LOW)

    names(line_of(fresh.stdout, "time"), "5 rows")
    line_names(stale.stdout, "code", "`hyperscale trial`")
