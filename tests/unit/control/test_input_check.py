from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import peaks
import pytest
from wordings import Wording, names

from hyperscale.control.reading.input_check import check_input
from hyperscale.control.reading.loading import LoadedExperiment, load_experiment
from hyperscale.errors import ExperimentError
from hyperscale.input_facts import InputFacts


def loaded(folder: Path, source: str, more: str = "") -> LoadedExperiment:
    file = folder / "experiment.yaml"
    file.write_text(f"name: digits\ninput: {{{source}}}\nactivity: {{entry: sweep:fit}}\n{more}", encoding="utf-8")
    return load_experiment(file)


def warned(loaded: LoadedExperiment) -> list[str]:
    _, warnings = check_input(loaded)
    return [str(warning).replace(f"{loaded.folder}/", "") for warning in warnings]


def test_the_facts_of_a_csv_file(tmp_path: Path):
    text = "id,depth,note\na,1,x\nb,22,y\n"
    (tmp_path / "grid.csv").write_text(text)

    facts, warnings = check_input(loaded(tmp_path, "csv: grid.csv, key: id, columns: {depth: integer}"))

    assert facts == InputFacts(
        rows=2,
        estimated=False,
        row_bytes=(len('["a",1,"x"]') + len('["b",22,"y"]')) / 2,
        columns=("id", "depth", "note"),
        input_hash=hashlib.sha256(text.encode()).hexdigest(),
        upload_bytes=len(text),
        upload_files=1,
    )
    assert warnings == ()


def test_the_facts_of_files_and_mounts(tmp_path: Path):
    for name, size in {"images/a/1.png": 10, "images/2.png": 20, "images/note.txt": 5, "model/w.bin": 100}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)

    facts, _ = check_input(loaded(tmp_path, "files: 'images/**/*.png', key: path", "mounts: {model: model}\n"))

    assert (facts.rows, facts.columns) == (2, ("path", "name", "size"))
    assert (facts.upload_files, facts.upload_bytes) == (4, 135)
    assert facts.input_hash == hashlib.sha256(b"2.png\t20\na/1.png\t10\n").hexdigest()


def test_a_limit_takes_the_first_rows_and_leaves_later_faults_alone(tmp_path: Path):
    (tmp_path / "grid.csv").write_text("depth\n1\n2\nx\n")

    facts, _ = check_input(loaded(tmp_path, "csv: grid.csv, limit: 2, columns: {depth: integer}"))

    assert facts.rows == 2


@pytest.mark.parametrize(
    ("header", "rows", "source", "parts"),
    [
        (
            "id,depth,rate,code,note",
            ["1,3,0.5,007,x", "2,-4,1e-3,1,2"],
            "csv: grid.csv, key: id",
            ["experiment.yaml:2:14: input.csv", "depth, rate", "depth: integer, rate: number", "input.columns"],
        ),
        ("depth", ["3"], "csv: grid.csv, columns: {depth: string}", []),
        ("depth,note", ["3,a", ",a"], "csv: grid.csv", []),
        (
            "id; depth",
            ["a; 1"],
            "csv: grid.csv",
            ["grid.csv:1", "'id; depth'", "';'"],
        ),
        (
            "id, depth",
            ["a,b"],
            "csv: grid.csv",
            ["grid.csv:1", "' depth'"],
        ),
        (
            "1,2.5",
            ["a,b"],
            "csv: grid.csv",
            ["grid.csv:1"],
        ),
    ],
)
def test_what_is_likely_a_mistake_is_a_warning(
    tmp_path: Path, header: str, rows: list[str], source: str, parts: list[str], wording: Wording
):
    (tmp_path / "grid.csv").write_text("\n".join([header, *rows]) + "\n")

    warnings = warned(loaded(tmp_path, source))

    assert len(warnings) == bool(parts)
    names(warnings, *parts)
    wording(warnings)


