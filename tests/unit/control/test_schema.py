"""schema.json is complete, means the same in two drafts, and agrees with the fields of an Experiment."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hyperscale.control.reading.loading import load_experiment, load_schema
from hyperscale.control.reading.schema_defaults import with_defaults
from hyperscale.errors import ExperimentError
from hyperscale.experiment import Experiment, Mount

SCHEMA = load_schema()
#: Keywords that draft-07 and 2020-12 read alike; those of our own begin with x-.
SHARED_KEYWORDS = {
    "$schema", "title", "description", "examples", "default", "type", "enum", "const", "properties", "required",
    "additionalProperties", "propertyNames", "items", "anyOf", "oneOf", "allOf", "not", "pattern", "minimum", "maximum",
    "exclusiveMinimum", "minLength", "maxLength", "minItems", "uniqueItems", "minProperties", "maxProperties",
}  # fmt: skip
#: A complete example of the key that the rules of its siblings need.
COMPLETE = {"input": {"csv": "grid.csv"}, "activity": {"entry": "sweep:fit"}}


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property below `schema` by its dotted path, those of unnamed keys as `*`."""
    inner = [*schema.get("properties", {}).items()]
    if isinstance(schema.get("additionalProperties"), dict):
        inner.append(("*", schema["additionalProperties"]))
    for name, each in inner:
        yield f"{path}{name}", each
        yield from properties(each, f"{path}{name}.")
    for branch in schema.get("anyOf", []):
        yield from properties(branch, path)


def fields_of(cls: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the path of each field below the dataclass `cls`, and whether it may be None."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kinds = typing.get_args(hints[field.name]) if is_union(hints[field.name]) else (hints[field.name],)
        yield f"{path}{field.name}", type(None) in kinds
        for kind in kinds:
            if dataclasses.is_dataclass(kind):
                yield from fields_of(kind, f"{path}{field.name}.")


def is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


PROPERTIES = dict(properties(SCHEMA))
FIELDS = dict(fields_of(Experiment))


def schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield `schema` and every schema in it."""
    yield schema
    for keyword in ("properties",):
        for inner in schema.get(keyword, {}).values():
            yield from schemas(inner)
    for keyword in ("additionalProperties", "propertyNames", "items", "not"):
        if isinstance(schema.get(keyword), dict):
            yield from schemas(schema[keyword])
    for keyword in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(keyword, []):
            yield from schemas(inner)


@pytest.mark.parametrize("path", PROPERTIES)
def test_every_property_is_explained_with_an_example(path: str):
    schema = PROPERTIES[path]

    assert schema["title"]
    assert schema["description"].endswith(".")
    assert schema["examples"]


@pytest.mark.parametrize("path", PROPERTIES)
def test_every_default_and_example_is_valid(path: str):
    schema = PROPERTIES[path]
    validator = jsonschema.Draft202012Validator(schema)

    values = [*schema["examples"], *([schema["default"]] if "default" in schema else [])]

    assert [error.message for value in values for error in validator.iter_errors(value)] == []


@pytest.mark.parametrize("path", [path for path in PROPERTIES if path.endswith(("_seconds", "_hours", "_usd", "rows"))])
def test_a_measured_property_names_its_unit(path: str):
    assert PROPERTIES[path]["description"].startswith("Unit: ")


@pytest.mark.parametrize("draft", [jsonschema.Draft7Validator, jsonschema.Draft202012Validator])
def test_the_schema_is_valid_in_both_drafts(draft: Any):
    draft.check_schema(SCHEMA)


def test_the_schema_uses_only_keywords_that_both_drafts_read_alike():
    used = {keyword for schema in schemas(SCHEMA) for keyword in schema}

    assert {keyword for keyword in used - SHARED_KEYWORDS if not keyword.startswith("x-")} == set()


def test_what_is_not_available_says_so_in_its_description():
    refused = {path for path, schema in PROPERTIES.items() if schema.get("x-available") is False}

    assert refused == {path for path, schema in PROPERTIES.items() if "Not available yet" in schema["description"]}
    assert refused == {
        "output.path",
    }  # fmt: skip


def test_the_fields_of_an_experiment_are_the_properties_of_the_schema():
    of_mounts = {f"mounts.*.{name}" for name, _ in fields_of(Mount)}

    inside = ("*", "input.sweep.*.range")  # of values whose keys the user chooses
    assert {*FIELDS, *of_mounts} == {path for path in PROPERTIES if not path.endswith(inside)}


@pytest.mark.parametrize("path", FIELDS)
def test_a_field_has_a_default_unless_it_may_be_none_or_must_be_given(path: str):
    section, _, name = path.rpartition(".")
    required = (PROPERTIES[section] if section else SCHEMA).get("required", [])

    assert ("default" in PROPERTIES[path]) == (not FIELDS[path] and name not in required)


def test_defaults_fill_what_is_left_out_and_leave_what_is_given():
    filled = with_defaults(SCHEMA, {"name": "digits", **COMPLETE, "compute": {"control": {"existing": "cpu"}}})

    assert filled["activity"]["max_attempts"] == 3
    assert filled["output"]["format"] == ["parquet", "csv"]
    assert filled["compute"]["control"] == {"size": "Standard_DS2_v2", "existing": "cpu", "serverless": False}
    assert "network" not in filled["compute"]
    assert "max_failed" not in filled["limits"]


def test_a_short_form_is_written_out():
    filled = with_defaults(SCHEMA, {"mounts": {"model": "models/", "data": {"path": "data", "mode": "download"}}})

    assert filled["mounts"] == {
        "model": {"path": "models/", "mode": "ro_mount"},
        "data": {"path": "data", "mode": "download"},
    }


def test_filled_defaults_are_copies():
    with_defaults(SCHEMA, {})["output"]["format"].append("xml")

    assert with_defaults(SCHEMA, {})["output"]["format"] == ["parquet", "csv"]


@pytest.mark.parametrize("value", [None, [], ["x"], "x", -1, True, {"a": None}], ids=str)
def test_no_value_of_any_key_is_a_bug_of_ours(value: Any, tmp_path: Path):
    file = tmp_path / "experiment.yaml"

    for path in PROPERTIES:
        document: dict[str, Any] = {"name": "digits", "input": {"csv": "a"}, "activity": {"entry": "a:b"}}
        *around, last = path.replace("*", "x").split(".")
        holder = document
        for key in around:
            holder = holder.setdefault(key, {})
        holder[last] = value
        file.write_text(json.dumps(document))

        with contextlib.suppress(ExperimentError):
            load_experiment(file)
