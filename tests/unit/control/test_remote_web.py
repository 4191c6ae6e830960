"""Remote rows and mounts of a web server, read as commands read them: a real server of https, and its misbehaviour."""

from __future__ import annotations

import errno
import gzip
import io
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from web_site import WebSite
from wordings import Wording, names

from hyperscale.control.follow.finding import FoundRun
from hyperscale.control.follow.run_input import input_of
from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.remote import beginnings
from hyperscale.control.remote.remote_data import Reads
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError, RunStateError
from hyperscale.node.control import SeedRecord

ROWS = b"id,depth\n1,10\n2,20\n3,30\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSite]:
    with WebSite(tmp_path / "certificate") as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def checked(folder: Path, source: str, *, reads: Reads = "rows", more: str = "") -> CheckedExperiment:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "fit.py").write_text("def fit(row):\n    return {}\n")
    (folder / "experiment.yaml").write_text(f"name: far\ninput: {{{source}}}\nactivity: {{entry: 'fit:fit'}}\n{more}")
    return check_experiment(folder / "experiment.yaml", reads=reads)


def problems(folder: Path, source: str, *, reads: Reads = "rows", more: str = "") -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        checked(folder, source, reads=reads, more=more)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_remote_rows_are_fetched_once_and_checked_like_local_ones(tmp_path: Path, site: WebSite) -> None:
    url = site.put("/grid.csv", ROWS, headers={"ETag": '"1"'})

    first = checked(tmp_path, f"csv: '{url}', columns: {{depth: integer}}")
    second = checked(tmp_path, f"csv: '{url}', columns: {{depth: integer}}")

    assert (first.facts.rows, first.facts.columns, first.facts.estimated) == (3, ("id", "depth"), False)
    assert first.facts == second.facts
    assert (first.facts.upload_files, first.facts.upload_bytes) == (0, 0)
    assert site.fetched() == ["/grid.csv"]


def test_rows_that_are_wrong_are_told_by_the_address_and_their_line(
    tmp_path: Path, site: WebSite, wording: Wording
) -> None:
    url = site.put("/grid.csv", ROWS.replace(b"20", b"deep"))

    told = problems(tmp_path, f"csv: '{url}', columns: {{depth: integer}}")

    names(told, f"{url}:3: depth", "'deep'", "integer")
    wording(told, hidden={url: "<url>"})


def test_another_version_is_fetched_anew_and_the_one_before_stays(tmp_path: Path, site: WebSite) -> None:
    url = site.put("/grid.csv", ROWS, headers={"ETag": '"1"'})
    before = checked(tmp_path, f"csv: '{url}'").loaded.remote["input"].copy
    site.put("/grid.csv", ROWS + b"4,40\n", headers={"ETag": '"2"'})

    after = checked(tmp_path, f"csv: '{url}'")

    assert after.facts.rows == 4
    assert before is not None
    assert before.read_bytes() == ROWS


def test_a_server_that_tells_no_version_is_asked_each_time_and_one_copy_is_kept(tmp_path: Path, site: WebSite) -> None:
    url = site.put("/grid.csv", ROWS)

    copies = {checked(tmp_path, f"csv: '{url}'").loaded.remote["input"].copy for _ in range(2)}

    assert site.fetched() == ["/grid.csv"] * 2
    assert len(copies) == 1


