"""Compares the table of recorded answers with a folder of recordings: `make recordings RECORDINGS=FOLDER`.

The table, tests/contract/recorded.yaml, has what programs can rely on of each answer: method, path, status, headers,
keys and kinds of values (answer_shapes.py), and where it was recorded. It has no value, id or text of them. With
--write it is made anew from the folder. Then the command prints which routes of the emulator are covered by it.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from answer_shapes import shape_of

if TYPE_CHECKING:
    from emulator.routing import Route

CONTRACT = Path(__file__).parent / "contract"
TABLE, ROUTES = CONTRACT / "recorded.yaml", CONTRACT / "recorded_routes.txt"
TOP = """\
# What Azure answered where somebody recorded it: made by tests/recordings.py (`make recordings`), never by hand.
# Shapes are explained in tests/answer_shapes.py. No value, id or text of a recording is kept here.
# Recorded were tests of Microsoft: azure-sdk-for-python, azure-cli, promptflow and the examples of azure-rest-api-specs
# are under the MIT licence, azure-powershell is under the Apache License 2.0.
"""
WORKSPACE = "/subscriptions/{sub}/resourceGroups/{rg}/providers/Microsoft.MachineLearningServices/workspaces/{ws}"
LOCATION = "/subscriptions/{sub}/providers/Microsoft.MachineLearningServices/locations/{loc}"
#: Headers that say something to a client. What is not there of `TOLD` was not sent.
TOLD = ("content-type", "location", "azure-asyncoperation", "retry-after")
KEPT = (*TOLD, "x-ms-response-type", "x-ms-async-operation-timeout")
#: Lengths that are exact, of bodies that are always the same; all others are those of values that were replaced.
EXACT_LENGTHS = frozenset({"0", "2", "4", "12", "55"})
#: The recorder of this repository leaves headers out.
DROPS_HEADERS = "microsoft/promptflow"
#: What stands behind these in a path is somebody's name.
_COLLECTIONS = frozenset(
    "subscriptions resourceGroups workspaces locations jobs computes components versions environments codes datastores "
    "data computeOperationsStatus".lower().split()
)


@dataclass(frozen=True)
class Recorded:
    """One answer of the table.

    Attributes:
        name: of the recording, which says in what circumstance it was given.
        method, path: what was asked; the query is a part of the path.
        api_version: with which it was asked; None where that is not known, or there is none.
        status: of the answer.
        headers: in lower case, as far as they matter; addresses are templates.
        absent: headers that were not sent.
        body: its shape.
        exactly: the body itself where it is always the same; None where it is not.
        source: repository, path and year.
    """

    name: str
    method: str
    path: str
    api_version: str | None
    status: int
    headers: dict[str, str]
    absent: tuple[str, ...]
    body: Any
    exactly: str | None
    source: str

    def to_document(self) -> dict[str, Any]:
        """Return it as the table has it."""
        document = {
            "recording": self.name,
            "request": f"{self.method} {self.path}",
            "api_version": self.api_version,
            "status": self.status,
            "headers": self.headers,
            "absent": list(self.absent),
            "body": self.body,
            "exactly": self.exactly,
            "source": self.source,
        }
        return {key: value for key, value in document.items() if value not in (None, {}, []) or key == "body"}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Recorded:
        """Return what an entry of the table says."""
        method, path = document["request"].split(" ", 1)
        return cls(
            document["recording"],
            method,
            path,
            document.get("api_version"),
            document["status"],
            document.get("headers") or {},
            tuple(document.get("absent") or ()),
            document["body"],
            document.get("exactly"),
            document["source"],
        )

    @property
    def is_example(self) -> bool:
        """Whether the specification shows it, and nobody has recorded it."""
        return self.source.endswith("example")

    @property
    def answered_on(self) -> date:
        """The day of its api-version, or the middle of the year that it is from."""
        found = re.search(r"20\d\d-\d\d-\d\d", self.api_version or "") or re.search(r"20\d\d$", self.source)
        return (
            date.fromisoformat(found.group() if len(found.group()) > 4 else f"{found.group()}-07-01")
            if found
            else date.min
        )


def load_table() -> dict[str, Recorded]:
    """Return the committed table by the names of its recordings."""
    found = [Recorded.from_document(each) for each in yaml.safe_load(TABLE.read_text("utf-8"))]
    return {each.name: each for each in found}


def read_recording(name: str, document: dict[str, Any]) -> Recorded:
    """Return what the table keeps of a recording: a JSON file with `request`, `response` and `source`."""
    request, response = document["request"], document["response"]
    headers = response["headers"]
    source = source_of(document["source"], name)
    is_told = headers is not None and not source.startswith(DROPS_HEADERS)
    kept = {each: shown_header(each, headers[each]) for each in KEPT if headers and each in headers}
    if headers and headers.get("content-length") in EXACT_LENGTHS:
        kept["content-length"] = headers["content-length"]
    version = re.match(r"20\d\d-\d\d-\d\d(?:-preview)?", request["api_version"] or "")
    return Recorded(
        name=name,
        method=request["method"],
        path=request["path_template"].replace(WORKSPACE, "{WS}").replace(LOCATION, "{LOC}"),
        api_version=version.group() if version else None,
        status=response["status"],
        headers=kept,
        absent=tuple(each for each in TOLD if is_told and each not in kept),
        body=shape_of(response["body"]),
        exactly=response.get("body_text"),
        source=source,
    )


def shown_header(name: str, value: str) -> str:
    return address_template(value) if name in ("location", "azure-asyncoperation") else value


def address_template(address: str) -> str:
    """Return an address without names, ids and values: `/subscriptions/{}/.../jobs/{}?api-version`."""
    parts = urlsplit(address)
    path: list[str] = []
    for part in parts.path.split("/"):
        is_name = bool(path) and path[-1].lower() in _COLLECTIONS
        path.append("jc:{}:{}" if part.startswith("jc:") else "{}" if is_name else part)
    names = "&".join(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return f"{parts.scheme}://{parts.netloc}{'/'.join(path)}{f'?{names}' if names else ''}"


def source_of(text: str, name: str) -> str:
    """Return repository, path and year of a source."""
    repository, _, rest = text.partition(": ")
    path = rest.partition(" (")[0].partition(";")[0]
    if "EXAMPLE" in text:
        return f"{repository} {path}, example"
    told = re.search(r"\([^()]*?(20\d\d)", text) or re.search(r"(20\d\d)$", name)
    return f"{repository} {path}, {told.group(1) if told else 'year not told'}"


def read_folder(folder: Path) -> list[Recorded]:
    """Return what the table keeps of all recordings in a folder, by their names."""
    files = sorted(folder.glob("*.json"))
    return [read_recording(file.stem, json.loads(file.read_text("utf-8"))) for file in files]


def table_text(entries: Iterable[Recorded]) -> str:
    """Return the text of the table."""
    blocks = [
        yaml.safe_dump([each.to_document()], sort_keys=False, default_flow_style=None, width=150, allow_unicode=True)
        for each in entries
    ]
    return f"{TOP}\n" + "\n".join(blocks)


# --- which routes of the emulator they cover


def shown_route(route: Route) -> str:
    """Return a route as the table has paths; hosts besides Resource Manager's are named."""
    from emulator.routing import ARM_HOST
    from emulator.routing import WORKSPACE as PREFIX

    path = re.sub(r"\{(\w+)[=*](\w*)\}", lambda found: found.group(2) or f"{{{found.group(1)}}}", route.template)
    path = path.replace(PREFIX, "{WS}")
    path = path.replace(LOCATION.replace("{sub}", "{subscription}").replace("{loc}", "{location}"), "{LOC}")
    return path if route.host == ARM_HOST else f"{route.host}{path}"


