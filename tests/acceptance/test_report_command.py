"""`report` in a real browser: a run on this machine whose every value tries to become markup, and one of many rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Chromium, find_chromium
from command_line import Command
from made_run import make_run, some_rows

from hyperscale.control.report.writing import write_report

MAX_BYTES = 1_500_000
CODE = """
import json, time

def run(row, context):
    time.sleep(0.002 * (row["number"] % 7))
    if row["number"] % 9 == 4:
        raise ValueError("</script><script>alert(2)</script><img src=x onerror=alert(3)> & <b>")
    if row["number"] % 9 == 5 and context.attempt == 1:
        raise OSError("again")
    (context.outputs / "<b>file<img src=x>.txt").write_text("x")
    return {"html": "</script><script>alert(1)</script>", "<script>alert(6)</script>": "<!--"}
"""
#: In the page: how many pixels of a chart's canvas are drawn.
DRAWN = """[...document.querySelectorAll("canvas")].map(canvas => canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.filter((part, at) => at % 4 == 3 && part).length)"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with Chromium(program, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An experiment whose keys, messages, results and names hold HTML; 60 rows, 7 of them fail."""
    folder = tmp_path / "a <b>folder"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "act.py").write_text(CODE)
    keys = (f'"<script>alert({number})</script>"' for number in range(60))
    rows = "".join(f"{key},{number}\n" for number, key in enumerate(keys))
    (folder / "rows<i>.csv").write_text("id,number\n" + rows)
    document = {
        "name": "markup",
        "description": "</script><script>alert(5)</script>",
        "input": {"csv": "rows<i>.csv", "key": "id", "columns": {"number": "integer"}},
        "activity": {"code": "src", "entry": "act:run", "retry_delay_seconds": 0.1, "no_retry_on": ["ValueError"]},
        "parallelism": {"workers": 2, "rows_per_message": 3},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))
    return folder


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """The report of 100,000 rows."""
    return write_report(make_run(tmp_path, some_rows(100_000, consumers=30, workers=4), total=100_000, price=0.21))


def assert_is_quiet(browser: Chromium, page: Path) -> None:
    assert browser.said == []
    assert [address for address in browser.requests if not address.startswith("data:")] == [page.absolute().as_uri()]


def test_a_run_leaves_a_report_which_no_value_of_the_user_disturbs(
    hyperscale: Command, browser: Chromium, folder: Path
):
    answer = hyperscale("run", "--workers", "2", folder=folder)
    (line,) = (line for line in answer.stderr.splitlines() if line.startswith("report:"))
    page = Path(line.partition(":")[2].strip())

    browser.open(page)

    assert answer.returncode == 6
    assert page.name == "report.html"
    assert (page.parent / "results.csv").exists()
    assert_is_quiet(browser, page)
    text = browser.value("document.body.textContent")
    assert "53 of 60 rows succeeded" in text
    assert "</script><script>alert(2)</script><img src=x onerror=alert(3)> & <b>" in text
    assert "(<script>alert(4)</script>)" in text, "the key of the first row that failed"
    assert "</script><script>alert(5)</script>" in text, "the description in the experiment file"
    assert browser.value("document.scripts.length") == 3
    assert browser.value("document.querySelectorAll('img, b > b, td b, td i').length") == 0
    assert min(browser.value(DRAWN)) > 500


def test_the_command_says_where_the_report_is_and_writes_it_elsewhere(hyperscale: Command, folder: Path):
    run = hyperscale("run", "--rows", "3", folder=folder)
    beside = hyperscale("report", folder=folder)
    elsewhere = hyperscale("report", "-o", "out.html", "--json", folder=folder)

    assert run.returncode == 0, run.stderr
    assert Path(beside.stdout.strip()).is_file()
    assert json.loads(elsewhere.stdout)["report"] == str(folder / "out.html")
    assert "3 of 3 rows" in (folder / "out.html").read_text().replace("</strong>", "")


