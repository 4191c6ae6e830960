"""The limits of an experiment: whether a run has passed one."""

from __future__ import annotations

from hyperscale.experiment import Limits

#: A share of failed rows says nothing before so many outcomes.
OUTCOMES_OF_A_SHARE = 100


def passed_limit(
    limits: Limits, *, seconds: float, rows: int, succeeded: int, failed: int, cost_usd: float | None
) -> str | None:
    """Return which limit a run has passed, for people; None when it has passed none.

    Args:
        limits: of its experiment.
        seconds: since it began.
        rows: of it, as far as known.
        succeeded: rows that have.
        failed: rows that have.
        cost_usd: of all its nodes so far; None where nobody knows a price, and no cost passes a limit.
    """
    hours = seconds / 3600
    if hours >= limits.max_hours:
        return f"limits.max_hours is {limits.max_hours:.15g}, the run has taken {hours:.1f} hours"
    if limits.max_cost_usd is not None and cost_usd is not None and cost_usd >= limits.max_cost_usd:
        return f"limits.max_cost_usd is {limits.max_cost_usd:.15g}, the nodes have cost ${cost_usd:,.2f}"
    if passes_max_failed(limits.max_failed, rows=rows, succeeded=succeeded, failed=failed):
        return f"limits.max_failed is {limits.max_failed}, {failed:,} of {rows:,} rows have failed"
    return None


def passes_max_failed(max_failed: int | str | None, *, rows: int, succeeded: int, failed: int) -> bool:
    """Return whether more rows failed than the limit allows.

    Args:
        max_failed: a number of rows; or a share of all rows, such as "5%", which says nothing before the
            100th outcome (or the last one); or None.
        rows: of the run.
        succeeded: rows that have.
        failed: rows that have.
    """
    if max_failed is None:
        return False
    text = str(max_failed).strip()
    if not text.endswith("%"):
        return failed > int(text)
    is_told = succeeded + failed >= min(OUTCOMES_OF_A_SHARE, rows)
    return is_told and failed > rows * float(text[:-1]) / 100