def asks(route: Route, recorded: Recorded) -> bool:
    """Return whether a recorded request is one that a route answers."""
    path = recorded.path.replace("{WS}", WORKSPACE).replace("{LOC}", LOCATION).partition("?")[0]
    path = re.sub(
        r"\{[^}]*\}", "x", re.sub(r"\[[^\]]*\]", "", path.replace("{discoveryUrl of the workspace}", "/discovery"))
    )
    host = "management.azure.com" if path.startswith(("/subscriptions", "/providers")) else "x.api.azureml.ms"
    return route.match(recorded.method, host, path) is not None


def route_lines(table: Iterable[Recorded]) -> Iterator[str]:
    """Yield a line for each route of the emulator with the recordings that it is held against, or `not recorded`."""
    from emulator.service import FAMILIES

    table = list(table)
    routes = [route for family in FAMILIES for route in family.ROUTES]
    lines: dict[str, list[str]] = {}
    for route in routes:
        found = [each.name for each in table if asks(route, each)]
        lines.setdefault(f"{shown_route(route)}: {', '.join(found) or 'not recorded'}", []).append(route.method)
    yield from sorted(f"{' '.join(methods)} {line}" for line, methods in lines.items())
    for each in table:
        if not any(asks(route, each) for route in routes):
            yield f"{each.method} {each.path}: nobody asks it here, {each.name}"


def routes_text(table: Iterable[Recorded]) -> str:
    return "\n".join(route_lines(table)) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="of recordings; without it, the routes alone are printed")
    parser.add_argument("--write", action="store_true", help="make the table anew, and the list of routes")
    values = parser.parse_args()
    differs = False
    if values.folder:
        found = read_folder(values.folder)
        if not found:
            parser.error(f"{values.folder} holds no recording (*.json)")
        text = table_text(found)
        if values.write:
            TABLE.write_text(text, "utf-8")
        committed = TABLE.read_text("utf-8")
        lines = difflib.unified_diff(
            committed.splitlines(), text.splitlines(), TABLE.name, str(values.folder), lineterm="", n=2
        )
        for line in lines:
            differs = True
            sys.stdout.write(f"{line}\n")
        sys.stdout.write(f"{len(found)} recordings, the table {'differs' if differs else 'agrees'}\n\n")
    routes = routes_text(load_table().values())
    if values.write:
        ROUTES.write_text(routes, "utf-8")
    sys.stdout.write(routes)
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
