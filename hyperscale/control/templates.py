"""The door to Jinja: templates of YAML, whose values are quoted, and of folders."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2

from hyperscale.control.rendered.yaml_text import Plain, quoted
from hyperscale.control.resources import templates_folder


@cache
def yaml_templates() -> jinja2.Environment:
    """Return what finds the templates of the files for Azure ML."""
    # `finalize` quotes every value that a template prints, unless it is Plain: none can be forgotten.
    environment = folder_templates("")
    environment.finalize = _printed
    environment.filters["plain"] = Plain
    return environment


def folder_templates(folder: str) -> jinja2.Environment:
    """Return what finds the templates in `folder` of the templates; values are printed as they are: see to them."""
    # ${{...}} belongs to Azure ML, hence these delimiters.
    return jinja2.Environment(  # noqa: S701 (not HTML)
        loader=jinja2.FileSystemLoader(templates_folder() / folder),
        variable_start_string="<%=",
        variable_end_string="%>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _printed(value: Any) -> Any:
    return value if isinstance(value, jinja2.Undefined) else quoted(value)
