"""Gives frames of functions that travelled to workers by value their file and their line of code back.

cloudpickle leaves the file's name out, and a worker could not read a cell of a notebook anyway.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

#: A frame, "file:line function: code", as a worker tells it of such a function.
_FRAME = re.compile(r"<dynamic-code>:(?P<line>\d+) (?P<name>\S+): ?")
#: How a kernel names the files that its cells are not in.
_CELL = "ipykernel_"


def with_source(frames: Sequence[str], function: Any) -> tuple[str, ...]:
    """Return `frames` with what is known here of the code of `function`, and of what it calls in its own module."""
    if not any(_FRAME.fullmatch(frame) for frame in frames):
        return tuple(frames)
    codes = list(_codes(function, set()))
    return tuple(_told(frame, codes) for frame in frames)


def _told(frame: str, codes: Sequence[CodeType]) -> str:
    found = _FRAME.fullmatch(frame)
    if found is None:
        return frame
    line, name = int(found["line"]), found["name"]
    code = next((code for code in codes if code.co_name == name and line in _lines(code)), None)
    if code is None:
        return frame
    return f"{_file(code.co_filename)}:{line} {name}: {linecache.getline(code.co_filename, line).strip()}"


def _lines(code: CodeType) -> set[int]:
    return {line for *_, line in code.co_lines() if line is not None}


def _file(name: str) -> str:
    if _CELL in name:
        return "<cell>"
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def _codes(value: Any, seen: set[int]) -> Iterator[CodeType]:
    """Yield the code of a function or a class, of what stands inside, and of functions that it names."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, type):
        for part in vars(value).values():
            yield from _codes(part, seen)
    elif isinstance(value, CodeType):
        yield value
        for part in value.co_consts:
            yield from _codes(part, seen)
    elif isinstance(value, FunctionType):
        yield from _codes(value.__code__, seen)
        named = [value.__globals__.get(name) for name in value.__code__.co_names]
        for other in (*named, *_enclosed(value)):
            if getattr(other, "__module__", None) == value.__module__:
                yield from _codes(other, seen)


def _enclosed(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it has no value yet
            yield cell.cell_contents
