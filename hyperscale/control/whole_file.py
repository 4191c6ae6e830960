"""Writes a small file of ours so that it appears whole or not at all: who reads it meanwhile sees the one before."""

from __future__ import annotations

from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write `text` into `file`, in place of what was there; its folder is made if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.new")
    beside.write_bytes(text.encode())  # write_text would end lines as the system does
    beside.replace(file)
