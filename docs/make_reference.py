"""Writes experiment-file.md, the reference of experiment.yaml, from schema.json: `make reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
TOP = """# The experiment file

<!-- Made from schema.json by docs/make_reference.py (`make reference`): change it there. -->

`experiment.yaml` says where the rows come from, what is done with each, and on which machines. Only `name`, `input`
and `activity` are needed. A key that is not in these tables is an error, and `hyperscale validate` names every problem
of a file at once. Paths are relative to the file. Keys marked *Not available yet* are refused until they are.

An editor that knows YAML schemas shows all of this as you type, once the file's first line is
`# yaml-language-server: $schema=schema.json` (`hyperscale schema > schema.json` puts the schema beside it).
"""


def reference(schema: dict[str, Any]) -> str:
    """Return the text of experiment-file.md for `schema`."""
    sections = [(path, node) for path, node in objects(schema) if path]
    alone = {key: node for key, node in schema["properties"].items() if not properties(node)}
    text = [TOP, "## The top of the file\n", table(alone, set(schema["required"]), "")]
    for path, node in sections:
        text += [
            f"## `{path}`\n",
            f"{cell(node['description'])}\n",
            table(properties(node), required(node), f"{path}."),
        ]
        text += [f"Such as: {examples(node)}\n"] if node.get("examples") else []
    return "\n".join(text)


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


def table(rows: dict[str, Any], needed: set[str], prefix: str) -> str:
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, node in rows.items():
        default = "*needed*" if key in needed else code(node["default"]) if "default" in node else ""
        such_as = "" if properties(node) or "enum" in node else f" Such as: {examples(node)}"
        meaning = f"see [`{prefix}{key}`](#{anchor(prefix + key)})" if properties(node) else cell(node["description"])
        lines.append(f"| `{key}` | {cell(kind(node))} | {default} | {meaning}{such_as} |")
    return "\n".join(lines) + "\n"


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


def examples(node: dict[str, Any]) -> str:
    return ", ".join(code(value) for value in node["examples"])


def code(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"`{cell(text)}`"


def cell(text: str) -> str:
    """Return `text` as it must stand in a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def anchor(path: str) -> str:
    return path.lower().replace(".", "")


def main() -> None:
    schema = json.loads((DOCS.parent / "schema.json").read_text("utf-8"))
    (DOCS / "experiment-file.md").write_text(reference(schema), "utf-8")


if __name__ == "__main__":
    main()
