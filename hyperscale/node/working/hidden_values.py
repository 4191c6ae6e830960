"""Puts `***NAME***` where a secret's value stands in what an activity printed or raised.

What is hidden are the values of `activity.secrets`, and those variables with which storage is asked. Values of less
than `LEAST_LENGTH` characters are not: they stand in every other text by chance. Results are the user's own data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

LEAST_LENGTH = 4
#: Secrets that a consumer may have in its environment, and which its workers inherit.
OF_STORAGE = (
    "AZURE_STORAGE_CONNECTION_STRING", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "MSI_SECRET", "IDENTITY_HEADER",
)  # fmt: skip
#: The parts of a connection string that are secret.
_PARTS = ("accountkey", "sharedaccesssignature")


class HiddenValues:
    """What must not be seen.

    Attributes:
        longest: length of the longest value in bytes: a text that is cut may begin or end with a part of one.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        """Hide `values`, by the name that stands in their place."""
        forms = {form: name for name, value in values.items() for form in _forms(value)}
        # The longest first: a value may be a part of another one.
        self._forms = sorted(((form, f"***{forms[form]}***") for form in forms), key=lambda pair: -len(pair[0]))
        self.longest = max((len(form.encode()) for form in forms), default=0)

    @classmethod
    def of(cls, environ: Mapping[str, str], names: Iterable[str]) -> HiddenValues:
        """Hide the values that the variables `names` have in `environ`, and those of storage."""
        values = {name: environ[name] for name in (*OF_STORAGE, *names) if name in environ}
        connection = values.get("AZURE_STORAGE_CONNECTION_STRING", "")
        for name, _, value in (part.partition("=") for part in connection.split(";")):
            if name.strip().lower() in _PARTS:
                values[name.strip()] = value.strip()
        return cls(values)

    def hide(self, text: str) -> str:
        """Return `text` without the values."""
        for form, instead in self._forms:
            if form in text:
                text = text.replace(form, instead)
        return text


NOTHING_HIDDEN = HiddenValues({})


def _forms(value: str) -> set[str]:
    """Return how a value looks in a text: as it is, in Python's repr, in JSON, and line by line."""
    forms = {value, repr(value)[1:-1], json.dumps(value)[1:-1], *value.splitlines()}
    return {form for form in forms if len(form.strip()) >= LEAST_LENGTH}