def test_what_an_interrupted_fetch_has_left_is_thrown_away(tmp_path: Path, site: WebSite) -> None:
    url = site.put("/grid.csv", ROWS, headers={"ETag": '"1"'})
    kept = checked(tmp_path, f"csv: '{url}'").loaded.remote["input"].copy
    assert kept is not None
    kept.parent.rename(kept.parent.with_name(f"{kept.parent.name}.coming"))
    (kept.parent.with_name(f"{kept.parent.name}.coming") / kept.name).write_bytes(ROWS[:10])

    again = checked(tmp_path, f"csv: '{url}'").loaded.remote["input"].copy

    assert again == kept
    assert again.read_bytes() == ROWS
    assert [path.name for path in kept.parent.parent.iterdir() if not path.name.startswith(".")] == [kept.parent.name]


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ({"status": 404}, 404),
        ({"status": 403}, 403),
        ({"status": 503}, 503),
        ({"sent_bytes": 9}, ""),
        ({"headers": {"Content-Length": "500"}, "sent_bytes": len(ROWS)}, ""),
        ({"headers": {"Content-Encoding": "gzip"}}, ""),
    ],
)
def test_what_a_server_refuses_is_told_where_the_file_names_it(
    tmp_path: Path, site: WebSite, answer: dict[str, object], part: object, wording: Wording
) -> None:
    url = site.put("/grid.csv", ROWS, **answer)

    (told,) = problems(tmp_path, f"csv: '{url}?who=me'")

    names(told, "experiment.yaml:2:14: input.csv", url, part)
    wording(told, hidden={url: "<url>"})
    assert not list((tmp_path / ".hyperscale" / "inputs").glob("*/[!.]*"))


def test_a_disk_that_takes_no_more_is_not_told_of_the_server(tmp_path: Path, site: WebSite, wording: Wording) -> None:
    url = site.put("/grid.csv", ROWS * 50_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))

    try:
        (told,) = problems(tmp_path, f"csv: '{url}'")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    names(told, os.strerror(errno.EFBIG))
    wording(told.partition(".coming ")[2])


def test_a_page_that_asks_to_log_in_is_no_csv(tmp_path: Path, site: WebSite, wording: Wording) -> None:
    url = site.put("/grid.csv", b"<!DOCTYPE html>\n<html><body>Log in</body></html>\n")

    for more in ("", ", rows: 100"):
        (told,) = problems(tmp_path, f"csv: '{url}'{more}", reads="plan")

        names(told, "HTML", "csv")
        wording(told, hidden={url: "<url>"})


def test_hosts_that_are_not_there_and_certificates_that_nobody_trusts_are_told(
    tmp_path: Path, site: WebSite, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    url = site.put("/grid.csv", ROWS)
    (nobody,) = problems(tmp_path, "csv: 'https://127.0.0.1:1/grid.csv'")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    (untrusted,) = problems(tmp_path, f"csv: '{url}'")

    names(nobody, "127.0.0.1")
    names(untrusted, "certificate", "localhost", "unable to get local issuer certificate")
    wording([nobody, untrusted], hidden={url: "<url>"})
    assert "set REQUESTS_CA_BUNDLE" in untrusted


def test_all_problems_of_remote_data_are_told_at_once(tmp_path: Path, site: WebSite) -> None:
    mounts = f"mounts:\n  model: {site.url('/model.bin')}\n  words: {{path: '{site.url('/words.txt')}'}}\n"

    told = problems(tmp_path, f"csv: '{site.url('/grid.csv')}'", more=mounts)

    places = [line.partition(": https")[0] for line in told]
    assert places == [
        "experiment.yaml:2:14: input.csv",
        "experiment.yaml:5:10: mounts.model",
        "experiment.yaml:6:17: mounts.words.path",
    ]


def test_mounts_are_looked_at_for_a_plan_and_fetched_for_a_run_here(tmp_path: Path, site: WebSite) -> None:
    url, model = site.put("/grid.csv", ROWS), site.put("/models/big.bin", b"weights")
    more = f"mounts: {{model: '{model}'}}\n"

    planned = checked(tmp_path, f"csv: '{url}'", reads="plan", more=more).loaded.remote["mount_model"]
    run = checked(tmp_path, f"csv: '{url}'", reads="run", more=more).loaded.remote["mount_model"]

    assert (planned.bytes, planned.copy) == (7, None)
    assert run.copy is not None
    assert (run.copy.name, run.copy.read_bytes()) == ("big.bin", b"weights")
    assert site.fetched().count("/models/big.bin") == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "csv.gz"])
