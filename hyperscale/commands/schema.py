"""Print the JSON Schema of experiment.yaml."""

from __future__ import annotations

import argparse

from hyperscale.commands import add_json
from hyperscale.control.resources import schema_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --json, which changes nothing: the schema is JSON."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001
    """Print schema.json as it is."""
    print(schema_path().read_text(encoding="utf-8"), end="")
    return 0
