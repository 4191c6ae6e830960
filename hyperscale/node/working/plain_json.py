"""JSON by functions of C that are taken before the activity is imported: its patches of `json` do not reach them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is not plain")


def _make_encode() -> Callable[[Any], str]:
    """Return an encoder that is made once; JSONEncoder.encode makes one a call, which costs a row a microsecond."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C part
        return json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
    # In this order: markers, default, encoder, indent, key separator, separator, sort keys, skip keys, allow NaN.
    pieces = make(None, _refuse, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
    join = "".join
    return lambda value: join(pieces(value, 0))


def _make_decode() -> Callable[[str], Any]:
    scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
    return lambda text: scan(text, 0)[0]


#: Returns ASCII text of one line. Raises TypeError, ValueError (NaN too) or RecursionError for what JSON cannot hold.
encode: Callable[[Any], str] = _make_encode()
#: Returns what JSON text stands for that `encode` or `json` wrote without a space in front.
decode: Callable[[str], Any] = _make_decode()
