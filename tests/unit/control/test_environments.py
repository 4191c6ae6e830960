from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from experiments import make_experiment, make_facts
from wordings import Wording, names

from hyperscale.control.rendered.environments import CONTROL_REQUIREMENTS, NODE_REQUIREMENTS, conflicts
from hyperscale.control.rendered.rendering import RunInputs, render
from hyperscale.errors import ExperimentError
from hyperscale.plan import make_plan

CONSUME = PurePosixPath("components/consume.yml")
PACKAGES = PurePosixPath("components/consume_environment")
REQUIREMENT_TEXT = " ".join(NODE_REQUIREMENTS)


def rendered(folder: Path, **environment: Any) -> dict[PurePosixPath, str]:
    experiment = make_experiment(environment=environment)
    plan = make_plan(experiment, make_facts(), version="1", templates_hash="t")
    return render(experiment, plan, folder=folder, out=folder, run=RunInputs())


def consume_of(files: dict[PurePosixPath, str]) -> tuple[Any, str]:
    """Return the environment and the command line of the consumers."""
    component = yaml.safe_load(files[CONSUME])
    return component["environment"], component["command"]


def package_files(files: dict[PurePosixPath, str]) -> set[str]:
    return {path.name for path in files if path.parent == PACKAGES}


def test_our_requirements_are_merged_into_a_conda_file(tmp_path: Path):
    (tmp_path / "conda.yml").write_text(
        "name: digits\nchannels: [conda-forge]\nvariables: {A: 'no'}\n"
        "dependencies:\n- python=3.11\n- pip=24.0\n- pip: [numpy==2.1, 'torch @ https://example.com/t.whl']\n- cmake\n"
    )

    files = rendered(tmp_path, image="my/image:1", conda_file="conda.yml")

    environment, command = consume_of(files)
    assert environment == {"image": "my/image:1", "conda_file": "./consume_environment/conda.yml"}
    assert yaml.safe_load(files[PACKAGES / "conda.yml"]) == {
        "name": "digits",
        "channels": ["conda-forge"],
        "variables": {"A": "no"},
        "dependencies": [
            "python=3.11",
            "pip=24.0",
            "cmake",
            {"pip": ["numpy==2.1", "torch @ https://example.com/t.whl", *NODE_REQUIREMENTS]},
        ],
    }
    assert package_files(files) == {"conda.yml"}
    assert "--install-at-start" not in command


def test_a_conda_file_without_pip_gets_it(tmp_path: Path):
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]\n")

    files = rendered(tmp_path, conda_file="conda.yml")

    merged = yaml.safe_load(files[PACKAGES / "conda.yml"])
    assert merged["dependencies"] == ["python=3.11", "pip", {"pip": list(NODE_REQUIREMENTS)}]


def test_an_image_alone_is_built_upon_with_its_own_interpreter(tmp_path: Path):
    files = rendered(tmp_path, image="my/image:1", python="/usr/bin/python3")

    environment, command = consume_of(files)
    assert environment == {"build": {"path": "./consume_environment", "dockerfile_path": "Dockerfile"}}
    assert command.startswith("/usr/bin/python3 -m hyperscale.node consume ")
    lines = [line for line in files[PACKAGES / "Dockerfile"].splitlines() if not line.startswith("#")]
    assert lines[0] == "FROM my/image:1"
    assert lines[1].startswith('RUN ["/usr/bin/python3", "-m", "pip", "install", "--no-cache-dir", "azure-identity>=')
    assert package_files(files) == {"Dockerfile"}


def test_an_image_with_requirements_is_built_from_both(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("# mine\nscikit-learn>=1.5\n\n")

    files = rendered(tmp_path, requirements="requirements.txt")

    assert files[PACKAGES / "requirements.txt"].endswith("# mine\nscikit-learn>=1.5\n")
    dockerfile = files[PACKAGES / "Dockerfile"]
    assert "\nCOPY requirements.txt /tmp/hyperscale-requirements.txt\n" in dockerfile
    assert '"-r", "/tmp/hyperscale-requirements.txt", "azure-identity>=' in dockerfile


def test_a_registered_environment_is_taken_as_it_is(tmp_path: Path):
    files = rendered(tmp_path, environment="azureml:digits@latest")

    environment, command = consume_of(files)
    assert environment == "azureml:digits@latest"
    assert package_files(files) == set()
    assert "--install-at-start" not in command


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"environment": "azureml:digits@latest"}, set()),
        ({"image": "my/image:1"}, set()),
        ({"requirements": "requirements.txt"}, {"Dockerfile", "requirements.txt"}),
        ({"conda_file": "conda.yml"}, {"conda.yml"}),
    ],
    ids=["registered", "image", "requirements", "conda_file"],
)
def test_with_install_at_start_the_image_is_left_alone(environment: dict[str, Any], names: set[str], tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("azure-storage-blob<12\n")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, pip: [azure-storage-blob==1.0]]\n")

    files = rendered(tmp_path, install_at_start=True, **environment)

    _, command = consume_of(files)
    assert command.endswith(f"--install-at-start '{REQUIREMENT_TEXT}'")
    assert package_files(files) == names
    assert not [path for path in files if path.parent == PACKAGES and "azure-identity" in files[path]]