def test_with_a_number_of_rows_only_the_beginning_is_read(
    tmp_path: Path, site: WebSite, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginnings, "HEAD_BYTES", 20_000)
    lines = [b'{"id": %d, "depth": 1}\n' if form == "jsonl" else b'%d,"two\nlines"\n' for _ in range(20_000)]
    text = b"".join(line % number for number, line in enumerate(lines))
    content = text if form == "jsonl" else b"id,depth\n" + text
    url = site.put(f"/grid.{form}", gzip.compress(content, 1) if form == "csv.gz" else content)

    found = checked(tmp_path, f"{form.partition('.')[0]}: '{url}', rows: 20000, limit: 15000", reads="plan")

    assert (found.facts.rows, found.facts.estimated, found.facts.input_hash) == (15_000, True, None)
    assert found.facts.columns == ("id", "depth")
    assert 5 < found.facts.row_bytes < 30
    assert found.loaded.remote["input"].copy is None
    assert ["input.rows" in str(warning) for warning in found.warnings] == [True]


def test_of_parquet_with_a_number_of_rows_the_footer_is_read_by_ranges(tmp_path: Path, site: WebSite) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": range(50_000), "depth": [0.5] * 50_000}), file)
    url = site.put("/grid.parquet", file.getvalue(), headers={"Accept-Ranges": "bytes"})

    found = checked(tmp_path, f"parquet: '{url}', rows: 50000", reads="plan")

    assert (found.facts.rows, found.facts.estimated, found.facts.columns) == (50_000, True, ("id", "depth"))
    assert site.fetched() == []


def test_columns_that_the_beginning_lacks_are_told(tmp_path: Path, site: WebSite, wording: Wording) -> None:
    url = site.put("/grid.csv", ROWS)

    (told,) = problems(tmp_path, f"csv: '{url}', rows: 100, key: name", reads="plan")

    names(told, "input.key", url, "'name'", "id, depth")
    wording(told, hidden={url: "<url>"})


def test_without_the_libraries_of_remote_data_they_are_named(
    tmp_path: Path, site: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "hyperscale.control.remote.web_files", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    (told,) = problems(tmp_path, f"csv: '{site.put('/grid.csv', ROWS)}'")

    names(told, "aiohttp", "pip install 'fsspec[http]' adlfs")


def test_who_collects_later_finds_the_seeded_input_by_its_address(
    tmp_path: Path, site: WebSite, wording: Wording
) -> None:
    url = site.put("/grid.csv", ROWS)
    experiment = checked(tmp_path, f"csv: '{url}'")
    shutil.rmtree(tmp_path / ".hyperscale")
    source, digest = experiment.loaded.experiment.input, str(experiment.facts.input_hash)
    found = FoundRun(RunFolder.under(tmp_path, "far-1"), experiment.loaded.file, None)
    seed = SeedRecord("s", 3, 1, ("id", "depth"), {}, None, digest, 0.0)

    with input_of(found, source, seed) as path:
        read = path.read_bytes()
    site.put("/grid.csv", ROWS + b"4,40\n")
    shutil.rmtree(tmp_path / ".hyperscale")
    with pytest.raises(RunStateError) as refused, input_of(found, source, seed):
        pass
    wording(refused)
    del site.files["/grid.csv"]
    shutil.rmtree(tmp_path / ".hyperscale")
    with pytest.raises(RunStateError) as gone, input_of(found, source, seed):
        pass
    names(gone, "/grid.csv")
    wording(gone)

    assert read == ROWS


def test_groups_of_a_remote_input_are_counted(tmp_path: Path, site: WebSite) -> None:
    url = site.put("/grid.csv", ROWS + b"4,10\n")

    counted = checked(tmp_path, f"csv: '{url}', group_by: [depth]")

    assert (counted.facts.rows, counted.facts.estimated) == (3, False)
