"""Where a run goes: each key of `azure` has its value from the first who gives one, and everybody sees who that was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.azure_cloud import az_folder
from hyperscale.control.azure.az_defaults import with_az_defaults
from hyperscale.control.azure.place import find_place, sources_of
from hyperscale.control.reading.checking import check_experiment
from hyperscale.control.reading.loading import load_experiment
from hyperscale.errors import AzureError, ExperimentError

ID = "11111111-1111-1111-1111-11111111111"
EXPERIMENT = "name: digits\ninput: {csv: rows.csv}\nactivity: {code: src, entry: 'a:run'}\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes team/project/experiment.yaml, with `azure` as its section, and returns its path."""
    folder = tmp_path / "team" / "project"
    folder.mkdir(parents=True)

    def write(azure: str = "") -> Path:
        file = folder / "experiment.yaml"
        file.write_text(EXPERIMENT + (f"azure: {azure}\n" if azure else ""))
        return file

    return write


def write_json(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def workspace(name: str, number: int = 1) -> dict[str, str]:
    return {"subscription_id": f"{ID}{number}", "resource_group": f"group-{name}", "workspace_name": name}


def az(tmp_path: Path, *, config: str | None = None, profile: object = None) -> dict[str, str]:
    """Return the environment of somebody whose az says so."""
    folder = tmp_path / "az"
    folder.mkdir(exist_ok=True)
    if config is not None:
        (folder / "config").write_text(config)
    if profile is not None:
        text = profile if isinstance(profile, str) else json.dumps(profile)
        (folder / "azureProfile.json").write_text(text, encoding="utf-8-sig")
    return {"AZURE_CONFIG_DIR": str(folder)}


def profile(number: int) -> dict[str, object]:
    other = {"id": f"{ID}9", "isDefault": False}
    return {"subscriptions": [other, {"id": f"{ID}{number}", "isDefault": True}]}


def test_each_key_is_of_the_first_who_gives_it(write: Write, tmp_path: Path):
    file = write("{resource_group: mine, storage_account: mystore}")
    config = write_json(file.parent / "config.json", {"subscription_id": f"{ID}2", "resource_group": "theirs"})
    environ = az(tmp_path, config="[defaults]\ngroup = az-group\nworkspace = az-space\n", profile=profile(3))

    place = find_place(load_experiment(file, ["azure.container=results"]), environ)

    assert place.workspace.subscription_id == f"{ID}2"
    assert (place.workspace.resource_group, place.workspace.name) == ("mine", "az-space")
    assert (place.storage_account, place.queue_account, place.container) == ("mystore", None, "results")
    assert place.sources == {
        "subscription_id": str(config),
        "resource_group": f"{file}:4",
        "workspace_name": f"the default of az ({tmp_path / 'az' / 'config'})",
        "storage_account": f"{file}:4",
        "queue_account": "azure.storage_account",
        "container": "--set azure.container",
    }


@pytest.mark.parametrize(
    ("variables", "expected", "sources"),
    [
        ({"AZURE_DEFAULTS_GROUP": "g1"}, ("g1", "az-space"), ("AZURE_DEFAULTS_GROUP", "config")),
        ({"AZURE_DEFAULTS_WORKSPACE": "w1"}, ("az-group", "w1"), ("config", "AZURE_DEFAULTS_WORKSPACE")),
        (
            {"AZURE_DEFAULTS_GROUP": "g2", "AZURE_DEFAULTS_WORKSPACE": "w2", "AZURE_DEFAULTS_LOCATION": "x"},
            ("g2", "w2"),
            ("AZURE_DEFAULTS_GROUP", "AZURE_DEFAULTS_WORKSPACE"),
        ),
        ({"AZURE_DEFAULTS_GROUP": ""}, (None, "az-space"), ("nobody", "config")),
    ],
)
def test_a_variable_of_az_is_before_its_config_as_in_az(
    write: Write, tmp_path: Path, variables: dict[str, str], expected: tuple[str | None, str], sources: tuple[str, str]
):
    environ = az(tmp_path, config="[defaults]\ngroup = az-group\nworkspace = az-space\n", profile=profile(3))

    complete = with_az_defaults(load_experiment(write()), {**environ, **variables})

    azure, told = complete.experiment.azure, sources_of(complete)
    assert (azure.resource_group, azure.workspace_name) == expected
    assert all(source in told[key] for key, source in zip(("resource_group", "workspace_name"), sources, strict=True))


def test_a_variable_of_az_needs_no_config_and_is_behind_the_experiment(write: Write, tmp_path: Path):
    environ = az(tmp_path, profile=profile(3))
    environ |= {"AZURE_DEFAULTS_GROUP": "group", "AZURE_DEFAULTS_WORKSPACE": "space"}

    place = find_place(load_experiment(write("{workspace_name: mine}")), environ)

    assert (place.workspace.resource_group, place.workspace.name) == ("group", "mine")
    assert place.sources["resource_group"] == "the default of az (AZURE_DEFAULTS_GROUP)"


def test_a_variable_of_az_that_can_be_no_name_is_an_error_that_names_it(write: Write, tmp_path: Path):
    environ = {**az(tmp_path), "AZURE_DEFAULTS_WORKSPACE": "no/name"}

    with pytest.raises(AzureError, match=r"AZURE_DEFAULTS_WORKSPACE: azure.workspace_name"):
        find_place(load_experiment(write()), environ)


def test_set_is_before_the_file(write: Write):
    loaded = load_experiment(write("{workspace_name: mine}"), ["azure.workspace_name=other"])

    assert loaded.experiment.azure.workspace_name == "other"
    assert sources_of(loaded)["workspace_name"] == "--set azure.workspace_name"


def test_the_nearest_config_json_wins_whatever_its_folder_is_called(write: Write, tmp_path: Path):
    file = write()
    # The SDK's own search would take this one.
    write_json(tmp_path / "team" / ".azureml" / "config.json", workspace("parent"))
    write_json(file.parent / "config.json", workspace("beside"))

    assert load_experiment(file).experiment.azure.workspace_name == "beside"


def test_in_one_folder_config_json_is_before_that_of_azureml(write: Write):
    file = write()
    write_json(file.parent / ".azureml" / "config.json", workspace("hidden"))
    assert load_experiment(file).experiment.azure.workspace_name == "hidden"

    write_json(file.parent / "config.json", workspace("plain"))
    assert load_experiment(file).experiment.azure.workspace_name == "plain"


def test_the_folder_of_the_experiment_file_counts_and_not_the_working_directory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = write()
    write_json(tmp_path / "elsewhere" / "config.json", workspace("elsewhere"))
    write_json(file.parent.parent / "config.json", workspace("above"))
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert load_experiment(file).experiment.azure.workspace_name == "above"


@pytest.mark.parametrize("other", [{"debug": True}, [1, 2], "null", {"workspace_name": None}])
def test_a_config_json_of_something_else_is_passed_over(write: Write, other: object):
    file = write()
    write_json(file.parent / "config.json", other)
    write_json(file.parent.parent / "config.json", workspace("above"))

    assert load_experiment(file).experiment.azure.workspace_name == "above"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("{", "config.json:1:2"),
        pytest.param("[" * 100_000, "config.json", id="deep"),
        ('{"workspace_name": 7}', ("config.json: workspace_name", 7)),
        ('{"subscription_id": "mine"}', ("config.json: subscription_id", "'mine'")),
        ('{"resource_group": "ends."}', ("config.json: resource_group", "'ends.'")),
        ('{"workspace_name": "a/b"}', ("config.json: workspace_name", "'a/b'")),
    ],
)
def test_a_broken_config_json_is_an_error_with_its_path(
    write: Write, content: str, parts: str | tuple[object, ...], wording: Wording
):
    file = write()
    write_json(file.parent / "config.json", content)

    with pytest.raises(ExperimentError) as raised:
        load_experiment(file)

    names(raised, parts)
    # How deep it is, is said by Python, in words that differ.
    wording([str(problem).partition("maximum recursion depth")[0] for problem in raised.value.problems])


