"""What a benchmark found, as lines of a table, and the page that keeps them."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEADER = "| what | ours | beside it | ratio | target | reached |\n|---|--:|--:|--:|--:|---|"
PEERS = ("joblib", "pebble", "huey", "distributed", "ray", "celery", "dramatiq-azure")


@dataclass(frozen=True)
class Line:
    """One comparison; figures are texts with their units. `reached` is None where nothing was to be reached."""

    what: str
    ours: str
    beside: str = ""
    ratio: str = ""
    target: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        told = {True: "yes", False: "**no**", None: ""}[self.reached]
        return f"| {self.what} | {self.ours} | {self.beside} | {self.ratio} | {self.target} | {told} |"


@dataclass(frozen=True)
class Section:
    """The result of one benchmark; `note` says how it was measured."""

    title: str
    note: str
    lines: Sequence[Line]

    def __str__(self) -> str:
        rows = "\n".join(map(str, self.lines))
        return f"## {self.title}\n\n{HEADER}\n{rows}\n\n{self.note}\n"


def write(sections: Sequence[Section]) -> None:
    """Keep `sections` in docs/benchmarks.md; those that were not measured now stay as they are."""
    kept = {text.partition("\n")[0]: f"## {text}" for text in PAGE.read_text("utf-8").split("\n## ")[1:]}
    kept.update({section.title: str(section) for section in sections})
    PAGE.write_text("\n".join([_head(), *(text.rstrip("\n") + "\n" for text in kept.values())]), "utf-8")


def _head() -> str:
    return f"""# Benchmarks

Measured on {machine()}.
`make bench` measures all of it again, and `python benchmarks --write` keeps it on this page; a part alone:
`python benchmarks noop tail`. Figures are medians of 5 rounds, or as many as are told. In each round everything
that is compared has its turn, so that all share the machine's mood: figures drift from day to day, ratios much less.
"""


def machine() -> str:
    """Return what figures were measured on."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version}" for name in PEERS if (version := _version(name)))
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
