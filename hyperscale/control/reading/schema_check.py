"""Checks a document against a JSON Schema, and tells every problem in plain words.

The one module that imports jsonschema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema.protocols
import jsonschema.validators
import referencing
import referencing.exceptions

from hyperscale import uris
from hyperscale.control.reading.positions import ValuePath
from hyperscale.control.reading.schema_messages import Complaint, Violation, complaints
from hyperscale.sweep import sweep_problems


class BrokenSchemaError(ValueError):
    """A file is no JSON Schema; the message says why."""


def check_document(schema: Mapping[str, Any], document: Any) -> Iterator[tuple[ValuePath, Complaint]]:
    """Yield what is wrong with `document`: where the broken rule stands, and what to say.

    `schema` is schema.json, or one with its keywords of our own: `x-available`, `x-place`, `x-sweep`, `x-expected`,
    `x-secret` (no message shows the value).
    """
    validator = _experiment_validator()(schema, registry=referencing.Registry())
    for error in validator.iter_errors(document):
        violation = _violation(error)
        for complaint in complaints(violation):
            yield violation.path, complaint


class RowSchema:
    """The JSON Schema that a user wrote for the rows of the input."""

    def __init__(self, file: Path) -> None:
        """Read `file`.

        Raises:
            BrokenSchemaError: when it cannot be read, or is no JSON Schema.
        """
        try:
            schema = json.loads(file.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise BrokenSchemaError(f"cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise BrokenSchemaError(f"is not JSON: {error}") from error
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise BrokenSchemaError(f"is no JSON Schema: {error.message[:300]}") from error
        # An empty registry: a reference to another address is an error, and never a download.
        self._validator = kind(schema, registry=referencing.Registry())

    def complaints(self, row: Mapping[str, Any]) -> list[Complaint]:
        """Return what is wrong with `row`.

        Raises:
            BrokenSchemaError: when the schema refers to what is not in it, or holds a broken pattern.
        """
        try:
            if self._validator.is_valid(row):
                return []
            errors = list(self._validator.iter_errors(row))
        except (referencing.exceptions.Unresolvable, re.error) as error:
            raise BrokenSchemaError(f"cannot be applied: {error}") from error
        except OverflowError as error:  # multipleOf divides floats
            return [Complaint((), f"holds a number that is too large for the rules of the row schema: {error}")]
        return [complaint for error in errors for complaint in complaints(_violation(error))]


def _violation(error: jsonschema.ValidationError) -> Violation:
    about_key = "propertyNames" in list(error.schema_path)[:-1]
    path = tuple(error.absolute_path)
    return Violation(
        path=(*path, str(error.instance)) if about_key else path,
        about_key=about_key,
        value=error.instance,
        keyword=str(error.validator),
        rule=error.validator_value,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        said=error.message,
        branches=tuple(_violation(inner) for inner in error.context or ()),
    )


def _experiment_validator() -> type[jsonschema.protocols.Validator]:
    base = jsonschema.Draft202012Validator
    # To JSON Schema 3.0 is an integer; to a person who counts workers it is a mistake.
    whole = base.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    rules = {"x-available": _available, "x-sweep": _sweep, "x-place": _place, "pattern": _pattern}
    kind: type[jsonschema.protocols.Validator] = jsonschema.validators.extend(base, rules, type_checker=whole)  # type: ignore[no-untyped-call]
    return kind


def _available(_: Any, rule: Any, _value: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    if rule is False:
        yield jsonschema.ValidationError("is not available yet")


def _sweep(_: Any, _rule: Any, value: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """Yield what no schema can say of the sweep in an input: its columns have to fit each other."""
    if isinstance(value, dict) and isinstance(value.get("sweep"), dict) and value["sweep"]:
        for path, message in sweep_problems(value["sweep"], value.get("mode")):
            yield jsonschema.ValidationError(message, path=("sweep", *path))


def _place(_: Any, use: uris.Use, value: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    problem = uris.problem_of(value, use) if isinstance(value, str) and uris.is_uri(value) else None
    if problem:
        yield jsonschema.ValidationError(problem)


def _pattern(_: Any, rule: str, value: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """Match to the very end: in Python a `$` also matches before a last line break."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", rule), value):
        yield jsonschema.ValidationError(f"{value!r} does not match {rule!r}")
