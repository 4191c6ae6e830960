"""What a new folder is to be like: the examples that there are, and the questions that lead to one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hyperscale.whole_numbers import whole_number

#: Each example, and what it shows; `templates/init/` has a folder for each.
EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "table": "a Python function for each line of a table",
        "sweep": "a Python function for each combination of values",
        "files": "a Python class for each file",
        "command": "a program for each line of a table",
        "command-files": "a program for each file",
        "many-models": "a Python function for each group of a table's lines",
    }
)
DEFAULT_EXAMPLE = "table"
DEFAULT_WORKERS = 4
#: More than this is not asked for at the first run: a slip of the finger, rather.
MOST_WORKERS = 100_000


@dataclass(frozen=True)
class Wish:
    """What a new folder is to be like.

    Attributes:
        example: one of `EXAMPLES`, unless a function is named.
        function: `module:name` of a function that exists; empty for an example.
        workers: rows worked on at the same time.
    """

    example: str = DEFAULT_EXAMPLE
    function: str = ""
    workers: int = DEFAULT_WORKERS


@dataclass(frozen=True)
class Choice:
    """A question with a few answers; the first is what most want.

    Attributes:
        question: what is asked.
        answers: what each answer means to `Wish`, and how it is put.
    """

    question: str
    answers: Mapping[str, str]


ROWS = Choice(
    "What are your rows?",
    MappingProxyType(
        {
            "table": "lines of a table (CSV)",
            "sweep": "combinations of values (a sweep)",
            "files": "files",
            "groups": "groups of a table's lines (one model for each store, say)",
        }
    ),
)
_FUNCTION = ("function", "a Python function that I write")
_COMMAND = ("command", "a program")
_EXISTING = ("existing", "a Python function that I have")
#: What can be done with each kind of row.
_WORK: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "table": (_FUNCTION, _COMMAND, _EXISTING),
        "sweep": (_FUNCTION,),
        "files": (_FUNCTION, _COMMAND),
        "groups": (_FUNCTION,),
    }
)


def work_on(rows: str) -> Choice:
    """Return the question what is done with each of `rows`, an answer to `ROWS`; it may have one answer alone."""
    return Choice("What is done with each?", MappingProxyType(dict(_WORK[rows])))


def example_of(rows: str, work: str) -> str:
    """Return the example that shows `work` on `rows`."""
    if work == "command":
        return "command-files" if rows == "files" else "command"
    return "many-models" if rows == "groups" else rows


def picked(answer: str, choice: Choice) -> str | None:
    """Return the answer that somebody has typed: its number, or nothing for the first; None for anything else."""
    answers = list(choice.answers)
    if not answer:
        return answers[0]
    if answer in answers:
        return answer
    number = whole_number(answer) or 0
    return answers[number - 1] if 1 <= number <= len(answers) else None


def worker_count(answer: str) -> int | None:
    """Return the number of workers that somebody has typed, nothing for the usual number; None for anything else."""
    if not answer:
        return DEFAULT_WORKERS
    number = whole_number(answer) or 0
    return number if 1 <= number <= MOST_WORKERS else None
