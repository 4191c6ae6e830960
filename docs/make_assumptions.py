"""Writes the tables of what is assumed about Azure into on-azure.md, from assumptions.yaml: `make reference`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parent
PAGE, DATA = DOCS / "on-azure.md", DOCS / "assumptions.yaml"
BEGIN = "<!-- Made from docs/assumptions.yaml by docs/make_assumptions.py (`make reference`): change it there. -->"
END = "<!-- The end of what is made. -->"
_ISSUE = re.compile(r"(?P<repository>[\w-]+)#(?P<number>\d+)")
_PAGE_OF_LEARN = re.compile(r"(?:how-to|concept|reference)-[\w-]+")
_RECORDING = re.compile(r"\d\d-[\w-]+")
_LEARN = "https://learn.microsoft.com/azure/machine-learning"


def load() -> dict[str, list[dict[str, Any]]]:
    """Return what assumptions.yaml says: lists called seen, refuted and open."""
    read: dict[str, list[dict[str, Any]]] = yaml.safe_load(DATA.read_text("utf-8"))
    return read


def tables(assumptions: dict[str, list[dict[str, Any]]]) -> str:
    """Return the three tables."""
    seen = [(each["fact"], source(each["source"])) for each in assumptions["seen"]]
    refuted = [(each["assumed"], each["seen"], source(each["source"]), each["now"]) for each in assumptions["refuted"]]
    still_open = [
        (each["assumed"], each["otherwise"], "yes" if "smoke" in each else "") for each in assumptions["open"]
    ]
    return "\n".join(
        [
            "### Seen in recorded answers or documentation\n",
            table(("what", "source"), seen),
            "### Refuted, and mended\n",
            table(("it was assumed", "Azure was seen to do", "source", "now"), refuted),
            "### Open\n",
            table(("assumed", "if it does not hold", "`make azure-smoke` answers it"), still_open),
        ]
    )


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def source(text: str) -> str:
    """Return a source with a link to it, where it is one that has an address."""
    if found := _ISSUE.fullmatch(text):
        return f"[{text}](https://github.com/Azure/{found['repository']}/issues/{found['number']})"
    if _PAGE_OF_LEARN.fullmatch(text):
        return f"[{text}]({_LEARN}/{text})"
    if _RECORDING.fullmatch(text):
        return f"recorded: {text}"
    return text


def with_tables(page: str, made: str) -> str:
    """Return the page with the tables in their place."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{made}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8"), tables(load())), "utf-8")
