"""The shape of a JSON answer: its keys and the kinds of its values, without the values; and what differs from one.

A shape is a value that YAML writes well:

- a word for a kind: text, integer, decimal, boolean, guid, id (of Resource Manager), address, `time +00:00` (KINDS);
  several of them are joined by ` or `, and `null` is None;
- `=Completed` for a value that programs compare with (ENUMERATED);
- a mapping for an object; a key that ends in `?` is not always there; the key `*` stands for names that people give;
- a list for a list, with one shape for each kind of its entries;
- `as sent` for what comes back just as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

AS_SENT = "as sent"
#: Kinds of texts, the first that fits; any text is a text.
KINDS = {
    "empty": r"",
    "guid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "id": r"/(?:subscriptions|providers)/.+",
    "address": r"(?:https|azureml)://.+",
    "time Z": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "time +00:00": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00",
    "time without zone": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "milliseconds": r"\d{13}",
    "period": r"P(?=.)(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?",
    "duration": r"\d\d:\d\d:\d\d(?:\.\d{7})?",
    "flag": r"[Tt]rue|[Ff]alse",
    "json": r"\{.*\}",
}
#: Keys whose values are words of the service.
ENUMERATED = re.compile(
    "[sS]tatus|[jJ]obType|type|kind|[pP]rovisioningState|allocationState|createdByType|lastModifiedByType|jobServiceType|"
    "jobOutputType|jobInputType|[mM]ode|computeType|osType|vmPriority|environmentType|credentialsType|datastoreType|"
    "secretsType|pendingUploadType|credentialType|dataType|runType|unit|code|remoteLoginPortPublicAccess|"
    "publicNetworkAccess|jobLimitsType|jobTier|lifecycle_stage|principalType|protocol|billingCurrency|unitOfMeasure|"
    "vmTier|generation|autoRebuild|stage|componentName|serviceDataAccessAuthIdentity|defaultAction|PipelineJobType|"
    "orchestrator"
)
#: Those of them that say in what circumstance the answer was given: they are compared as they stand.
DECISIVE = frozenset({"status", "provisioningState", "allocationState", "code", "pendingUploadType", "type", "runType"})
#: Who did something: a name, or the id of an application.
_NAMES = frozenset({"createdBy", "lastModifiedBy", "updatedBy", "userName"})
#: Objects whose keys are names that people give.
_FREE = frozenset(
    [
        "tags",
        "Tags",
        "parameters",
        "inputs",
        "Inputs",
        "outputs",
        "Outputs",
        "InputBindings",
        "OutputBindings",
        "environment_variables",
        "userAssignedIdentities",
        "Properties",
    ]
)
_SENT = frozenset({"jobs", "settings", "Jobs", "Settings"})
#: Names in such objects that the service itself gives.
_ITS_OWN = re.compile(
    r"_?azureml\..*|_aml_.*|mlflow\..*|runSource|runType|StepType|ComputeTargetType|(?:Start|End)TimeUtc"
)


def shape_of(value: Any, key: str = "", within: Mapping[str, Any] | None = None) -> Any:
    """Return the shape of a JSON value that stands under `key` of the object `within`."""
    if isinstance(value, dict):
        if key in _SENT and within and any(name in within for name in ("jobs", "Jobs")):
            return AS_SENT
        if key in _FREE or (key == "properties" and all(isinstance(one, str) for one in value.values())):
            return _free(value)
        return {name: shape_of(inner, name, value) for name, inner in value.items()}
    if isinstance(value, list):
        return _alternatives(value, key)
    if value is None or not isinstance(value, str):
        return None if value is None else _number(value)
    if ENUMERATED.fullmatch(key) and re.fullmatch(r"[\w./ -]+", value):
        return f"={value}"
    return "text" if key in _NAMES else kind_of(value)


def kind_of(text: str) -> str:
    """Return what kind of text it is."""
    return next((kind for kind, pattern in KINDS.items() if re.fullmatch(pattern, text, re.DOTALL)), "text")


def _number(value: float) -> str:
    return "boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "decimal"


def _free(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shape of an object whose keys people give: that of all values, and the keys that are the service's."""
    own = {name: shape_of(inner, name) for name, inner in value.items() if _ITS_OWN.fullmatch(name)}
    given = [shape_of(inner, "*") for name, inner in value.items() if name not in own]
    # What people write into a text is no kind of its own.
    given = ["text" if isinstance(one, str) and one in KINDS else one for one in given]
    return {**({"*": _merged(given)} if given else {}), **own}


def _alternatives(entries: list[Any], key: str) -> list[Any]:
    groups: dict[str, list[Any]] = {}
    for entry in entries:
        groups.setdefault(_group(entry), []).append(shape_of(entry, key))
    return [_merged(group) for group in groups.values()]


def _group(entry: Any) -> str:
    """Return by what entries of a list differ in kind: only those that are alike are described as one."""
    if not isinstance(entry, dict):
        return type(entry).__name__
    if "info" in entry:
        return str(entry["type"])
    inner = entry.get("properties")
    return str(entry.get("kind") or (inner.get("computeType") if isinstance(inner, dict) else "") or "")


def _merged(shapes: Iterable[Any]) -> Any:
    first, *others = shapes
    for other in others:
        first = _both(first, other)
    return first


