"""An activity that is a program: its command is filled with the values of a row, and what it leaves is the outcome."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO, Any

from hyperscale.command_template import CommandTemplate, parse_command
from hyperscale.failures import Failure
from hyperscale.node.working import plain_json
from hyperscale.node.working.activity import Activity, Context, nothing
from hyperscale.node.working.command_failure import CommandFailedError
from hyperscale.node.working.hidden_values import HiddenValues
from hyperscale.node.working.printed import ending
from hyperscale.node.working.results import MAX_RESULT_BYTES, ResultError
from hyperscale.value_limits import excess

SHELL = "/bin/sh"
#: What a failure shows of the end of standard error.
LAST_LINES = 10


def load_command(text: str, hidden: HiddenValues) -> Activity:
    """Return the activity that fills the command `text` with each row and runs it in the activity's folder.

    What it writes to standard output is the result if it is JSON, and goes into the row's log if it is not; the end of
    what is long does, without `hidden` values.
    """
    templates: dict[tuple[str, ...], CommandTemplate] = {}
    environment = {**os.environ, "PATH": _path()}

    def run(row: Mapping[str, Any], context: Context) -> Any:
        columns = tuple(row)
        template = templates.get(columns)
        if template is None:
            template = templates[columns] = parse_command(text, columns)
        return _run(template, [_value(name, row, context) for name in template.names], context, environment, hidden)

    return Activity(nothing, run, nothing)


def _value(name: str, row: Mapping[str, Any], context: Context) -> str:
    if name == "outputs":
        return str(context.outputs)
    if name == "scratch":
        return str(context.scratch)
    if name == "row_index" or (name == "key" and context.key is None):
        return str(context.row_index)
    value = context.key if name == "key" else row[name]
    text = value if isinstance(value, str) else "" if value is None else plain_json.encode(value)
    if "\0" in text:
        raise ValueError(f"the value of {name} holds a NUL character, which no command line can")
    return text


def _path() -> str:
    """Return where programs are looked for: those of this Python's environment come first, as if it were activated."""
    own = os.path.dirname(sys.executable)  # noqa: PTH120 - not resolved: of a virtual environment it is that one's
    return os.pathsep.join(filter(None, [own, os.environ.get("PATH", os.defpath)]))


def _run(
    template: CommandTemplate,
    values: list[str],
    context: Context,
    environment: Mapping[str, str],
    hidden: HiddenValues,
) -> Any:
    with tempfile.TemporaryFile(dir=context.scratch) as said, tempfile.TemporaryFile(dir=context.scratch) as told:
        # In no session of its own: whatever ends the worker ends the program.
        code = subprocess.call(
            [SHELL, "-c", template.script, "sh", *values],
            env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=told,
        )  # fmt: skip
        last_told = ending(told.fileno(), hidden)
        _repeat(last_told)
        result, is_result = _json(said) if code == 0 else (None, False)
        if not is_result:
            _repeat(ending(said.fileno(), hidden))
        if code:
            raise CommandFailedError(_failure(code, last_told))
    return result


def _failure(code: int, last: str) -> Failure:
    # The shell tells of a program that a signal ended by a code above 128.
    number = -code if code < 0 else code - 128 if 128 < code < 160 else 0
    lines = "\n".join(last.splitlines()[-LAST_LINES:])
    if number:
        what = f"the command was killed by {_signal_name(number)}"
        return Failure("killed", "CommandKilled", f"{what}\n{lines}".rstrip(), signal=number)
    return Failure(
        "exited", f"ExitCode{code}", f"the command ended with exit code {code}\n{lines}".rstrip(), exit_code=code
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _json(file: IO[bytes]) -> tuple[Any, bool]:
    """Return what is in `file` as values of JSON, and whether it is JSON that can be a result.

    Raises:
        ResultError: when it is JSON beyond `value_limits`.
    """
    if not 0 < file.seek(0, os.SEEK_END) <= MAX_RESULT_BYTES:
        return None, False
    file.seek(0)
    data = file.read()
    try:
        return json.loads(data), True
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None, False
    except (ValueError, RecursionError):  # what begins as JSON, and has more digits or levels than Python reads
        beyond = excess(data)
        if beyond and data.count(b"[") == data.count(b"]") and data.count(b"{") == data.count(b"}"):
            raise ResultError(
                f"the JSON that the command printed {beyond}: write it to a file in {{outputs}}"
            ) from None
        return None, False


def _repeat(text: str) -> None:
    """Print the end of a stream where the prints of the activity go."""
    if text:
        sys.stderr.write(text if text.endswith("\n") else f"{text}\n")
        sys.stderr.flush()
