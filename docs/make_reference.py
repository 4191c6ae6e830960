"""Writes experiment-file.md, the reference of experiment.yaml, from schema.json: `make reference`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parent
TOP = """# The experiment file

<!-- Made from schema.json by docs/make_reference.py (`make reference`): change it there. -->

`experiment.yaml` says where the rows come from, what is done with each, and on which machines. Only `name`, `input`
and `activity` are needed. A key that is not on this page is an error, and `hyperscale validate` names every problem
of a file at once. Paths are relative to the file. `--set key=value` overrides a key for one command, such as
`--set parallelism.workers=8`.

An editor that knows YAML schemas shows all of this as you type, once the file's first line is
`# yaml-language-server: $schema=schema.json` (`hyperscale schema > schema.json` puts the schema beside it).
"""


def reference(schema: dict[str, Any]) -> str:
    """Return the text of experiment-file.md for `schema`."""
    sections = [("", schema), *((path, node) for path, node in objects(schema) if path)]
    text = [TOP, overview(sections)]
    for path, node in sections:
        if path:
            text += [f"## `{path}`\n", f"{prose(node['description'])}\n", such_as(node)]
        else:
            text += ["## The top of the file\n"]
        keys = {key: inner for key, inner in properties(node).items() if not properties(inner)}
        text += [entry(f"{path}.{key}".lstrip("."), inner, key in required(node)) for key, inner in keys.items()]
    return "\n".join(filter(None, text))


def overview(sections: list[tuple[str, dict[str, Any]]]) -> str:
    """Return a table of all keys, each a link to its place on the page."""
    lines = ["| section | keys |", "|---|---|"]
    for path, node in sections:
        section = f"[`{path}`](#{anchor(path)})" if path else "[top](#the-top-of-the-file)"
        keys = [f"[{key}](#{anchor(f'{path}.{key}')})" for key in properties(node)]
        lines.append(f"| {section} | {', '.join(keys)} |")
    return "\n".join(lines) + "\n"


def entry(path: str, node: dict[str, Any], needed: bool) -> str:
    """Return what the page says of one key: heading, values and default, meaning, examples."""
    default = "needed" if needed else f"default {code(node['default'])}" if "default" in node else "no default"
    text = [f"### `{path}`\n", f"*{prose(kind(node))}*, {default}\n", f"{prose(node['description'])}\n", such_as(node)]
    return "\n".join(filter(None, text))


def such_as(node: dict[str, Any]) -> str:
    """Return the line of examples; nothing where the values are listed already."""
    if "enum" in node or not node.get("examples"):
        return ""
    return f"Such as: {', '.join(map(code, node['examples']))}\n"


def objects(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object of the file whose keys are fixed, with its path, outermost first."""
    if properties(node):
        yield path, node
    for key, inner in properties(node).items():
        yield from objects(inner, f"{path}.{key}".lstrip("."))
    if isinstance(node.get("additionalProperties"), dict):
        yield from objects(node["additionalProperties"], f"{path}.NAME")


def shape(node: dict[str, Any]) -> dict[str, Any]:
    """Return the part of `node` that describes an object, if one of its forms does."""
    return next((form for form in node.get("anyOf", []) if form.get("type") == "object"), node)


def properties(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = shape(node).get("properties", {})
    return found


def required(node: dict[str, Any]) -> set[str]:
    return set(shape(node).get("required", []))


def kind(node: dict[str, Any]) -> str:
    """Return in words what a value may be, with its bounds."""
    if "anyOf" in node:
        return node.get("x-expected") or " or ".join(kind(form) for form in node["anyOf"])
    if "enum" in node:
        return ", ".join(code(value) for value in node["enum"])
    if "const" in node:
        return code(node["const"])
    if node.get("type") == "array":
        return f"list of {kind(node['items'])}"
    name = {"string": "text", "object": "map"}.get(node.get("type", ""), node.get("type", "any value"))
    return " ".join(filter(None, [name, bounds(node)]))


def bounds(node: dict[str, Any]) -> str:
    above, lowest, highest = (node.get(key) for key in ("exclusiveMinimum", "minimum", "maximum"))
    parts = [
        f"above {above:,}" if above is not None else "",
        f"from {lowest:,}" if lowest is not None else "",
        f"to {highest:,}" if highest is not None else "",
    ]
    return " ".join(filter(None, parts))


def code(value: Any) -> str:
    """Return a value as it is written in the file."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    # YAML ends a document that is a bare value with a line of dots.
    bare = text.removesuffix("...\n").strip()
    return f"`{bare}`"


def prose(text: str) -> str:
    """Return `text` so that Markdown takes no letter of it, outside of backticks, for its own."""
    parts = " ".join(text.split()).split("`")
    return "`".join(re.sub(r"([*<])", r"\\\1", part) if at % 2 == 0 else part for at, part in enumerate(parts))


def anchor(path: str) -> str:
    return path.lower().replace(".", "")


def main() -> None:
    schema = json.loads((DOCS.parent / "schema.json").read_text("utf-8"))
    (DOCS / "experiment-file.md").write_text(reference(schema), "utf-8")


if __name__ == "__main__":
    main()
