"""Shows a run in passing, on a terminal and in a notebook: a list of runs is not given up because of one of them."""

from __future__ import annotations

import html
from contextlib import closing

from hyperscale.control.handles.shown import block, html_table
from hyperscale.control.results_table import is_too_far, read_preview
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import read_results
from hyperscale.control.summary import summary_lines
from hyperscale.errors import AzureError
from hyperscale.node.control import read_seed
from hyperscale.node.storing.stores import Store

#: Of the results, a notebook shows so many rows unasked.
PREVIEW_ROWS = 10


def run_text(run: RunFolder) -> str:
    """Return the id of a run and what it came to; a storage account is asked once."""
    try:
        with closing(run.store(patience_seconds=0)) as store:
            results = read_results(store)
    except AzureError:
        return f"<run {run.run_id}: unreachable>"
    return f"<run {run.run_id}: {summary_lines(results)[-1] if results else 'no results yet'}>"


def run_html(run: RunFolder) -> str:
    """Return HTML of the same, with the first rows of its results."""
    head = f"<div>run <b>{html.escape(run.run_id)}</b></div>"
    try:
        with closing(run.store(patience_seconds=0)) as store:
            return head + _results_html(run, store)
    except AzureError as error:
        return f"{head}<div>unreachable: {html.escape(str(error))}</div>"


def _results_html(run: RunFolder, store: Store) -> str:
    results = read_results(store)
    if results is None:
        return "<div>no results yet: <code>run.watch()</code></div>"
    total = results["rows"]["total"]
    preview, seed = read_preview(run, store, total, PREVIEW_ROWS), read_seed(store)
    preview = preview.arranged(seed.columns) if preview and seed else preview
    shown = html_table(preview.columns, preview.rows) if preview else ""
    if is_too_far(run, total):
        shown = "<div>the rows are not shown, as all would come over the network: <code>run.results()</code></div>"
    return f"{block(chr(10).join(summary_lines(results)))}{shown}"
