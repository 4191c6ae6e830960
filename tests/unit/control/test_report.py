"""The report says what the run left, whatever that is, and nothing that a user wrote becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_run import make_run, some_rows
from wordings import Wording, names

from hyperscale.control.report.writing import ReportAtEnd, report_file, report_line, write_report, write_report_at_end
from hyperscale.control.results_table import MANY_REMOTE_ROWS
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import read_results
from hyperscale.errors import RunStateError
from hyperscale.figures import usd, usd_per_rows
from hyperscale.node.report.charts import length

NASTY = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"'`${{1}}"
MAX_BYTES = 1_500_000


class Page(HTMLParser):
    """What a page holds: its elements, their text, and the JSON of its charts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self._scripts: list[str] = []
        self.feed(html)
        self.charts = json.loads(self._scripts[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1] == "script":
            self._scripts.append(data)
        else:
            self.text += data


def page_of(run: RunFolder) -> Page:
    return Page(write_report(run).read_text("utf-8"))


def test_the_page_of_many_rows_has_all_parts_and_stays_small(tmp_path: Path):
    run = make_run(tmp_path, some_rows(30_000, consumers=40, workers=4), total=30_000, price=0.21)

    file = write_report(run)
    page = Page(file.read_text("utf-8"))

    assert file == run.path / "report.html"
    assert file.stat().st_size < MAX_BYTES / 10, "it does not grow with the rows"
    for heading in ("Throughput", "How long rows took", "Workers", "Attempts", "Failures", "Slowest rows", "Cost"):
        assert heading in page.text
    assert sum(page.charts["durations"]["rows"]) == 30_000
    rates = page.charts["throughput"]
    ended = sum(rates["succeeded"] + rates["failed"]) * rates["seconds"]
    assert ended == pytest.approx(30_000, rel=0.001)
    assert [mark[0] for mark in page.charts["durations"]["marks"]] == ["p50", "p95", "p99"]


def test_a_run_of_five_thousand_consumers_stays_small(tmp_path: Path):
    run = make_run(tmp_path, some_rows(10_000, consumers=5_000, workers=1), total=10_000)

    assert write_report(run).stat().st_size < MAX_BYTES / 5


def test_rows_that_are_missing_are_said_with_reason_and_command(tmp_path: Path):
    run = make_run(tmp_path, some_rows(40, consumers=1, workers=2), total=50)

    page = page_of(run)

    assert "10 rows missing: stopped" in page.text
    assert f"hyperscale retry {run.run_id}" in page.text


def test_a_run_without_any_outcome_has_a_page_without_charts(tmp_path: Path):
    run = make_run(tmp_path, [], total=7)

    page = page_of(run)

    assert "0 of 7 rows succeeded" in page.text
    assert "Throughput" not in page.text
    assert page.elements.count("script") == 1


def test_one_row_is_enough(tmp_path: Path):
    page = page_of(make_run(tmp_path, some_rows(1, consumers=1, workers=1), total=1))

    assert "1 of 1 rows succeeded" in page.text
    assert page.charts["durations"]["rows"] == [1]


def test_nothing_that_a_user_wrote_becomes_markup(tmp_path: Path):
    plain = page_of(make_run(tmp_path / "a", some_rows(20, consumers=1, workers=1), total=21))
    group = {"type": NASTY, "message": NASTY, "rows": 1, "first_row_index": 3, "kind": "raised", "frame": NASTY}
    more = {"experiment": NASTY, "reason": NASTY, "failure_groups": [group], "lineage": [NASTY, "b"]}
    rows = [row._replace(consumer=f"c-{number}<b>") for number, row in enumerate(some_rows(20, consumers=1, workers=1))]
    run = make_run(tmp_path / "b", rows, total=21, results=more)

    page = page_of(run)

    assert page.text.count(NASTY) >= 5
    assert set(page.elements) - set(plain.elements) <= {"section", "h2", "pre", "ol", "li", "h3", "a"}
    assert page.elements.count("script") == plain.elements.count("script")
    assert "onerror" not in page.attributes
    assert page.charts["timeline"]["lanes"][0][0] == "c-0<b> / 0"


def test_a_group_of_failures_is_shown_with_its_signature_its_rows_and_the_command_that_runs_it_again(tmp_path: Path):
    group = {
        "signature": "ab12cd34",
        "type": "ValueError",
        "message": "no #",
        "rows": 1_200,
        "kind": "raised",
        "first_row_index": 3,
        "last_row_index": 9_000,
        "frame": "a.py:2 f: g()",
    }
    older = {**group, "signature": "", "type": "KeyError", "last_row_index": 3}
    rows = {"total": 9_001, "succeeded": 6_600, "failed": 2_401, "missing": 0, "duplicate_outcomes": 0}
    more = {"failure_groups": [group, older], "rows": rows}

    page = page_of(make_run(tmp_path, some_rows(20, consumers=1, workers=1), total=20, results=more))

    assert "1,200 rows ValueError: no #" in page.text
    assert "from row 3 to row 9000 · signature ab12cd34" in page.text
    assert "hyperscale retry made-20261122-120000-ab12 --where signature=ab12cd34" in page.text
    assert "1,200 rows KeyError: no #" in page.text
    assert page.text.count("--where signature=") == 1, "what an older version summed up has no signatures"
    names(page.text, "hyperscale failures made-20261122-120000-ab12")


def test_a_retry_says_of_whose_rows_it_speaks(tmp_path: Path):
    counts = {"total": 20, "succeeded": 19, "failed": 1, "missing": 0, "duplicate_outcomes": 0}
    run = make_run(
        tmp_path,
        some_rows(20, consumers=1, workers=1),
        total=20,
        results={
            "lineage": ["the-first", "made"],
            "retried": counts,
            "rows": {**counts, "total": 500, "succeeded": 499},
        },
    )

    page = page_of(run)

    assert "499 of 500 rows succeeded" in page.text
    names(page.text, "the-first", "succeeded=19 failed=1 missing=0")


def test_the_price_of_a_run_and_of_a_row_are_told(tmp_path: Path):
    run = make_run(tmp_path, some_rows(400, consumers=2, workers=1), total=400, price=3.5, results={"cost_usd": 12.0})

    page = page_of(run)

    assert "$12.00" in page.text
    names(page.text, "$0.03 per row", "storage and egress not included", "at $3.5", "at $0.5")


def test_values_of_secret_variables_are_not_on_the_page(tmp_path: Path):
    run = make_run(tmp_path, some_rows(4, consumers=1, workers=1), total=4)
    manifest = json.loads((run.path / "run.json").read_text())
    variables = {
        "API_TOKEN": "very-secret, even",
        "OMP_NUM_THREADS": "1",
        "URL": "https://x.y/?sig=abcdefghijklmnop1234",
    }
    manifest["node_experiment"]["activity"] = {"environment_variables": variables}
    (run.path / "run.json").write_text(json.dumps(manifest))

    page = page_of(run)

    assert "OMP_NUM_THREADS" in page.text
    assert "very-secret" not in page.text
    assert "abcdefghijklmnop" not in page.text


def test_a_run_without_results_has_no_report(tmp_path: Path, wording: Wording):
    run = make_run(tmp_path, some_rows(4, consumers=1, workers=1), total=4)
    (run.path / "run_results.json").unlink()

    with pytest.raises(RunStateError) as refused:
        write_report(run)
    wording(refused)


def test_a_report_that_cannot_be_made_is_one_line_and_no_error(tmp_path: Path, wording: Wording):
    run = make_run(tmp_path, some_rows(4, consumers=1, workers=1), total=4)
    (part,) = (run.path / "ledger").iterdir()
    store = run.store()
    results = read_results(store)
    store.close()
    assert results is not None
    part.write_bytes(b"damaged\n")

    line = report_line(write_report_at_end(run, results), "hyperscale report x")

    assert not report_file(run).exists()
    names(line, "report:", "ledger/")
    wording(line)
    assert "\n" not in line


def test_the_line_about_a_report_is_made_of_what_became_of_it_alone(tmp_path: Path):
    file = tmp_path / "report.html"

    assert report_line(ReportAtEnd(file, 3), "x") == f"report:   {file}"
    assert not file.exists()


def test_a_large_run_far_away_is_reported_when_asked_for(tmp_path: Path):
    run = RunFolder.under(tmp_path, "far-1", store="https://account.blob.core.windows.net/hyperscale")

    report = write_report_at_end(run, {"rows": {"total": MANY_REMOTE_ROWS + 1}})
    line = report_line(report, "hyperscale report far-1")

    assert report.file is None
    assert line.startswith("report:   hyperscale report far-1  (")
    assert report_file(run) == tmp_path / "far-1" / "report.html"


def test_the_text_of_both_themes_can_be_read_on_every_ground(repository: Path):
    css = (repository / "templates" / "report" / "page.css").read_text("utf-8")
    light, dark = (dict(found) for found in map(colours, css.split("@media", 2)[:2]))

    for theme in (light, dark):
        for ink in ("ink", "faint", "good", "bad", "mark", "busy"):
            for ground in ("ground", "panel"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)


def colours(css: str) -> list[tuple[str, str]]:
    return re.findall(r"--([a-z]+): #([0-9a-f]{6});", css)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of WCAG 2.1, success criterion 1.4.3."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "$0.00"),
        (12.3, "$12.30"),
        (1234.5, "$1,234.50"),
        (0.0123, "$0.01"),
        (0.009999, "$0.01"),
        (0.00202, "$0.0020"),
        (0.000999, "$0.0010"),
        (0.0000202, "<$0.0001"),
    ],
)
def test_small_amounts_keep_their_first_digits(amount: float, text: str):
    assert usd(amount) == text


@pytest.mark.parametrize(
    ("cost", "rows", "told"),
    [
        (12.0, 400, "$0.03 per row"),
        (0.27, 1_000, "$0.27 per 1,000 rows"),
        (54.0, 1_000_000_000, "$0.05 per 1,000,000 rows"),
        (0.0, 10, "$0.00 per 1,000,000 rows"),
    ],
)
def test_what_rows_cost_is_told_of_so_many_that_it_is_a_cent(cost: float, rows: int, told: str):
    assert usd_per_rows(rows, cost) == told


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0µs"),
        (1e-12, "0µs"),
        (0.0000124, "12.4µs"),
        (0.0009996, "1ms"),
        (0.0151, "15.1ms"),
        (0.9994, "999ms"),
        (0.9996, "1.0s"),
        (2.5, "2.5s"),
        (59.7, "1m00s"),
        (3900, "1h05m"),
    ],
)
def test_lengths_are_told_in_the_unit_that_fits(seconds: float, text: str):
    assert length(seconds) == text