def test_a_report_that_cannot_be_written_does_not_fail_the_run(hyperscale: Command, folder: Path):
    first = hyperscale("run", "--rows", "3", folder=folder)
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    (run / "report.html").unlink()
    (run / "report.html").mkdir()

    watched = hyperscale("watch", folder=folder)
    asked = hyperscale("report", folder=folder)

    assert first.returncode == watched.returncode == 0
    assert "report:   not made: " in watched.stderr
    assert asked.returncode == 4
    assert "cannot be written" in asked.stderr


def test_the_charts_of_many_rows_are_drawn_on_any_screen_in_any_light(browser: Chromium, large: Path):
    assert large.stat().st_size < MAX_BYTES
    screens = [(1200, 900, False), (360, 740, True)]
    for width, height, phone in screens:
        for dark in (False, True):
            browser.open(large, width=width, height=height, phone=phone, dark=dark)

            assert_is_quiet(browser, large)
            assert len(browser.value(DRAWN)) == 4
            assert min(browser.value(DRAWN)) > 2_000
            assert browser.value("document.documentElement.scrollWidth") == width, "nothing stands out at the side"
            ground = browser.value("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(255, 255, 255)") is not dark


def test_charts_follow_the_screen_and_the_light_without_a_reload(browser: Chromium, large: Path):
    browser.open(large, width=1200)
    before = browser.value("document.querySelector('#chart-throughput canvas').toDataURL()")

    browser.dark(True)
    browser.settle()
    dark = browser.value("document.querySelector('#chart-throughput canvas').toDataURL()")
    browser.screen(500, 900)
    browser.settle()

    assert before != dark
    assert browser.value("document.querySelector('#chart-throughput canvas').clientWidth") <= 500
    assert_is_quiet(browser, large)


def test_charts_are_read_by_keyboard_and_have_names_and_tables(browser: Chromium, large: Path):
    browser.open(large)
    names = browser.value("[...document.querySelectorAll('.chart')].map(chart => chart.getAttribute('aria-label'))")
    reached = set()
    for _ in range(20):
        browser.press("Tab")
        reached.add(browser.value("document.activeElement.id"))

    readings = []
    for chart, key in [("durations", "ArrowRight"), ("timeline", "ArrowDown"), ("throughput", "End")]:
        browser.value(f"document.getElementById('chart-{chart}').focus()")
        browser.press("ArrowRight")
        browser.press(key)
        readings.append(browser.value(f"document.getElementById('reading-{chart}').textContent"))

    assert len(names) == 4
    assert all(names)
    assert {"chart-throughput", "chart-durations", "chart-timeline"} <= reached
    assert readings[0].endswith(" rows")
    assert readings[1].startswith("c-000000 / 1, from ")
    assert readings[2].endswith("rows/s failed")
    assert browser.value("document.querySelectorAll('details table').length") == 3
    assert browser.value("document.querySelectorAll('th:not([scope])').length") == 0


@pytest.mark.parametrize(
    ("body", "noticed"),
    [
        ("<img src='https://example.org/picture.png'>", lambda seen: len(seen.requests) == 2),
        ("<script>console.error('broken')</script>", lambda seen: "broken" in str(seen.said)),
        ("<script>missing()</script>", lambda seen: "missing is not defined" in str(seen.said)),
    ],
    ids=["request", "console", "exception"],
)
def test_the_browser_tells_of_what_a_page_must_not_do(browser: Chromium, tmp_path: Path, body: str, noticed):
    page = tmp_path / "page.html"
    page.write_text(f"<!DOCTYPE html><title>x</title><body>{body}")

    browser.open(page)

    assert noticed(browser)


def test_were_a_value_ever_markup_it_could_neither_run_nor_load(browser: Chromium, large: Path):
    broken = large.with_name("broken.html")
    planted = "<script>document.title = 'RUN'</script><img src='https://example.org/x.png' onerror='document.title=1'>"
    broken.write_text(large.read_text().replace("<main", f"{planted}<main"))

    browser.open(broken)

    assert browser.value("document.title").startswith("made")
    assert "Content Security Policy" in str(browser.said)
