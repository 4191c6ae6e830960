"""Where schema.json and templates/ are: in the installed package, or beside it in a checkout.

Both stay at the top of the project for people and are copied into the package when a wheel is built, because
plain importlib.resources does not find them in an editable install.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def schema_path() -> Path:
    """Return the path of schema.json."""
    return _folder() / "schema.json"


def templates_folder() -> Path:
    """Return the folder of the Jinja sources of every rendered file."""
    return _folder() / "templates"


def _folder() -> Path:
    return _PACKAGE if (_PACKAGE / "schema.json").exists() else _PACKAGE.parent
