"""How many rows share a message: as many as a call takes, as few as keep every worker busy, and never too large."""

from __future__ import annotations

import math

from hyperscale.body import FILL_BODY_BYTES
from hyperscale.experiment import Experiment
from hyperscale.input_facts import InputFacts

#: Messages a worker: enough that the last ones to finish are short, few enough that requests stay cheap.
MESSAGES_PER_WORKER = 20
#: What the head of a message takes beside its rows and column names, in bytes.
BODY_HEAD_BYTES = 512


def rows_per_message(experiment: Experiment, facts: InputFacts, workers: int, notes: list[str]) -> int:
    """Return how many rows share a message, at most.

    Args:
        experiment: says how many, or "auto".
        facts: of its input.
        workers: of the run.
        notes: takes what should be known.
    """
    room = FILL_BODY_BYTES - BODY_HEAD_BYTES - sum(len(column) + 3 for column in facts.columns)
    # Each row brings a comma.
    fitting = max(1, int(room / (facts.row_bytes + 1)))
    share = facts.rows // workers
    asked = experiment.parallelism.rows_per_message
    if asked == "auto":
        # A call takes its rows from one message: a message of less than a call would never fill one. But fewer
        # messages than workers would leave nodes without work that are paid for.
        per_call = experiment.activity.rows_per_call
        calls = math.ceil(max(1, round(facts.rows / (workers * MESSAGES_PER_WORKER))) / per_call)
        chosen = min(calls * per_call, fitting, share)
        if chosen < per_call:
            why = f"{workers:,} workers share {facts.rows_text} rows" if chosen == share else "no more fit in a message"
            notes.append(f"calls get up to {chosen:,} rows, not {per_call:,}: {why}")
        return chosen
    if asked > fitting:
        size = f"so many rows of about {facts.row_bytes:,.0f} bytes fit"
        notes.append(f"rows per message lowered from {asked:,} to {fitting:,}: {size}")
    messages = math.ceil(facts.rows / min(asked, fitting))
    if messages < workers:
        idle = f"the others have nothing to do; lower parallelism.rows_per_message to {share:,}"
        notes.append(f"{messages:,} message{'s' * (messages > 1)} for {workers:,} workers: {idle}")
    return min(asked, fitting)
