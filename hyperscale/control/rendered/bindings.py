"""What `${{...}}` of a rendered file means here: which step waits for which, what a command line becomes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from hyperscale.errors import ExperimentError

#: What follows it is Python, whatever the image calls its interpreter.
NODE_PROGRAM = "hyperscale.node"
State = Literal["waiting", "running", "succeeded", "failed", "skipped"]

_EXPRESSION = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
_PARENT_OUTPUT = re.compile(r"parent\.jobs\.([^.]+)\.outputs\.([^.]+)")
_INTERPRETER = re.compile(r"python[0-9.]*")
#: What a shell would act on outside quotes; inside double quotes it still acts on the ones that expand.
_OPERATORS = frozenset(";|&<>()*?[]~#\n`")
_EXPANDS_IN_DOUBLE_QUOTES = frozenset("`")


def parents_of(values: Iterable[str]) -> frozenset[str]:
    """Return the jobs whose outputs the input `values` of a job name: it starts after they have succeeded."""
    expressions = [name for value in values for name in _EXPRESSION.findall(value)]
    return frozenset(match.group(1) for name in expressions if (match := _PARENT_OUTPUT.fullmatch(name)))


def fill(text: str, values: Mapping[str, str], where: str) -> str:
    """Return `text` with each `${{name}}` replaced by the value of that name.

    Args:
        text: of an input or of one argument of a command line.
        values: by name as it stands in the braces, such as `inputs.run_id`.
        where: file and place of the text, for the message.

    Raises:
        ExperimentError: when a name has no value.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise ExperimentError(
                f"{where}: ${{{{{name}}}}} has no value; there are: {', '.join(sorted(values)) or 'none'}",
                hint="correct the name, or give the input in the pipeline file",
            )
        return values[name]

    return _EXPRESSION.sub(value, text)


def command_arguments(command: str, values: Mapping[str, str], *, where: str, python: str) -> list[str]:
    """Return the arguments that `command` starts a program with; no shell is ever involved.

    The command line is split first and filled after that: a value is one argument whatever is in it.

    Args:
        command: of a component, as its file has it.
        values: what `fill` takes.
        where: file and place of the command, for messages.
        python: path of the interpreter that stands in for the image's, when the program is a Python.

    Raises:
        ExperimentError: when the command needs a shell, its quotes are open, or a name has no value.
    """
    compact = _EXPRESSION.sub(lambda match: f"${{{{{match.group(1)}}}}}", command.replace("\\\n", " ").strip())
    operator = shell_operator(compact)
    if operator:
        raise ExperimentError(
            f"{where}: {operator} needs a shell; on this machine a command line starts one program, without one",
            hint="put it in single quotes if it is part of a value, or call a script that does the steps",
        )
    try:
        words = shlex.split(compact)
    except ValueError as error:
        raise ExperimentError(f"{where}: the command line cannot be split: {error}", hint="close the quotes") from error
    if not words:
        raise ExperimentError(f"{where}: the command line is empty", hint="name the program to start")
    arguments = [fill(word, values, where) for word in words]
    if _INTERPRETER.fullmatch(arguments[0].rpartition("/")[2]) or arguments[1:3] == ["-m", NODE_PROGRAM]:
        arguments[0] = python
    return arguments


def shell_operator(command: str) -> str | None:
    """Return the first thing in `command` that only a shell can act on, such as `&&` or `$(`, or None."""
    quote = ""
    position = 0
    while position < len(command):
        character = command[position]
        if character == quote:
            quote = ""
        elif quote == "'":
            pass
        elif character == "\\":
            position += 1
        elif character in "'\"" and not quote:
            quote = character
        elif found := _operator_at(command, position, quote):
            return found
        elif expression := _EXPRESSION.match(command, position):
            position = expression.end() - 1
        position += 1
    return None


def _operator_at(command: str, position: int, quote: str) -> str | None:
    character = command[position]
    if (
        character == "$"
        and re.match(r"\$[({\w@?!$#*]", command[position:])
        and not _EXPRESSION.match(command, position)
    ):
        return command[position : position + 2]
    if character == "#" and position and not command[position - 1].isspace():
        return None
    if character not in (_EXPANDS_IN_DOUBLE_QUOTES if quote else _OPERATORS):
        return None
    if character == "\n":
        return "a line break"
    return (
        command[position : position + 2] if command[position : position + 2] in {"&&", "||", ">>", "<<"} else character
    )


def next_steps(
    needs: Mapping[str, Collection[str]], states: Mapping[str, State]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which waiting jobs start now, and which never will: one that they need failed or was skipped.

    Args:
        needs: job to the jobs whose outputs it reads.
        states: of every job.
    """
    waiting = [job for job in needs if states[job] == "waiting"]
    skip = tuple(job for job in waiting if any(states[need] in ("failed", "skipped") for need in needs[job]))
    start = tuple(job for job in waiting if all(states[need] == "succeeded" for need in needs[job]))
    return start, skip


def check_order(needs: Mapping[str, Collection[str]], where: str) -> None:
    """See that every job can start once the jobs that it needs have succeeded.

    Raises:
        ExperimentError: when a job needs one that does not exist, or jobs wait for each other.
    """
    for job, needed in needs.items():
        for need in needed:
            if need not in needs:
                raise ExperimentError(f"{where}: job {job} reads an output of job {need}, which does not exist")
    left = dict(needs)
    while ready := [job for job, needed in left.items() if not any(need in left for need in needed)]:
        for job in ready:
            del left[job]
    if left:
        raise ExperimentError(f"{where}: jobs {', '.join(left)} wait for each other")