def test_every_row_is_checked_against_the_row_schema(tmp_path: Path, wording: Wording):
    (tmp_path / "grid.csv").write_text("depth\n" + "1\n" * 50 + "11\n" * 30)
    (tmp_path / "row.json").write_text(json.dumps({"properties": {"depth": {"maximum": 10}}}))
    experiment = loaded(tmp_path, "csv: grid.csv, columns: {depth: integer}, row_schema: row.json")

    with pytest.raises(ExperimentError) as caught:
        check_input(experiment)
    names(caught, "30 of 80", "grid.csv", 20)
    wording(caught)

    assert [problem.line for problem in caught.value.problems] == list(range(52, 72))


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        (['"7"', "7"], ["grid.jsonl:2", 7, "line 1", "'7'"]),
        (["0.5", '"a"', '"0.5"'], ["grid.jsonl:3", "'0.5'", "line 1", "0.5"]),
        (['"false"', "false"], ["grid.jsonl:2", "false", "line 1"]),
        (['""', "null"], ["grid.jsonl:2", "null", "line 1"]),
        (["null", "null"], ["grid.jsonl:2", "null", "line 1"]),
        (["-1", "-2", "-2"], ["grid.jsonl:3", "-2", "line 2"]),
        (["[1]"], ["grid.jsonl:1", "list"]),
    ],
)
def test_keys_of_one_text_are_duplicates_and_both_places_are_told(
    tmp_path: Path, keys: list[str], parts: list[object], wording: Wording
):
    (tmp_path / "grid.jsonl").write_text("".join(f'{{"k": {key}}}\n' for key in keys))

    with pytest.raises(ExperimentError) as caught:
        check_input(loaded(tmp_path, "jsonl: grid.jsonl, key: k"))

    (problem,) = caught.value.problems
    names(problem, *parts)
    wording(problem)


def test_keys_of_different_texts_are_different(tmp_path: Path):
    keys = ["1", "true", "1.0", '"01"', "null", '"null"', "9007199254740993", "9007199254740992", '" "', '"A"', '"a"']
    (tmp_path / "grid.jsonl").write_text("".join(f'{{"k": {key}}}\n' for key in keys))

    facts, _ = check_input(loaded(tmp_path, "jsonl: grid.jsonl, key: k"))

    assert facts.rows == len(keys)


def test_files_of_one_name_are_told_by_their_rows(tmp_path: Path, wording: Wording):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").touch()

    with pytest.raises(ExperimentError) as caught:
        check_input(loaded(tmp_path, "files: '*/*.png', key: name"))

    (problem,) = caught.value.problems
    names(problem, "row 1 (from 0)", "'x'", "row 0 (from 0)")
    wording(problem)


def test_values_of_a_sweep_with_one_text_are_told_where_they_stand(tmp_path: Path, wording: Wording):
    with pytest.raises(ExperimentError) as caught:
        check_input(loaded(tmp_path, "sweep: {a.b: [7, '7'], c: [1, 2]}, mode: zip, key: a.b"))

    (problem,) = caught.value.problems
    names(problem, "experiment.yaml:2", "'7'", "[0]")
    wording(problem)


def test_a_number_that_no_float_can_hold_is_a_bad_row_to_a_row_schema(tmp_path: Path, wording: Wording):
    (tmp_path / "grid.jsonl").write_text(f'{{"n": 0.5}}\n{{"n": {"7" * 400}}}\n')
    (tmp_path / "row.json").write_text(json.dumps({"properties": {"n": {"multipleOf": 0.5}}}))

    with pytest.raises(ExperimentError) as caught:
        check_input(loaded(tmp_path, "jsonl: grid.jsonl, row_schema: row.json"))

    (problem,) = caught.value.problems
    names(problem, "grid.jsonl:2", "number", "too large")
    wording(str(problem).rpartition(": ")[0])  # what follows are Python's words


def test_bad_rows_of_all_kinds_come_in_the_order_of_the_file(tmp_path: Path, wording: Wording):
    (tmp_path / "grid.csv").write_text("id,depth\na,1\na,2\nb,x\nc,20\nd\nb,3\na,4\n")
    (tmp_path / "row.json").write_text(json.dumps({"properties": {"depth": {"maximum": 10}}}))
    experiment = loaded(tmp_path, "csv: grid.csv, key: id, columns: {depth: integer}, row_schema: row.json")

    with pytest.raises(ExperimentError) as caught:
        check_input(experiment)
    names(
        caught,
        "grid.csv",
        "5 of 7",
        "grid.csv:3: id: 'a'",
        "line 2",
        "grid.csv:4: depth: 'x'",
        "grid.csv:5: depth: 20",
        10,
        "grid.csv:6",
        "id, depth",
        "grid.csv:8: id: 'a'",
    )
    wording(caught)


