"""Answers open questions about Azure from a run that is over: `python tests/smoke/open_questions.py FILE RUN`.

It reads docs/assumptions.yaml, asks what each entry's `smoke` names, changes nothing but one cancel of a step that is
over, and prints a table of what was assumed and what it saw. `make azure-smoke` starts it in a process of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hyperscale.control.azure.session import Session
from hyperscale.control.follow.finding import find_session
from hyperscale.errors import HyperscaleError
from hyperscale.node.azure.refusals import RefusedError
from hyperscale.node.azure.resource_manager import ResourceManager
from hyperscale.node.azure.workspace import API_VERSION
from hyperscale.node.storing.credentials import PERSON
from hyperscale.quota import quota_of

ASSUMPTIONS = Path(__file__).resolve().parents[2] / "docs" / "assumptions.yaml"
#: So many requests in a row show whether run history minds.
MANY_REQUESTS = 60
WITH_MODE_OF_DATASTORES = "2024-10-01"
NOT_ASKED = "not asked by this run"


@dataclass(frozen=True)
class FinishedRun:
    """A run that is over, and the workspace that it was in; its first job has its id as name."""

    session: Session
    run_id: str

    def job(self) -> dict[str, Any]:
        """Return the properties of its job, as Azure has them."""
        path = f"{self.session.workspace.name.path}/jobs/{self.run_id}"
        document = self.session.workspace.azure.get(path, api_version=API_VERSION) or {}
        return dict(document.get("properties") or {})

    def children(self) -> list[dict[str, Any]]:
        """Return its steps, as run history has them."""
        return list(self.session.workspace.azure.pages(f"{self.history}/runs/{self.run_id}/children"))

    @property
    def history(self) -> str:
        told = self.session.workspace.azure.get(self.session.facts.discovery_url) or {}
        return f"{told['api']}/history/v1.0{self.session.workspace.name.path}"


def cancel_of_a_step(run: FinishedRun) -> str:
    step = run.children()[-1]
    path = f"{run.session.workspace.name.path}/jobs/{step['runId']}/cancel"
    try:
        run.session.workspace.azure.send("POST", path, {"api_version": API_VERSION})
    except RefusedError as refused:
        return f"of {step['displayName']}, which was over, it was refused: {refused.status} {refused.code}"
    return f"of {step['displayName']}, which was over, it was taken"


def mounted_input(run: FinishedRun) -> str:
    addresses = [str(one.get("uri") or "") for one in (run.job().get("inputs") or {}).values()]
    kinds = sorted({address.partition("://")[0] for address in addresses if "://" in address})
    tags = run.job().get("tags") or {}
    return f"nodes read inputs at {', '.join(kinds) or 'no address'}; {tags.get('succeeded', 'unknown')} rows succeeded"


def json_input(run: FinishedRun) -> str:
    texts = [str(one.get("value") or "") for one in (run.job().get("inputs") or {}).values()]
    longest = max((text for text in texts if text.startswith("{")), key=len, default="")
    marks = sorted({mark for mark in "\"'\\;$`" if mark in longest})
    said = f"{len(longest):,} characters with {' '.join(marks) or 'no quotes'} reached seed"
    return f"{said}, which is {_status(run, 'seed')}"


def _status(run: FinishedRun, name: str) -> str:
    found = (step["status"] for step in run.children() if str(step["displayName"]).startswith(name))
    return next(found, "not there")


def order_of_steps(run: FinishedRun) -> str:
    started = [step for step in run.children() if step.get("startTimeUtc")]
    return ", ".join(str(step["displayName"]) for step in sorted(started, key=lambda step: step["startTimeUtc"])[:8])


def refused_requests(run: FinishedRun) -> str:
    refused = 0
    url = f"{run.history}/runs/{run.run_id}"
    with closing(ResourceManager(run.session.credential, who=PERSON, retries=0)) as once:
        for _ in range(MANY_REQUESTS):
            try:
                once.get(url)
            except RefusedError:
                refused += 1
    return f"of {MANY_REQUESTS} requests in a row {refused} were refused"


def rows_of_quota(run: FinishedRun) -> str:
    rows = run.session.workspace.usages(run.session.facts.location)
    unknown = []
    for row in rows:
        quota = quota_of([row])
        is_known = quota.clusters or quota.dedicated or quota.low_priority or quota.families
        if not is_known and "low" not in str(row).lower() and "workspaces/" not in str(row.get("type")):
            unknown.append(str(row.get("type")))
    return f"{len(rows)} rows, {len(unknown)} not understood{f': {unknown[0]}' if unknown else ''}"


def mode_of_datastores(run: FinishedRun) -> str:
    path = run.session.workspace.name.path
    document = run.session.workspace.azure.get(path, api_version=WITH_MODE_OF_DATASTORES) or {}
    return f"it says {(document.get('properties') or {}).get('systemDatastoresAuthMode', 'nothing')}"


def tags_of_the_job(run: FinishedRun) -> str:
    tags = run.job().get("tags") or {}
    return f"succeeded={tags['succeeded']}" if "succeeded" in tags else "the job has no tag `succeeded`"


def types_of_outputs(run: FinishedRun) -> str:
    asked = {"runId": run.run_id, "selectRunMetadata": True}
    document = run.session.workspace.azure.send("POST", f"{run.history}/rundata", {}, body=asked) or {}
    outputs = (document.get("runMetadata") or {}).get("outputs") or {}
    types = sorted({str(one.get("type")) for one in outputs.values()})
    return f"the job's outputs are of type {', '.join(types)}" if types else "the job has no outputs"


QUESTIONS: dict[str, Callable[[FinishedRun], str]] = {
    each.__name__: each
    for each in (
        cancel_of_a_step,
        mounted_input,
        json_input,
        order_of_steps,
        refused_requests,
        rows_of_quota,
        mode_of_datastores,
        tags_of_the_job,
        types_of_outputs,
    )
}


def answers(run: FinishedRun) -> list[tuple[str, str]]:
    """Return what was assumed and what is seen of each open question; what cannot be asked ends nothing."""
    found = []
    for each in yaml.safe_load(ASSUMPTIONS.read_text("utf-8"))["open"]:
        seen = NOT_ASKED
        if "smoke" in each:
            try:
                seen = QUESTIONS[each["smoke"]](run)
            except (HyperscaleError, LookupError, TypeError, ValueError) as problem:
                seen = f"could not be asked: {type(problem).__name__}: {problem}"
        found.append((each["assumed"], seen))
    return found


def main(file: str, run_id: str) -> int:
    session = find_session(Path(file), os.environ)
    with closing(session.workspace.azure):
        found = answers(FinishedRun(session, run_id))
    sys.stdout.write("\n| assumed | seen |\n|---|---|\n")
    sys.stdout.writelines(f"| {assumed} | {seen} |\n" for assumed, seen in found)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
