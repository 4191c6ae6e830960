"""The signature of a failure: what it has in common with the failures of other rows that have the same reason.

Everything that groups failures, or chooses rows by why they failed, does so by this one function.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

#: Of the user's frames, so many innermost ones tell reasons apart: who called the code that raises may be many.
LAST_FRAMES = 3
#: Of a line of a message, so much tells reasons apart.
MAX_LINE = 300
ID_LENGTH = 8
_QUOTED = (
    # A quote that no letter stands before: not the apostrophe of "can't". One that is cut off ends with its line.
    r"(?<!\w)[bruBRU]{0,2}(?:'(?:\\.|[^'\\\n])*(?:'(?!\w)|$)|\"(?:\\.|[^\"\\\n])*(?:\"(?!\w)|$))"
    r"|`[^`'\n]*[`']"
)
_SUFFIXES = (
    "csv|tsv|json|jsonl|parquet|txt|xml|ya?ml|npy|npz|h5|pkl|pth?|onnx|zip|gz|zst|tar|png|jpe?g|gif|tiff?|bmp|webp|svg"
    "|pdf|docx?|xlsx?|wav|mp3|mp4|flac|ogg|avi|mov|mkv|webm|dcm|nii|bin|dat|log|html?"
)
#: What a message may name that differs from row to row, and what stands in its place; in this order: a path in quotes
#: is a quoted value. Each is only looked for in a message that has one of the characters in front: most have few.
_BLANKS = tuple(
    (characters, re.compile(pattern), blank)
    for characters, pattern, blank in (
        ("'\"`", _QUOTED, "<value>"),
        (":", r"\b[a-zA-Z][\w+.-]*://[^\s'\"<>()\[\]]+", "<url>"),
        ("/\\", r"(?<![\w.@%-])(?:[A-Za-z]:|~|[\w.@%-]+)?(?:[\\/][\w.@%+=-]+)+[\\/]?", "<path>"),
        (".", rf"(?<![\w.@%-])[\w@%-][\w.@%-]*\.(?:{_SUFFIXES})(?!\.?\w)", "<path>"),
        ("-", r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "<id>"),
        # Hexadecimal with both digits and letters, and long words with both.
        (
            "0123456789",
            r"\b(?:0x[0-9a-fA-F]+|(?=[a-zA-Z]*[0-9])(?=[0-9]*[a-zA-Z])(?:[0-9a-fA-F]{6,}|[A-Za-z0-9]{12,})\b)",
            "<id>",
        ),
        ("0123456789", r"(?:(?<!\w)[-+])?[0-9]+(?:[.,:_][0-9]+)*(?:[eE][-+]?[0-9]+)?", "#"),
    )
)
#: A list of any length is one: [#, #, #] and [#].
_REPEATED = re.compile(r"(#|<\w+>)(?:, ?\1)+")
_SEPARATOR = re.compile(r"[\\/]")
_FRAME = re.compile(r"(?P<file>.*?):\d+ (?P<rest>.*)", re.DOTALL)


class Signature(NamedTuple):
    """What failures of one reason have in common.

    Attributes:
        id: eight characters that name it, the first of them a letter: no spreadsheet takes it for a number. It is the
            same in every run and on every machine, as long as the code that failed is.
        pattern: the message with what differs from row to row blanked.
    """

    id: str
    pattern: str


def signature_of(failure: Mapping[str, Any]) -> Signature:
    """Return the signature of the `failure` of a ledger line.

    It is made of the failure's kind and type, its message without numbers, paths, quoted values, ids and URLs, and the
    user's innermost frames without their line numbers: code that moves within its file stays the same code.
    """
    kind, kind_of_error = str(failure.get("kind") or ""), str(failure.get("type") or "")
    pattern = _blanked(_telling(str(failure.get("message") or ""), kind))
    frames = _frames(failure.get("frames") or (), kind)
    text = "\0".join((kind, kind_of_error, pattern, *frames))
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest()
    return Signature("abcdef"[digest[0] % 6] + digest[1:].hex()[: ID_LENGTH - 1], pattern)


def _telling(message: str, kind: str) -> str:
    """Return the lines of a message that tell reasons apart.

    What a library adds below the first line of its message is mostly about the one row. A program is known by its exit
    code, in the first line, and by the last one that it wrote.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    last = lines[-1:] if kind in ("exited", "killed") and len(lines) > 1 else []
    return "\n".join(line[:MAX_LINE] for line in [*lines[:1], *last])


def _blanked(message: str) -> str:
    for characters, pattern, blank in _BLANKS:
        if any(character in message for character in characters):
            message = pattern.sub(blank, message)
    return _REPEATED.sub(r"\1", message) if ", " in message else message


def _frames(frames: Sequence[str], kind: str) -> list[str]:
    """Return the frames that tell reasons apart."""
    if kind == "timeout":  # where a row is when its time is over is chance: only what was called counts
        return [_place(frame).partition(": ")[0] for frame in frames[:1]]
    # Of a recursion without end, one frame is enough.
    places = list(dict.fromkeys(map(_place, frames)))
    return places[-LAST_FRAMES:]


def _place(frame: str) -> str:
    """Return a frame, "file:line function: code", without its line, and of a file elsewhere than its name."""
    found = _FRAME.fullmatch(frame)
    if found is None:
        return frame
    file = found["file"]
    is_elsewhere = file.startswith(("/", "\\")) or file[1:2] == ":"
    name = _SEPARATOR.split(file)[-1] if is_elsewhere else file
    return f"{name} {found['rest']}"
