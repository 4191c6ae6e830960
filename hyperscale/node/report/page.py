"""The page of a report: headline, figures, charts and tables, with all that it needs inside."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

import hyperscale
from hyperscale.cost import NOT_IN_COST
from hyperscale.figures import counted, last_line, length, rate_text, retried_lines, time_text, usd, usd_per_rows
from hyperscale.node.control import azure_run_of
from hyperscale.node.report import tables
from hyperscale.node.report.charts import chart_data
from hyperscale.node.report.curves import SPANS, Spans
from hyperscale.node.report.facts import RunFacts, percent
from hyperscale.node.report.tables import UNKNOWN
from hyperscale.secret_words import without_secrets

#: In an installed package, and in the code that nodes get, it lies in the package; in a checkout beside it.
FOLDER = Path("templates", "report")
#: What the text of an experiment is that `node_experiment_text` returns.
NODE_EXPERIMENT = "what the nodes were given"
#: The chart library, and what draws our charts with it.
SCRIPTS = ("uPlot.iife.min.js", "page.js")
STYLES = ("uPlot.min.css", "page.css")
#: Names of environment variables whose values nobody else should read.
_SECRET_VARIABLE = re.compile(
    r"(\b[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|CONNECTION)[A-Z0-9_]*[\"']?\s*:\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s,}]+)"
)


def render_page(facts: RunFacts, experiment_text: str, experiment_source: str) -> str:
    """Return the page.

    Args:
        facts: of the run.
        experiment_text: its experiment, without secrets.
        experiment_source: what that text is.
    """
    scripts, styles = _texts(SCRIPTS), _texts(STYLES)
    # Only what is hashed here runs or styles, and nothing is loaded: were a value of the user ever to become markup, it
    # could do nothing.
    policy = f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; img-src data:"
    template = page_templates().get_template("report.html")
    return template.render(
        facts=facts,
        policy=policy,
        scripts=scripts,
        styles=styles,
        charts=chart_data(facts.curves),
        has_rows=facts.curves.durations.rows > 0,
        title=f"{facts.results['experiment']} · {facts.run_id}",
        headline=headline(facts),
        figures=figures(facts),
        last_line=last_line(facts.results),
        tables={
            "time": tables.time_table(facts),
            "durations": tables.duration_table(facts),
            "consumers": tables.consumer_table(facts),
            "attempts": tables.attempt_table(facts),
            "slowest": tables.slowest_table(facts),
            "cost": tables.cost_table(facts),
            "plan": tables.plan_table(facts),
        },
        failure_groups=tables.failure_groups(facts),
        other_failures=tables.other_failures(facts),
        experiment_text=experiment_text,
        experiment_source=experiment_source,
        versions=versions(facts),
    )


@cache
def page_templates() -> jinja2.Environment:
    """Return what finds the template of the page; every value is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(page_folder()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_folder() -> Path:
    """Return the folder of the template, its scripts and its styles."""
    package = Path(hyperscale.__file__).parent
    return next(folder for folder in (package / FOLDER, package.parent / FOLDER) if folder.is_dir())


def node_experiment_text(manifest: Mapping[str, Any]) -> str:
    """Return the experiment of the run of `manifest` as nodes got it, without secrets."""
    return without_secret_values(json.dumps(manifest.get("node_experiment"), indent=2, ensure_ascii=False))


def without_secret_values(text: str) -> str:
    """Return the text of an experiment without what nobody else should read: secrets, and variables called so."""
    return _SECRET_VARIABLE.sub(r"\1***", without_secrets(text))


def headline(facts: RunFacts) -> dict[str, Any]:
    """Return what the top of the page says: the proved count, and what should be known of it."""
    rows, seals = facts.results["rows"], facts.seals
    said = [f"Sealed {time_text(seals[-1].sealed_at)}: every row is counted once, by the ledger."] if seals else []
    if rows["missing"]:
        reason = " ".join(str(facts.results.get("reason") or UNKNOWN).split())
        said.append(f"{counted(rows['missing'], 'row')} missing: {reason}")
        first = "Correct the cause, then get" if facts.results.get("cause") == "broken" else "Get"
        said.append(f"{first} them done: hyperscale retry {facts.run_id}")
    if rows["duplicate_outcomes"]:
        lines = counted(rows["duplicate_outcomes"], "outcome")
        said.append(f"{lines} came a second time, after a lost lease, and count for nothing.")
    if rows.get("set_aside_lines"):  # a run that an older version has collected has no such count
        lines = counted(rows["set_aside_lines"], "line")
        said.append(f"{lines} of the ledger cannot be read, or belong to no row of the run: run.log names them.")
    if facts.results.get("retried"):
        ids = ", ".join(facts.results["lineage"][:-1])
        said.append(f"{' '.join(retried_lines(facts.results)).removesuffix('; all rows together:')}.")
        said.append(
            f"Counts and failures are of all rows; times, workers and cost are of this run alone, without {ids}."
        )
    parts = [(name, rows[name], _of(rows[name], rows["total"])) for name in ("succeeded", "failed", "missing")]
    return {"rows": rows, "parts": parts, "said": said, "outcome": facts.results["outcome"]}


def figures(facts: RunFacts) -> list[tuple[str, str, str]]:
    """Return name, value and explanation of the figures that people look for first."""
    results, spans = facts.results, facts.curves.spans
    found: list[tuple[str, str, str]] = [
        ("time", length(float(results["seconds"])), "from the making of the run to its sealed count"),
        ("rows/s", rate_text(float(results["rows_per_second"])), "on average, over all of that time"),
    ]
    for name, value in tables.percentile_lines(facts)[:3]:
        found.append((f"{name} of a row", value, "seconds of the attempt that counts, to half a percent"))
    if facts.idle_share is not None:
        found.append(
            ("idle", percent(facts.idle_share), "of the time of the workers, from start to end, without a row")
        )
    if spans.lanes:
        found.append(("tail", _tail(spans), "at the end, with fewer than half of the workers busy"))
    cost, done = results.get("cost_usd"), sum(tables.seal_rows(facts))
    if cost is not None:
        found.append(("cost", usd(cost), f"list price of all nodes; {NOT_IN_COST}"))
        if done:
            found.append(("cost of rows", usd_per_rows(done, cost), "of those that have an outcome"))
    return found


def versions(facts: RunFacts) -> list[tuple[str, str]]:
    """Return what made the run, and what it was made from."""
    manifest, seed = facts.manifest, facts.seed
    hashes = manifest.get("hashes") or {}
    azure = azure_run_of(manifest)
    found = [
        ("run", facts.run_id),
        ("began", time_text(float(manifest["created_at"])) if manifest.get("created_at") else UNKNOWN),
        ("hyperscale", f"{manifest.get('version') or UNKNOWN}; this page: {hyperscale.__version__}"),
        ("experiment", hashes.get("experiment") or UNKNOWN),
        ("code", hashes.get("code") or UNKNOWN),
        ("input", (seed.input_hash if seed else None) or hashes.get("input") or UNKNOWN),
    ]
    if azure:
        found += [("workspace", azure.workspace_name), ("jobs", ", ".join(azure.jobs))]
        found.append(("clusters", ", ".join(azure.clusters) or "none of its own"))
    if len(facts.results.get("lineage") or ()) > 1:
        found.append(("a retry of", ", ".join(facts.results["lineage"][:-1])))
    return found


def _tail(spans: Spans) -> str:
    """Return how long the tail is, and its share of the run."""
    tail = spans.tail_seconds()
    return f"{length(tail)} ({percent(tail / (SPANS * spans.seconds))})" if tail else "none"


def _of(part: int, whole: int) -> str:
    if not whole or part in (0, whole):
        return ""
    return f"{min(0.999, max(0.001, part / whole)):.1%}"


def _texts(names: tuple[str, ...]) -> list[str]:
    folder = page_folder()
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def _hashes(texts: list[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
