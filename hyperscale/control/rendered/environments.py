"""Decides how consumers get their packages: a conda file, a Docker build context, or an environment as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hyperscale.control.reading.yaml_file import parse_yaml
from hyperscale.control.rendered.pipeline_files import mapping_of
from hyperscale.errors import ExperimentError
from hyperscale.experiment import Environment

#: What consumers need beside the user's own packages; the lower bounds are those of pyproject.toml.
NODE_REQUIREMENTS = ("azure-identity>=1.19", "azure-storage-blob>=12.24", "azure-storage-queue>=12.12")
#: Nodes run our code with the Python that a conda file brings.
NODE_PYTHON = "python>=3.10"
#: What seed's readers, and teardown's collector and report need beside these.
CONTROL_REQUIREMENTS = (*NODE_REQUIREMENTS, "jinja2>=3.1", "orjson>=3.10", "pyarrow>=17")
#: Where seed and teardown run, whatever image the user's code needs.
CONTROL_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
CONTROL_CONDA: Mapping[str, Any] = {
    "name": "hyperscale-control",
    "channels": ["conda-forge"],
    "dependencies": ["python=3.11", "pip", {"pip": list(CONTROL_REQUIREMENTS)}],
}
#: An image as Docker names it; it stands unquoted in a Dockerfile.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", re.ASCII)
#: An interpreter stands unquoted in a command line.
_PYTHON = re.compile(r"[A-Za-z0-9_./+-]+", re.ASCII)
#: Lines of a requirements file that name other files, which a build context does not hold.
_NAMES_FILES = re.compile(r"(-[rce]\b|--(requirement|constraint|editable)\b|\.{1,2}/|/|file:)")


@dataclass(frozen=True)
class NodeEnvironment:
    """The environment of the consumers, ready for the templates.

    Attributes:
        reference: of a registered environment, or None.
        image: the base image; empty with a reference.
        conda: what the conda file says, or None.
        requirements: text of the requirements file in the build context, or None.
        folder: whether there is a build context.
        python: the interpreter that has the packages.
        installed_at_start: requirements that the consumer installs itself; empty when the image has them.
    """

    reference: str | None
    image: str
    conda: Mapping[str, Any] | None
    requirements: str | None
    folder: bool
    python: str
    installed_at_start: tuple[str, ...]

    @property
    def install(self) -> list[str]:
        """Return the command that installs the packages in the build context."""
        wanted = ["-r", "/tmp/hyperscale-requirements.txt"] if self.requirements is not None else []  # noqa: S108
        ours = [] if self.installed_at_start else NODE_REQUIREMENTS
        return [self.python, "-m", "pip", "install", "--no-cache-dir", *wanted, *ours]


def node_environment(environment: Environment, folder: Path) -> NodeEnvironment:
    """Return how the consumers of `environment` get their packages.

    Args:
        environment: of the experiment.
        folder: of the experiment file; conda_file and requirements are relative to it.

    Raises:
        ExperimentError: when a file cannot be read, or wants other versions than nodes need.
    """
    at_start = NODE_REQUIREMENTS if environment.install_at_start else ()
    added = () if at_start else NODE_REQUIREMENTS
    conda = requirements = None
    if environment.conda_file:
        conda = _merged(_read(folder, environment.conda_file, "conda_file"), environment.conda_file, added)
    elif environment.requirements:
        requirements = _read(folder, environment.requirements, "requirements")
        _check_requirements(requirements, environment.requirements, added)
    has_context = not environment.environment and conda is None and (requirements is not None or not at_start)
    return NodeEnvironment(
        reference=environment.environment,
        image="" if environment.environment else _checked(environment.image, _IMAGE, "image"),
        conda=conda,
        requirements=requirements,
        folder=has_context,
        # A conda file hides the image's own interpreter: the one that has the packages is `python`.
        python="python" if conda is not None else _checked(environment.python, _PYTHON, "python"),
        installed_at_start=at_start,
    )


def conflicts(wanted: Iterable[str], needed: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of requirements, of `wanted` and `needed`, that no version satisfies together."""
    asked = [requirement for line in wanted if (requirement := _parsed(line))]
    ours = [Requirement(line) for line in needed]
    return [
        (str(theirs), str(mine))
        for theirs in asked
        for mine in ours
        if canonicalize_name(theirs.name) == canonicalize_name(mine.name)
        and not _have_common_version(theirs.specifier, mine.specifier)
    ]