def test_the_memory_of_a_check_does_not_grow_with_the_input(tmp_path: Path):
    code = (
        "import pathlib, sys\n"
        "from hyperscale.control.reading.input_check import check_input\n"
        "from hyperscale.control.reading.loading import load_experiment\n"
        "facts, _ = check_input(load_experiment(pathlib.Path(sys.argv[1])))\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from peaks import peak_kib\n"
        "print(facts.rows, peak_kib())\n"
    )
    peak_kib = {}
    for rows in (5_000, 250_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        with (folder / "grid.csv").open("w") as stream:
            stream.write("id,depth,note\n")
            stream.writelines(f"row-{number},{number % 7},{'x' * 100}\n" for number in range(rows))
        experiment = loaded(folder, "csv: grid.csv, key: id, columns: {depth: integer}")
        command = [sys.executable, "-c", code, experiment.file, Path(peaks.__file__).parent]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        found, peak_kib[rows] = map(int, answer.stdout.split())
        assert found == rows

    assert peak_kib[250_000] - peak_kib[5_000] < 12 * 1024  # the larger file has 30 MB


def test_names_that_a_command_line_cannot_hold_are_told_before_anything_is_rendered(tmp_path: Path):
    (tmp_path / "bob's.csv").write_text("id\n1\n")
    (tmp_path / "it's").mkdir()

    with pytest.raises(ExperimentError) as caught:
        check_input(loaded(tmp_path, 'csv: "bob\'s.csv"', 'mounts: {model: "it\'s"}\n'))

    assert [problem.path for problem in caught.value.problems] == ["input.csv", "mounts.model"]
    names(caught, '"bob\'s.csv"')


def test_the_facts_of_groups_are_of_groups_and_checks_are_of_records(tmp_path: Path):
    (tmp_path / "sales.csv").write_text("store,sold\na,1\nb,2\na,3\n")
    experiment = loaded(tmp_path, "csv: sales.csv, columns: {sold: integer}, group_by: [store]")

    facts, warnings = check_input(experiment)

    group = '["a",{"group":{"store":"a"},"columns":["store","sold"],"records":[["a",1],["a",3]]}]'
    assert (facts.rows, facts.grouped_records) == (2, 3)
    assert facts.columns == ("store", "sold")
    assert facts.row_bytes == len(group) - len(',["a",3]') / 2
    assert warnings == ()


def test_a_limit_of_groups_counts_the_records_of_those_alone(tmp_path: Path):
    (tmp_path / "sales.csv").write_text("store\na\nb\na\nc\nb\n")

    facts, _ = check_input(loaded(tmp_path, "csv: sales.csv, group_by: [store], limit: 2"))

    assert (facts.rows, facts.grouped_records) == (2, 4)


def test_records_of_groups_are_checked_one_by_one(tmp_path: Path, wording: Wording):
    (tmp_path / "sales.csv").write_text("store,sold\na,1\nb,x\na,300\n")
    (tmp_path / "row.json").write_text(json.dumps({"properties": {"sold": {"maximum": 100}}}))
    source = "csv: sales.csv, columns: {sold: integer}, row_schema: row.json, group_by: [store]"

    with pytest.raises(ExperimentError) as caught:
        check_input(loaded(tmp_path, source))
    names(caught, "2 of 3", "sales.csv:3: sold: 'x'", "integer", "sales.csv:4: sold: 300", 100)
    wording(caught)


def test_a_group_that_no_message_and_no_store_takes_is_refused_with_its_values(tmp_path: Path, wording: Wording):
    with (tmp_path / "sales.csv").open("w") as stream:
        stream.write("store,brand,text\nb,y,small\n")
        stream.writelines(f"a,x,{'t' * 14_000_000}\n" for _ in range(5))

    with pytest.raises(ExperimentError) as caught:
        check_input(loaded(tmp_path, "csv: sales.csv, group_by: [store, brand]"))
    names(
        caught,
        "sales.csv",
        "experiment.yaml:2:35: input.group_by",
        "store='a', brand='x'",
        "70,000,155 bytes",
        "67,108,864",
    )
    wording(caught)
