"""The package that is built from a checkout works where it is installed, far from the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.tools

IGNORED = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hyperscale", ".hypothesis", "__pycache__", "dist", "code"
)
EXPERIMENT = 'name: squares\ninput: {csv: grid.csv}\nactivity: {entry: "square:square"}\n'


def build(checkout: Path, kind: str, out: Path) -> Path:
    """Build the wheel or the sdist of a checkout without the network."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", out, checkout]
    subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, so that a build leaves nothing in it."""
    return shutil.copytree(repository, tmp_path_factory.mktemp("copy") / "a checkout ü", ignore=IGNORED)


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an empty environment that the wheel is installed into; it borrows the dependencies of ours."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    site = Path(paths["purelib"])
    # A plain path: that of an editable install of this checkout would win over the wheel.
    (site / "borrowed.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    python = Path(paths["scripts"]) / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    return python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An experiment in a folder with an awkward name."""
    folder = tmp_path / "my experiment ü"
    (folder / "src").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    (folder / "grid.csv").write_text("x\n1\n2\n")
    (folder / "src" / "square.py").write_text("def square(row):\n    return row\n")
    return folder


def test_the_installed_wheel_renders_from_any_folder(python: Path, folder: Path):
    where = "import hyperscale; print(hyperscale.__file__)"
    origin = subprocess.run([python, "-c", where], cwd=folder, capture_output=True, text=True, check=True)

    answer = subprocess.run(
        [python.with_name("hyperscale"), "render"], cwd=folder, capture_output=True, text=True, check=False
    )

    assert Path(origin.stdout.strip()).is_relative_to(python.parent.parent)
    assert answer.returncode == 0, answer.stderr
    assert (folder / "pipelines" / "squares.yml").exists()
    assert (folder / "components" / "code" / "hyperscale" / "node" / "__init__.py").exists()


def test_a_read_only_checkout_renders_without_being_installed(checkout: Path, folder: Path):
    paths = [checkout, *checkout.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    code = f"import sys; sys.path.insert(0, {str(checkout)!r}); from hyperscale.__main__ import main; sys.exit(main())"

    answer = subprocess.run(
        [sys.executable, "-B", "-c", code, "render"], cwd=folder, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stderr
    assert (folder / "pipelines" / "squares.yml").exists()
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_the_wheel_holds_the_package_with_its_schema_and_templates_and_nothing_else(wheel: Path, checkout: Path):
    names = set(zipfile.ZipFile(wheel).namelist())

    templates = {
        path.relative_to(checkout).as_posix() for path in (checkout / "templates").rglob("*") if path.is_file()
    }
    assert "hyperscale/schema.json" in names
    assert {f"hyperscale/{path}" for path in templates} <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"hyperscale"}


def test_the_sdist_builds_the_same_wheel(checkout: Path, wheel: Path, tmp_path: Path):
    sdist = build(checkout, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()

    again = build(unpacked, "wheel", tmp_path / "wheel")

    contents = [
        {name: archive.read(name) for name in archive.namelist()}
        for archive in (zipfile.ZipFile(wheel), zipfile.ZipFile(again))
    ]
    assert contents[0] == contents[1]
