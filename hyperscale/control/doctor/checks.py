"""What `doctor` has found out, one line each: it is in order, it is missing, or nobody could see."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hyperscale.control.terminal_text import padded, width_of
from hyperscale.errors import AzureError, HyperscaleError
from hyperscale.figures import counted
from hyperscale.node.azure.refusals import RefusedError

State = Literal["ok", "missing", "unknown"]


@dataclass(frozen=True)
class Check:
    """One thing that a run on Azure ML needs.

    Attributes:
        about: the heading that it stands under: "you", "the run", "storage" ...
        what: that is needed.
        state: "unknown" is what could not be seen; it may be in order.
        found: what is.
        todo: what to do about it; empty when there is nothing to do.
        is_fatal: whether a run without it would be in vain: it is refused before anything is made.
    """

    about: str
    what: str
    state: State
    found: str
    todo: str = ""
    is_fatal: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return it, ready for JSON."""
        return dataclasses.asdict(self)


def guarded(about: str, what: str, ask: Callable[[], Sequence[Check]]) -> list[Check]:
    """Return the checks of `ask`; when Azure refuses, or does not answer, one that says so."""
    try:
        return list(ask())
    except HyperscaleError as error:
        return [of_error(about, what, error)]


def of_error(about: str, what: str, error: HyperscaleError) -> Check:
    """Return what an error says about a thing that is needed: a refusal leaves unknown what is behind it."""
    return Check(about, what, "unknown", str(error), error.hint or "")


def exit_code(checks: Sequence[Check]) -> int:
    """Return 0, or that of AzureError when something is missing."""
    return AzureError.exit_code if any(check.state == "missing" for check in checks) else 0


def is_no_access(error: HyperscaleError) -> bool:
    """Return whether Azure said that who asks may not."""
    return isinstance(error, RefusedError) and error.status in (401, 403)


def check_lines(checks: Sequence[Check]) -> list[str]:
    """Return the checks for people, under their headings, and a last line that counts them."""
    lines: list[str] = []
    width = max((width_of(check.what) for check in checks), default=0)
    for about in dict.fromkeys(check.about for check in checks):
        lines.append(about)
        for check in (check for check in checks if check.about == about):
            lines.append(f"  {check.state:<7}  {padded(check.what, width)}  {check.found}".rstrip())
            if check.todo:
                lines.append(f"           -> {check.todo}")
    return [*lines, "", last_line(checks)]


def last_line(checks: Sequence[Check]) -> str:
    """Return how many things are in order, missing and unknown."""
    count = {state: sum(check.state == state for check in checks) for state in ("ok", "missing", "unknown")}
    if not count["missing"] and not count["unknown"]:
        return f"All {len(checks)} are in order."
    said = f"{count['ok']} of {counted(len(checks), 'check')} in order, {count['missing']} missing"
    return f"{said}, {count['unknown']} could not be seen."