def _both(one: Any, other: Any) -> Any:
    if one == other:
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        names = list(dict.fromkeys(name.rstrip("?") for name in (*one, *other)))
        return dict(_entry(name, one, other) for name in names)
    if isinstance(one, list) and isinstance(other, list):
        return [_merged([*one, *other])]
    if isinstance(one, (dict, list)) or isinstance(other, (dict, list)):
        raise TypeError(f"no word says {one} or {other}")
    words = [word for leaf in (one, other) for word in _words(leaf)]
    return " or ".join(dict.fromkeys(words))


def _entry(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, Any]:
    """Return one key of two merged objects."""
    found = [shape[each] for shape in (one, other) for each in (name, f"{name}?") if each in shape]
    return (name if name in one and name in other else f"{name}?"), _merged(found)


def _words(leaf: str | None) -> list[str]:
    return ["null"] if leaf is None else leaf.split(" or ")


def differences(
    shape: Any, value: Any, *, sent: Any = None, path: str = "", key: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield where a value is of another shape, and how: `("properties.tags", "null, not an object")`.

    Args:
        shape: that it should have.
        value: an answer, or a part of one.
        sent: the same part of the request, for what comes back as it was sent.
        path: of the part; entries of lists are `[]`, names that people give `*`.
        key: of the part.
    """
    if shape == AS_SENT:
        if value != (sent or {}):
            yield path, "not what was sent"
    elif isinstance(shape, dict):
        yield from _of_object(shape, value, sent, path)
    elif isinstance(shape, list):
        yield from _of_list(shape, value, path)
    elif not any(_fits(word, value, key) for word in _words(shape)):
        yield path, f"{_shown(value, key)}, not {'null' if shape is None else shape}"


def _of_object(shape: Mapping[str, Any], value: Any, sent: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, f"{_shown(value)}, not an object"
        return
    is_free = path.rpartition(".")[2] in (*_FREE, "properties") and all(map(_is_free_name, shape))
    for name, inner in shape.items():
        bare = name.rstrip("?")
        if bare == "*" or bare not in value:
            if bare == name and bare != "*" and not _ITS_OWN.fullmatch(name):
                yield _below(path, bare), "missing"
            continue
        inner_sent = sent.get(bare) if isinstance(sent, dict) else None
        yield from differences(inner, value[bare], sent=inner_sent, path=_below(path, bare), key=bare)
    for name, inner in value.items():
        if name in shape or f"{name}?" in shape or _ITS_OWN.fullmatch(name):
            continue
        if "*" in shape:
            yield from differences(shape["*"], inner, path=_below(path, "*"), key="*")
        elif not is_free:
            yield _below(path, name), "is not sent by the service"


def _is_free_name(name: str) -> bool:
    return name == "*" or _ITS_OWN.fullmatch(name) is not None


def _of_list(shape: list[Any], value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield path, f"{_shown(value)}, not a list"
        return
    for entry in value if shape else ():
        # Of several kinds of entries, the one that it is nearest to.
        found = [list(differences(one, entry, path=f"{path}[]")) for one in shape]
        yield from min(found, key=len)


def _fits(word: str, value: Any, key: str) -> bool:
    if word.startswith("="):
        return value == word[1:] or (key not in DECISIVE and isinstance(value, str))
    if word == "null" or value is None:
        return word == "null" and value is None
    if not isinstance(value, str):
        return word == _number(value) if isinstance(value, (int, float)) else False
    return word in ("text", kind_of(value))


def _shown(value: Any, key: str = "") -> str:
    shape = shape_of(value, key)
    if isinstance(shape, (dict, list)):
        return "an object" if isinstance(shape, dict) else "a list"
    return "null" if shape is None else str(shape)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def key_paths(shape: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every key of a shape, whether it is always there or not."""
    if isinstance(shape, dict):
        for name, inner in shape.items():
            below = _below(path, name.rstrip("?"))
            yield below
            yield from key_paths(inner, below)
    elif isinstance(shape, list):
        for inner in shape:
            yield from key_paths(inner, f"{path}[]")


#: An invented value of each kind of text.
INVENTED = {
    "text": "words",
    "empty": "",
    "guid": "0a1b2c3d-0000-4000-8000-00000000abcd",
    "id": "/subscriptions/s/resourceGroups/g/providers/of/things/thing",
    "address": "https://example.org/thing",
    "time Z": "2027-02-03T04:05:06.7000000Z",
    "time +00:00": "2027-02-03T04:05:06.7000000+00:00",
    "time without zone": "2027-02-03 04:05:06",
    "milliseconds": "1801627506700",
    "period": "PT1M",
    "duration": "00:01:02.3000000",
    "flag": "True",
    "json": '{"a": 1}',
}


def invented(shape: Any, *, is_full: bool = True) -> Any:
    """Return an answer of this shape, with values that nobody has recorded.

    Args:
        shape: of it.
        is_full: whether keys that may be left out are there, and the first of several kinds is taken; else the last.
    """
    if shape == AS_SENT:
        return {"own": "words"}
    if isinstance(shape, dict):
        names = [name for name in shape if is_full or not name.endswith("?")]
        return {
            ("given" if name == "*" else name.rstrip("?")): invented(shape[name], is_full=is_full) for name in names
        }
    if isinstance(shape, list):
        return [invented(entry, is_full=is_full) for entry in shape]
    word = _words(shape)[0 if is_full else -1]
    if word.startswith("="):
        return word[1:]
    numbers = {"null": None, "integer": 3, "decimal": 2.5, "boolean": is_full}
    return numbers[word] if word in numbers else INVENTED[word]
