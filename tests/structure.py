"""Reads a package folder and says which rules of the architecture it breaks: rings, doors, sizes, names.

CONTRIBUTING.md explains the rules; test_structure.py breaks each one on purpose.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hyperscale.commands import COMMANDS

RINGS = ("core", "node", "control", "commands")
AZURE_ON_NODES = {"azure.storage.queue", "azure.storage.blob", "azure.identity", "azure.core"}
#: What a ring may import besides the standard library and the rings further in; None: anything.
OUTSIDE = {"core": set(), "node": {*AZURE_ON_NODES, "jinja2", "pyarrow", "orjson"}, "control": None, "commands": set()}
HEAVY = (
    "argcomplete",
    "adlfs",
    "aiohttp",
    "azure.ai.ml",
    "fsspec",
    "jinja2",
    "jsonschema",
    "orjson",
    "pyarrow",
    "rich",
    "yaml",
)
MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 60
VAGUE_NAMES = {"base", "common", "helpers", "misc", "types", "util", "utils"}
#: Words of the glossary's column "never say", as far as they never mean anything else in code.
FORBIDDEN_WORDS = {"backend", "chunk", "payload", "populate", "shard", "sink", "vm"}


@dataclass(frozen=True)
class Module:
    """One module of the package: its dotted name below the package, its text and its tree."""

    name: str
    source: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def ring(self) -> str:
        """The ring of the module; `__init__` and `__main__` of the package stand outside all of them."""
        first = self.name.partition(".")[0]
        if first in ("__init__", "__main__"):
            return "commands"
        return first if first in RINGS and first != "core" else "core"

    @property
    def words(self) -> Iterator[str]:
        """The words of every name that the module defines or uses."""
        for node in ast.walk(self.tree):
            names = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
            for name in filter(lambda found: isinstance(found, str), names):
                yield from re.findall(r"[a-z]+", re.sub(r"([A-Z])", r" \1", name).lower())


def modules_of(package: Path) -> list[Module]:
    paths = sorted(package.rglob("*.py"))
    return [
        Module(".".join(path.relative_to(package).with_suffix("").parts), path.read_text("utf-8")) for path in paths
    ]


# What a module says is read once, though the tests look at a dozen copies of the package: a copy differs in one module.
@functools.cache
def imports_of(module: Module) -> set[str]:
    """Return each module that `module` imports, anywhere in it; `from a import b` counts as a and a.b."""
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = ["hyperscale", *module.name.split(".")][: -node.level]
                base = ".".join([*parents, *filter(None, [base])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def imports(module: Module, library: str) -> bool:
    return any(is_within(name, library) for name in imports_of(module))


def broken_rules(package: Path) -> list[str]:
    """Return a line for each broken rule of the architecture in the folder `package`."""
    modules = modules_of(package)
    return [problem for module in modules for problem in problems_of(module)] + [*extra_doors(modules)]


@functools.cache
def problems_of(module: Module) -> tuple[str, ...]:
    rules = (
        outward_imports,
        foreign_imports,
        commands_that_know_each_other,
        long_modules,
        long_functions,
        vague_names,
        wrong_words,
    )
    return tuple(problem for rule in rules for problem in rule(module))


def outward_imports(module: Module) -> Iterator[str]:
    if module.name == "__init__":  # it resolves names lazily: a test below looks at what it loads
        return
    rank = RINGS.index(module.ring)
    for name in sorted(imports_of(module)):
        outer = next((ring for ring in RINGS[rank + 1 :] if is_within(name, f"hyperscale.{ring}")), None)
        if outer:
            yield f"{module.name} ({module.ring}) imports {name}: {outer} is further out"


def foreign_imports(module: Module) -> Iterator[str]:
    allowed = OUTSIDE[module.ring]
    for name in sorted(imports_of(module) if allowed is not None else ()):
        ours = name.partition(".")[0] in {"hyperscale", *sys.stdlib_module_names}
        if not ours and not any(is_within(name, library) or is_within(library, name) for library in allowed):
            yield f"{module.name} ({module.ring}) imports {name}, which its ring may not"


def is_within(name: str, library: str) -> bool:
    return f"{name}.".startswith(f"{library}.")


def commands_that_know_each_other(module: Module) -> Iterator[str]:
    if not module.name.startswith("commands.") or module.name == "commands.__init__":
        return
    for other in COMMANDS:
        name = f"hyperscale.commands.{other}"
        if f"hyperscale.{module.name}" != name and imports(module, name):
            yield f"{module.name} imports the command {other}"


def long_modules(module: Module) -> Iterator[str]:
    lines = len(module.source.splitlines())
    if lines > MAX_MODULE_LINES:
        yield f"{module.name} has {lines} lines, at most {MAX_MODULE_LINES} are read with pleasure"


def long_functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{module.name}.{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES} are allowed"


def vague_names(module: Module) -> Iterator[str]:
    for part in VAGUE_NAMES & set(module.name.split(".")):
        yield f"{module.name}: {part!r} is a name that says nothing"


def wrong_words(module: Module) -> Iterator[str]:
    for word in sorted(FORBIDDEN_WORDS & set(module.words)):
        yield f"{module.name} says {word!r}: GLOSSARY.md has the word for it"


def extra_doors(modules: list[Module]) -> Iterator[str]:
    """Yield a line for each heavy library that several modules of the control ring import."""
    for library in HEAVY:
        doors = [module.name for module in modules if module.ring == "control" and imports(module, library)]
        if len(doors) > 1:
            yield f"{library} has {len(doors)} doors in control: {', '.join(doors)}"