def _merged(text: str, name: str, added: tuple[str, ...]) -> Mapping[str, Any]:
    document = mapping_of(parse_yaml(text, name), name)
    dependencies = document.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(_is_dependency(entry) for entry in dependencies):
        raise ExperimentError(
            f"{name}: dependencies is no list of packages and of one `pip:` with a list of its own",
            hint="write it as conda wants it",
        )
    pip_lines = [line for entry in dependencies if isinstance(entry, dict) for line in entry["pip"] or []]
    plain = [str(entry) for entry in dependencies if not isinstance(entry, dict)]
    _refuse_other_files(map(str, pip_lines), name)
    _refuse(conflicts([*map(str, pip_lines), *map(_conda_as_pip, plain)], (*added, NODE_PYTHON)), name)
    others: list[Any] = list(plain)
    if not added and not pip_lines:
        return document
    if not any(re.fullmatch(r"(.*::)?pip\b.*", entry) for entry in plain):
        others.append("pip")
    return {**document, "dependencies": [*others, {"pip": [*pip_lines, *added]}]}


def _is_dependency(entry: Any) -> bool:
    if isinstance(entry, dict):
        return set(entry) == {"pip"} and (entry["pip"] is None or isinstance(entry["pip"], list))
    return isinstance(entry, str)


def _check_requirements(text: str, name: str, added: tuple[str, ...]) -> None:
    lines = [line.strip() for line in text.splitlines()]
    _refuse_other_files(lines, name)
    _refuse(conflicts(lines, added), name)


def _refuse_other_files(lines: Iterable[str], name: str) -> None:
    elsewhere = [line for line in lines if _NAMES_FILES.match(line)]
    if elsewhere:
        raise ExperimentError(
            f"{name}: {elsewhere[0]!r} names another file, which the image is built without",
            hint="list its packages here",
        )


def _refuse(found: list[tuple[str, str]], name: str) -> None:
    if found:
        pairs = "; ".join(f"{theirs} against {mine}" for theirs, mine in found)
        raise ExperimentError(
            f"{name}: wants other versions than nodes need: {pairs}",
            hint="widen the versions; or set environment.install_at_start and see whether your code runs with ours",
        )


def _have_common_version(theirs: SpecifierSet, mine: SpecifierSet) -> bool:
    # A range is empty when none of its borders, of what follows a border closely, and of the far end is in it.
    borders = [spec.version.removesuffix(".*") for spec in [*theirs, *mine]]
    tried = [*borders, *(f"{border}.1" for border in borders), "9999"]
    both = theirs & mine
    return any(both.contains(Version(version), prereleases=True) for version in tried if _is_version(version))


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except ValueError:
        return False
    return True


def _conda_as_pip(entry: str) -> str:
    """Return a conda requirement such as `conda-forge::pandas=2.1` as pip would write it."""
    name = entry.rpartition("::")[2].strip()
    return re.sub(r"^([A-Za-z0-9._-]+)\s*=\s*([0-9][0-9.]*)(=.*)?$", r"\1==\2.*", name)


def _parsed(line: str) -> Requirement | None:
    """Return the requirement of a line; None for options, comments, links and whatever else pip may know."""
    try:
        requirement = Requirement(re.sub(r"(^|\s)#.*$", "", line).strip())
    except InvalidRequirement:
        return None
    return None if requirement.url else requirement


def _read(folder: Path, name: str, key: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ExperimentError(f"environment.{key}: {name} cannot be read: {reason}", hint="correct the path") from error


def _checked(value: str, rule: re.Pattern[str], key: str) -> str:
    if not rule.fullmatch(value):
        raise ExperimentError(f"environment.{key}: {value!r} holds characters that cannot stand in a command line")
    return value