def test_seed_and_teardown_never_run_in_the_users_image(tmp_path: Path):
    files = rendered(tmp_path, image="my/image:1")

    steps = [yaml.safe_load(files[PurePosixPath(f"components/{step}.yml")]) for step in ("seed", "teardown")]

    assert [step["environment"]["conda_file"] for step in steps] == ["./control_environment/conda.yml"] * 2
    assert "my/image" not in str(steps)
    conda = yaml.safe_load(files[PurePosixPath("components/control_environment/conda.yml")])
    assert conda["dependencies"][-1]["pip"] == list(CONTROL_REQUIREMENTS)


def test_requirements_of_nodes_are_those_of_the_package(repository: Path):
    declared = re.findall(r'^    "([^"]+)",$', (repository / "pyproject.toml").read_text("utf-8"), re.MULTILINE)

    assert set(CONTROL_REQUIREMENTS) <= set(declared)


CONFLICTS = [
    ("azure-storage-blob==12.1", True),
    ("azure_storage.BLOB < 12", True),
    ("azure-storage-blob<=12.23.9", True),
    ("azure-storage-blob~=12.1.0", True),
    ("azure-storage-blob>=1,<12.24", True),
    ("azure-storage-blob==12.23.*", True),
    ("azure-storage-blob==12.24.0", False),
    ("azure-storage-blob~=12.1", False),
    ("azure-storage-blob>12.30,<12.40", False),
    ("azure-storage-blob!=12.24", False),
    ("azure-storage-blob[aio]>=12.30  # async", False),
    ("azure-storage-blob", False),
    ("azure-storage-blob @ https://example.com/blob.whl", False),
    ("numpy<1", False),
    ("--index-url https://example.com", False),
    ("# azure-storage-blob<1", False),
]


@pytest.mark.parametrize(("line", "is_conflict"), CONFLICTS)
def test_a_requirement_conflicts_when_no_version_satisfies_both(line: str, is_conflict: bool):
    assert bool(conflicts([line], NODE_REQUIREMENTS)) == is_conflict


REFUSED = [
    ("requirements.txt", "azure-identity==1.2\n", "azure-identity==1.2 against azure-identity>=1.19"),
    ("requirements.txt", "numpy\n-r more.txt\n", "'-r more.txt' names another file"),
    ("requirements.txt", "-e .\n", "'-e .' names another file"),
    ("requirements.txt", "./my-package\n", "'./my-package' names another file"),
    ("conda.yml", "dependencies: [{pip: [azure-storage-queue<12]}]", "azure-storage-queue<12 against"),
    ("conda.yml", "dependencies: [conda-forge::azure-identity=1.2]", "azure-identity==1.2.* against"),
    ("conda.yml", "dependencies: [{pip: [-r requirements.txt]}]", "'-r requirements.txt' names another file"),
    ("conda.yml", "dependencies: [python=3.8]", "python==3.8.* against python>=3.10"),
    ("conda.yml", "dependencies: [python<3.10, pip]", "python<3.10 against python>=3.10"),
    ("conda.yml", "dependencies: python", "dependencies is no list"),
    ("conda.yml", "dependencies: [{pip: numpy}]", "dependencies is no list"),
    ("conda.yml", "dependencies: [{conda: 3}]", "dependencies is no list"),
    ("conda.yml", "dependencies: [3.10]", "dependencies is no list"),
    ("conda.yml", "- python", "expected a mapping"),
    ("conda.yml", "a: [", "conda.yml"),
]


@pytest.mark.parametrize(("name", "text", "message"), REFUSED)
def test_packages_that_cannot_be_merged_are_refused_with_their_name(name: str, text: str, message: str, tmp_path: Path):
    (tmp_path / name).write_text(text)

    with pytest.raises(ExperimentError) as raised:
        rendered(tmp_path, **{"requirements" if name.endswith("txt") else "conda_file": name})

    said = f"{raised.value} {' '.join(map(str, raised.value.problems))}"
    assert message in said
    assert name in said


@pytest.mark.parametrize("key", ["requirements", "conda_file"])
def test_a_missing_file_is_named_with_its_key(key: str, tmp_path: Path, wording: Wording):
    with pytest.raises(ExperimentError) as refused:
        rendered(tmp_path, **{key: "nowhere.txt"})
    names(refused, f"environment.{key}", "nowhere.txt", "No such file")
    wording(refused)
