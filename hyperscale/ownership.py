"""Decides which clusters and jobs of a workspace belong to a run: by their names and our own tags, never by a record.

What `run.json` and the records of joins say is a claim: anybody who may write to the store can change it. Whatever
deletes a cluster asks here first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hyperscale.azure_run import TAG_CONTROL, TAG_RENDER, TAG_RUN, AzureRun

#: What the pipeline's input `run_id` holds when the job's own name is the run's id.
AUTO = "auto"


class Owner(NamedTuple):
    """Whose a cluster is.

    Attributes:
        tag: TAG_RUN: one run's; TAG_RENDER: it is shared by all runs of one set of rendered files.
        value: the run's id, or the render id.
    """

    tag: str
    value: str

    def __str__(self) -> str:
        """Return the tag as people write it."""
        return f"{self.tag}={self.value}"


@dataclass(frozen=True)
class Claim:
    """The clusters that a run says are its own.

    Attributes:
        run_id: of the run, as everybody knows it: not from the same record.
        clusters: names.
        tag, value: what they are said to be tagged with.
    """

    run_id: str
    clusters: tuple[str, ...]
    tag: str
    value: str

    @property
    def owner(self) -> Owner:
        """Return whose the clusters are said to be."""
        return Owner(self.tag, self.value)

    @property
    def is_shared(self) -> bool:
        """Return whether other runs may use the same clusters: those of one render do."""
        return self.tag == TAG_RENDER


def claim_of(run: AzureRun, run_id: str) -> Claim:
    """Return what `run`, the record of the run `run_id`, claims."""
    return Claim(run_id, run.clusters, run.tag, run.tag_value)


def owner_of(tags: Mapping[str, str]) -> Owner | None:
    """Return whose a cluster with `tags` is; None when no run may delete it: a stranger's, or a control cluster."""
    if TAG_CONTROL in tags:
        return None
    return next((Owner(tag, tags[tag]) for tag in (TAG_RUN, TAG_RENDER) if tags.get(tag)), None)


def claim_problem(claim: Claim) -> str:
    """Return why the tag that `claim` names cannot be its run's; empty when it can."""
    if claim.tag not in (TAG_RUN, TAG_RENDER):
        return (
            f"{claim.tag or 'no tag'} is not a tag that says whose a cluster is: {TAG_RUN} or {TAG_RENDER} was expected"
        )
    if not claim.value:
        return f"the tag {claim.tag} has no value, so it does not say whose the cluster is"
    if claim.tag == TAG_RUN and claim.value != claim.run_id:
        return f"{claim.owner} is another run's tag, not {TAG_RUN}={claim.run_id}"
    return ""


def why_not_owned(claim: Claim, name: str, tags: Mapping[str, str]) -> str:
    """Return why the run of `claim` may not delete a cluster; empty when it may.

    A cluster that joined the run is tagged with the run's id, also when the run's own are tagged with a render id.

    Args:
        claim: of the run.
        name: of the cluster.
        tags: that the cluster has now, as Azure says.
    """
    problem = claim_problem(claim)
    if problem:
        return problem
    if name not in claim.clusters:
        return f"run {claim.run_id} does not name it"
    if TAG_CONTROL in tags:
        return "it is a control cluster, which all runs share"
    if owner_of(tags) not in (claim.owner, Owner(TAG_RUN, claim.run_id)):
        return f"it is not tagged {claim.owner}"
    return ""


def run_of_job(name: str, tags: Mapping[str, str], run_id: str = AUTO) -> str:
    """Return the id of the run that a pipeline job is part of.

    Args:
        name: of the job.
        tags: of the job; `submit` tags each job of a run with its id.
        run_id: the job's input of that name, empty when it has none.
    """
    if tags.get(TAG_RUN):
        return tags[TAG_RUN]
    return run_id if run_id not in ("", AUTO) else name.lower().replace("_", "-")