def test_a_config_json_that_nobody_needs_is_not_read(write: Write):
    file = write(f"{{subscription_id: {ID}1, resource_group: g, workspace_name: w}}")
    write_json(file.parent / "config.json", "{")

    assert load_experiment(file).experiment.azure.workspace_name == "w"


def test_problems_of_the_file_and_of_config_json_are_told_at_once(write: Write):
    file = write("{container: NO}")
    write_json(file.parent / "config.json", "{")

    with pytest.raises(ExperimentError) as raised:
        load_experiment(file)

    assert [Path(problem.file).name for problem in raised.value.problems] == ["experiment.yaml", "config.json"]


def test_the_workspace_of_config_json_is_a_part_of_the_experiment_and_that_of_az_is_not(write: Write, tmp_path: Path):
    file = write()
    (file.parent / "rows.csv").write_text("a\n1\n")
    (file.parent / "src").mkdir()
    (file.parent / "src" / "a.py").write_text("def run(row):\n    return 1\n")
    environ = az(tmp_path, config="[defaults]\nworkspace = az-space\n")

    plain, with_az = check_experiment(file).loaded, check_experiment(file, (), environ).loaded
    write_json(file.parent / "config.json", workspace("w"))
    with_config = check_experiment(file).loaded

    assert plain.experiment.azure.workspace_name is None
    assert with_az.experiment.azure.workspace_name == "az-space"
    assert with_az.experiment_hash == plain.experiment_hash != with_config.experiment_hash


def test_a_key_that_nobody_gives_is_named(write: Write, tmp_path: Path, wording: Wording):
    loaded = load_experiment(write("{workspace_name: w}"))

    with pytest.raises(AzureError) as raised:
        find_place(loaded, az(tmp_path))
    names(raised, "azure.subscription_id", "azure.resource_group")
    wording(raised)

    assert "config.json" in (raised.value.hint or "")
    assert sources_of(loaded)["resource_group"] == "nobody"


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ({"config": "group = x\n"}, "config"),
        ({"profile": "{"}, "azureProfile.json"),
        ({"profile": {"subscriptions": [{"id": "x", "isDefault": True}]}}, ("azure.subscription_id", "'x'")),
    ],
)
def test_a_broken_file_of_az_is_an_error_with_its_path(
    write: Write, tmp_path: Path, files: dict[str, str], parts: str | tuple[str, ...], wording: Wording
):
    with pytest.raises(AzureError) as raised:
        find_place(load_experiment(write()), az(tmp_path, **files))
    names(raised, parts)
    wording(raised)


def test_az_is_looked_for_at_home_unless_a_variable_says_where():
    assert az_folder({"HOME": "/home/me"}) == Path("/home/me/.azure")
    assert az_folder({"HOME": "/home/me", "AZURE_CONFIG_DIR": "/az"}) == Path("/az")
    assert az_folder({"HOME": "/home/me", "AZURE_CONFIG_DIR": "~/az"}) == Path("/home/me/az")
