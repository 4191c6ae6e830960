"""Names of clusters, queues, runs and components, by the rules of Azure, which its SDK does not check."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from hyperscale.errors import ExperimentError

#: What the names of event queues end with, by outcome.
_EVENT_QUEUES = {"succeeded": "success", "failed": "failure"}
#: How many clusters of one render the names can count.
MAX_CLUSTERS = 1_000
RENDER_ID_LENGTH = 6
_CLUSTER_NAME_LENGTH = 24
_EXPERIMENT_IN_CLUSTER_LENGTH = 10
#: Names of control clusters begin so; the last hyphen must be followed by a letter, and six hexadecimal digits may
#: hold none.
_CONTROL = ("hs-control-w", "hs-seed-w")


@dataclass(frozen=True)
class Rule:
    """What a name may look like.

    Attributes:
        what: has such a name.
        pattern: that the whole name matches.
        sentence: the pattern for people.
    """

    what: str
    pattern: re.Pattern[str]
    sentence: str

    def problem(self, name: str) -> str | None:
        """Return what is wrong with `name`, None when nothing is."""
        if self.pattern.fullmatch(name):
            return None
        return f"{name!r} is no name of {self.what}: {self.sentence}"

    def check(self, name: str) -> str:
        """Return `name`.

        Raises:
            ExperimentError: when it breaks the rule.
        """
        problem = self.problem(name)
        if problem:
            raise ExperimentError(problem, hint="choose another name")
        return name


EXPERIMENT = Rule(
    "an experiment",
    re.compile(r"(?=.{1,32}\Z)[a-z](-?[a-z0-9])*", re.ASCII),
    "at most 32 lower case letters, digits and single hyphens, from a letter to a letter or digit",
)
#: A hyphen must be followed by a letter later in the name (how-to-create-attach-compute-cluster.md).
COMPUTE = Rule(
    "a compute",
    re.compile(r"(?=.{3,24}\Z)[A-Za-z]([A-Za-z0-9]|-(?=.*[A-Za-z]))*", re.ASCII),
    "3 to 24 letters, digits and hyphens, from a letter on, and a letter somewhere after each hyphen",
)
#: Clusters that are older than that rule have names such as gpu-K80-2.
EXISTING_COMPUTE = Rule(
    "a compute",
    re.compile(r"[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]", re.ASCII),
    "3 to 24 letters, digits and hyphens, from a letter to a letter or digit",
)
COMPONENT = Rule(
    "a component",
    re.compile(r"(?=.{1,255}\Z)[a-z][a-z\d_]*", re.ASCII),
    "at most 255 lower case letters, digits and underscores, from a letter on",
)
JOB = Rule(
    "a pipeline's job",
    re.compile(r"[a-z_][a-z\d_]*", re.ASCII),
    "lower case letters, digits and underscores, from a letter or underscore on",
)
#: Azure ML makes environment variables of inputs; these names are taken (reference-yaml-job-command.md).
INPUT = Rule(
    "an input or output",
    re.compile(r"(?!(path|ld_library_path|user|logname|home|pwd|shell)\Z)[a-z_][a-z0-9_]*", re.ASCII | re.IGNORECASE),
    "letters, digits and underscores, from a letter or underscore on, and none of path, ld_library_path, user, "
    "logname, home, pwd, shell",
)
QUEUE = Rule(
    "a queue",
    re.compile(r"(?=.{3,63}\Z)[a-z0-9](-?[a-z0-9])*", re.ASCII),
    "3 to 63 lower case letters, digits and single hyphens, from a letter or digit to a letter or digit",
)
RUN_NAME = Rule(
    "a run in a pipeline",
    re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", re.ASCII),
    "at most 63 letters, digits, hyphens and underscores, from a letter or digit to a letter or digit",
)
STORAGE_ACCOUNT = Rule(
    "a storage account", re.compile(r"[a-z0-9]{3,24}", re.ASCII), "3 to 24 lower case letters and digits"
)
#: Azure ML mounts a file under its own name, which then stands in single quotes in a command line.
DATA = Rule("a file or folder of the input", re.compile(r"[^']*"), "a ' cannot stand in a command line")
#: Taken as it is by file systems, command lines and the data references of Azure ML.
PLAIN_FILE = Rule(
    "a file",
    re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII),
    "at most 100 letters, digits, dots, underscores and hyphens, from a letter or digit on",
)
CONTAINER = Rule("a container", QUEUE.pattern, QUEUE.sentence)


def new_run_id(name: str, now: datetime, random_hex: str) -> str:
    """Return the id of a run that starts `now`; queues and folders are named after it.

    Args:
        name: of the experiment.
        now: aware; the id shows it in UTC.
        random_hex: 4 random hexadecimal digits: runs may start in the same second.
    """
    stamp = now.astimezone(timezone.utc).strftime("%Y%m%d-%H%M%S")
    return QUEUE.check(f"{EXPERIMENT.check(name)}-{stamp}-{random_hex[:4]}")


def event_queue(experiment: str, outcome: str) -> str:
    """Return the name of the queue that tells of rows that "succeeded" or "failed", in all runs of `experiment`."""
    return QUEUE.check(f"{EXPERIMENT.check(experiment)}-{_EVENT_QUEUES[outcome]}")


def render_id(*parts: Any) -> str:
    """Return 6 hexadecimal digits of a hash over `parts`, which are what JSON can hold."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:RENDER_ID_LENGTH]


def cluster_names(experiment: str, render: str, count: int) -> tuple[str, ...]:
    """Return the names of `count` clusters, `hs-digits-a1b2c3-c00` and so on.

    Args:
        experiment: its name; the first 10 characters are shown, fewer when the numbers are long.
        render: the render id: compute names are unique in a whole Azure region.
        count: 0 to `MAX_CLUSTERS`.
    """
    digits = max(2, len(str(count - 1)))
    room = _CLUSTER_NAME_LENGTH - len("hs-") - len(f"-{render}-c") - digits
    short = experiment[: min(room, _EXPERIMENT_IN_CLUSTER_LENGTH)].rstrip("-")
    return tuple(COMPUTE.check(f"hs-{short}-{render}-c{number:0{digits}}") for number in range(count))


def control_cluster_name(of: Literal["control", "seed"], place: Iterable[str | None], settings: Any) -> str:
    """Return the name of a cluster that the runs of a workspace share.

    Other settings are another cluster: a PUT of a compute that exists overwrites it, so that `az ml compute create` of
    one clone's file would change the cluster on which the runs of another are at work.

    Args:
        of: which of the two: "seed", for seeds, or "control", for teardowns and gates.
        place: subscription, resource group and workspace.
        settings: all that its file says of it, as JSON can hold it.
    """
    return COMPUTE.check(f"hs-{of}-w{render_id(*place, settings)}")


def is_control_cluster(name: str) -> bool:
    """Return whether `name` is that of a control cluster that hyperscale has made."""
    return name.startswith(_CONTROL)
