"""What the lines of az do that `hyperscale render` prints, by the calls that they make; no hyperscale in it.

    python az_ml.py < LINES

It does what each line `az ml compute create` or `az ml job create` says, and prints the name of each job. The extension
`ml` of `az` is a thin layer on the same library; it cannot be installed from PyPI.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from azure.ai.ml import MLClient, load_compute, load_job
    from azure.identity import DefaultAzureCredential


def main() -> None:
    for line in sys.stdin:
        words = shlex.split(line)
        if words[:2] != ["az", "ml"] or words[3] != "create":
            raise SystemExit(f"no line of az ml: {line}")
        values = _parser().parse_args([words[2], *words[4:]])
        # Without polling_interval it asks every 30 seconds whether a cluster is there.
        place = (values.subscription, values.group, values.workspace)
        client = MLClient(DefaultAzureCredential(), *place, polling_interval=1)
        if values.kind == "compute":
            client.compute.begin_create_or_update(load_compute(values.file)).result()
        else:
            overrides = [dict([setting.split("=", 1)]) for setting in values.set]
            if values.name:
                overrides.append({"name": values.name})
            job = load_job(values.file, params_override=overrides)
            sys.stdout.write(f"{client.jobs.create_or_update(job).name}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("compute", "job"))
    parser.add_argument("-f", dest="file", required=True)
    parser.add_argument("--subscription", required=True)
    parser.add_argument("-g", dest="group", required=True)
    parser.add_argument("-w", dest="workspace", required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--set", action="append", default=[])
    return parser


if __name__ == "__main__":
    main()
