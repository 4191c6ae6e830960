"""The real azure-ai-ml, without a workspace: it loads files and validates them as `az ml` does before it submits."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any


@cache
def sdk() -> ModuleType:
    """Return azure.ai.ml: it takes seconds to import, and the process that collects tests does not need it."""
    with warnings.catch_warnings():
        # It warns of its own libraries meanwhile; tests that use it ignore warnings for the same reason.
        warnings.simplefilter("ignore")
        import azure.ai.ml
    return azure.ai.ml


def assert_azure_ml_takes(pipeline: Path) -> Any:
    """Load and validate the pipeline, its components and its clusters as `az ml` does; return the pipeline."""
    job = sdk().load_job(pipeline)
    result = job._validate()
    assert result.passed, result
    # What is sent to the service.
    job._to_rest_object()
    for file in (pipeline.parent.parent / "components").glob("*.yml"):
        result = sdk().load_component(file)._validate()
        assert result.passed, result
    for file in (pipeline.parent.parent / "compute").glob("*.yml"):
        compute_request(file)
    return job


def compute_request(file: Path) -> dict[str, Any]:
    """Return what is sent to the service for a file of `compute/`."""
    request: dict[str, Any] = sdk().load_compute(file)._to_rest_object().as_dict()
    return request
