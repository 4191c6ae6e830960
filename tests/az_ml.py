"""What `az ml compute create -f` and `az ml job create -f` do, by the calls that they make; no hyperscale in it.

    python az_ml.py SUBSCRIPTION RESOURCE_GROUP WORKSPACE PIPELINE_FILE [COMPUTE_FILE]...

It makes the clusters, submits the pipeline, and prints the name of its job. The extension `ml` of `az` is a thin
layer on the same library; it cannot be installed from PyPI.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from azure.ai.ml import MLClient, load_compute, load_job
    from azure.identity import DefaultAzureCredential


def main(arguments: Sequence[str]) -> None:
    subscription, group, workspace, pipeline, *clusters = arguments
    # Without polling_interval it asks every 30 seconds whether a cluster is there.
    client = MLClient(DefaultAzureCredential(), subscription, group, workspace, polling_interval=1)
    for file in clusters:
        client.compute.begin_create_or_update(load_compute(file)).result()
    sys.stdout.write(f"{client.jobs.create_or_update(load_job(pipeline)).name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
