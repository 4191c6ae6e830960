"""Reads experiment.yaml into an Experiment, or tells every problem of the file at once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hyperscale.control.reading.azure_section import complete_azure
from hyperscale.control.reading.file_text import read_text
from hyperscale.control.reading.no_effect import warnings_of
from hyperscale.control.reading.overrides import apply_overrides
from hyperscale.control.reading.positions import Positions, ValuePath
from hyperscale.control.reading.schema_check import check_document
from hyperscale.control.reading.schema_defaults import with_defaults
from hyperscale.control.reading.secret_check import add_secret_problems
from hyperscale.control.reading.yaml_file import YamlFile, parse_yaml
from hyperscale.control.remote.remote_data import RemoteData
from hyperscale.control.resources import schema_path
from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Experiment
from hyperscale.secret_words import without_secrets

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedExperiment:
    """An experiment, and where it comes from.

    Attributes:
        experiment: with every default filled in, and the workspace of the nearest config.json.
        file: its absolute path.
        folder: that relative paths in it start from.
        warnings: what is worth a look, though it is valid.
        experiment_hash: SHA-256 of the experiment as canonical JSON, hexadecimal.
        positions: where its values stand in the file.
        azure_sources: key of `azure` that has a value to who gave it: a place in the file, `--set`, a config.json.
        overrides: `key=value` each, that stand in place of the file's values.
        remote: what is known of the input and the mounts that are not on this machine, by the name of the pipeline's
            input; empty until somebody has looked (`with_remote`).
    """

    experiment: Experiment
    file: Path
    folder: Path
    warnings: tuple[Problem, ...]
    experiment_hash: str
    positions: Positions = field(compare=False, repr=False)
    azure_sources: Mapping[str, str] = field(compare=False, repr=False)
    overrides: tuple[str, ...]
    remote: Mapping[str, RemoteData] = field(default_factory=dict, compare=False, repr=False)


def load_experiment(file: Path, overrides: Sequence[str] = ()) -> LoadedExperiment:
    """Return the experiment of `file`, with `overrides` in place of its values.

    Args:
        file: the YAML file.
        overrides: `key=value`, as given to `--set`.

    Raises:
        ExperimentError: when anything is wrong with it; carries every problem, in the order of the file.
    """
    text = read_text(file)
    logger.debug("reading %s%s", file, "".join(f", --set {override.partition('=')[0]}" for override in overrides))
    parsed = parse_yaml(text, str(file))
    schema = load_schema()
    azure_sources: Mapping[str, str] = {}
    if isinstance(parsed.document, dict):
        apply_overrides(parsed, overrides)
        add_secret_problems(parsed, text)
        _add_schema_problems(parsed, schema)
        azure_sources = complete_azure(parsed, schema, file.absolute().parent)
    else:
        add_secret_problems(parsed, text)
        if not parsed.problems:
            parsed.problems.append(_no_mapping(parsed))
    if parsed.problems:
        raise _error(parsed, file)
    experiment = Experiment.from_document(with_defaults(schema, parsed.document))
    return LoadedExperiment(
        experiment=experiment,
        file=file.absolute(),
        folder=file.absolute().parent,
        warnings=tuple(warnings_of(experiment, parsed.positions)),
        experiment_hash=hash_of(experiment.to_document()),
        positions=parsed.positions,
        azure_sources=azure_sources,
        overrides=tuple(overrides),
    )


def load_schema() -> dict[str, Any]:
    """Return schema.json."""
    schema: dict[str, Any] = json.loads(schema_path().read_text(encoding="utf-8"))
    return schema


def hash_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of `document` as canonical JSON, hexadecimal."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _no_mapping(parsed: YamlFile) -> Problem:
    if parsed.document is None:
        message = "the file is empty, expected an experiment with name, input and activity"
    else:
        kind = "a list" if isinstance(parsed.document, list) else "a single value"
        message = f"the file holds {kind}, expected keys such as name, input and activity"
    return parsed.positions.problem((), message)


def _add_schema_problems(parsed: YamlFile, schema: Mapping[str, Any]) -> None:
    found = list(check_document(schema, parsed.document))
    unavailable = {path for path, complaint in found if "not available yet" in complaint.message}
    for path, complaint in found:
        is_told = path in unavailable and "not available yet" not in complaint.message
        if not is_told and not _is_around(parsed.doubtful, complaint.path):
            parsed.problems.append(parsed.positions.problem(complaint.path, complaint.message, at_key=complaint.at_key))


def _is_around(paths: set[ValuePath], path: ValuePath) -> bool:
    return any(path[:length] in paths for length in range(len(path) + 1))


def _error(parsed: YamlFile, file: Path) -> ExperimentError:
    problems = [
        Problem(
            problem.file, problem.line, problem.column, without_secrets(problem.path), without_secrets(problem.message)
        )
        for problem in parsed.positions.sorted(parsed.problems)
    ]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ExperimentError(f"{file} has {count}", problems=problems)
