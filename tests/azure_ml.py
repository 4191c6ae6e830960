"""The real azure-ai-ml, without a workspace: it loads files and validates them as `az ml` does before it submits."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    # The SDK warns of its own libraries while it is imported; tests that use it ignore warnings for the same reason.
    warnings.simplefilter("ignore")
    from azure.ai.ml import load_component, load_compute, load_job


def assert_azure_ml_takes(pipeline: Path) -> Any:
    """Load and validate the pipeline, its components and its clusters as `az ml` does; return the pipeline."""
    job = load_job(pipeline)
    result = job._validate()
    assert result.passed, result
    # What is sent to the service.
    job._to_rest_object()
    for file in (pipeline.parent.parent / "components").glob("*.yml"):
        result = load_component(file)._validate()
        assert result.passed, result
    for file in (pipeline.parent.parent / "compute").glob("*.yml"):
        compute_request(file)
    return job


def compute_request(file: Path) -> dict[str, Any]:
    """Return what is sent to the service for a file of `compute/`."""
    request: dict[str, Any] = load_compute(file)._to_rest_object().as_dict()
    return request
