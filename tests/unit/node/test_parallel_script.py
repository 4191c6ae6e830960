"""The script of a parallel job in a worker: what it finds there, and what becomes of what it returns."""

import pytest
from wordings import Wording, names

SEEN = """
import os, sys
def run(mini_batch, mini_batch_context):
    seen = {"argv": sys.argv[1:], "name": os.path.basename(sys.argv[0]), "folder": os.path.basename(os.getcwd())}
    return [{**seen, "index": mini_batch_context.minibatch_index} for _ in mini_batch.index]
"""
WITHOUT_PANDAS = "import sys\nsys.modules['pandas'] = None\n"


def write_script(site, source, name="score.py"):
    file = site.activity / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)
    return name


@pytest.mark.parametrize("name", ["score.py", "queue.py", "deep/batch-score.py"])
def test_a_script_finds_its_arguments_whatever_its_name_is(site, name):
    site.seed(4)

    assert site.run("", parallel_script=write_script(site, SEEN, name), rows_per_call=4, workers=1) is None

    results = [lines[0]["result"] for lines in site.outcomes().values()]
    expected = {"argv": ["--base", "100"], "name": name.rpartition("/")[2], "folder": "activity", "index": 0}
    assert results == [expected] * 4


def test_without_pandas_the_consumer_says_what_to_add(site, tmp_path, wording: Wording):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_PANDAS)
    site.seed(1)

    said = site.run(
        "", parallel_script=write_script(site, SEEN), workers=1, environment_variables={"PYTHONPATH": str(tmp_path)}
    )

    names(said, "activity.parallel_script score.py", "ModuleNotFoundError", "pandas", "environment")
    wording(said)


def test_an_init_that_fails_is_no_rows_fault(site):
    site.seed(1)

    said = site.run("", parallel_script=write_script(site, "def init(): 1 / 0\ndef run(batch): return []"), workers=1)

    names(said, "activity.parallel_script score.py", "set_up", "ZeroDivisionError")
    assert "score.py:1 init" in said
    assert site.outcomes() == {}


def test_a_call_that_raises_is_repeated_row_by_row_and_its_files_are_dropped(site):
    source = """
from azureml_user.parallel_run import EntryScript
def run(mini_batch):
    open(f"{EntryScript().output_dir}/{len(mini_batch)}.txt", "w").close()
    return [1 / (name != "k2") for name in mini_batch["id"]]
"""
    site.seed(4)

    site.run("", parallel_script=write_script(site, source), rows_per_call=4, workers=1, max_attempts=1)

    outcomes = {row: lines[0] for row, lines in site.outcomes().items()}
    assert {row: line["outcome"] for row, line in outcomes.items()} == {
        0: "succeeded", 1: "succeeded", 2: "failed", 3: "succeeded",
    }  # fmt: skip
    assert outcomes[2]["failure"]["type"] == "ZeroDivisionError"
    assert sorted(name for name in site.store.names("outputs/")) == [
        f"outputs/{name}/1.txt" for name in ("k0", "k1", "k3")
    ]


@pytest.mark.parametrize("first", ["object()", "ValueError('no')", "'x' * 2_000_000"])
def test_files_of_a_call_are_kept_with_the_first_row_whose_result_can_be_stored(site, first):
    source = f"""
from azureml_user.parallel_run import EntryScript
def run(mini_batch):
    open(f"{{EntryScript().output_dir}}/note.txt", "w").close()
    return [{first}, (number for number in [1, 2]), 3]
"""
    site.seed(3)

    site.run("", parallel_script=write_script(site, source), rows_per_call=3, workers=1, max_attempts=1)

    outcomes = {row: lines[0] for row, lines in site.outcomes().items()}
    assert [outcomes[row]["outcome"] for row in range(3)] == ["failed", "succeeded", "succeeded"]
    assert [outcomes[row]["result"] for row in (1, 2)] == [[1, 2], 3]
    assert site.store.names("outputs/") == ["outputs/k1/note.txt"]


def test_the_script_of_a_batch_deployment_finds_its_output_folder_and_the_folders_that_init_made_stay(site):
    source = """
import os
def init():
    global parts
    parts = os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "parts")
    os.makedirs(parts)
    open(os.path.join(parts, "columns.txt"), "w").close()
def run(mini_batch):
    name = mini_batch["id"].iloc[0]
    open(os.path.join(parts, f"{name}.txt"), "w").close()
    if name == "k0":
        raise ValueError("no")
    return [name]
"""
    site.seed(3)

    site.run("", parallel_script=write_script(site, source), rows_per_call=1, workers=1, max_attempts=1)

    assert [site.outcome(row)["outcome"] for row in range(3)] == ["failed", "succeeded", "succeeded"]
    assert sorted(site.store.names("outputs/")) == [
        "outputs/k1/parts/columns.txt",
        "outputs/k1/parts/k1.txt",
        "outputs/k2/parts/k2.txt",
    ]


def test_a_folder_for_files_of_the_users_own_is_left_to_them(site, tmp_path):
    source = "import os\ndef run(mini_batch): return [os.environ['AZUREML_BI_OUTPUT_PATH']]"
    site.seed(1)

    mine = {"AZUREML_BI_OUTPUT_PATH": str(tmp_path)}
    site.run("", parallel_script=write_script(site, source), workers=1, environment_variables=mine)

    assert site.outcome(0)["result"] == str(tmp_path)


@pytest.mark.parametrize(
    ("second", "result"), [("mini_batch_context", 0), ("mini_batch_context=None", 0), ("threshold=0.5", 0.5)]
)
def test_a_second_parameter_of_run_gets_the_context_unless_it_has_a_default_of_its_own(site, second, result):
    name = second.partition("=")[0]
    source = f"def run(mini_batch, {second}): return [getattr({name}, 'minibatch_index', {name})] * len(mini_batch)"
    site.seed(1)

    site.run("", parallel_script=write_script(site, source), workers=1)

    assert site.outcome(0)["result"] == result


def test_a_script_in_a_folder_of_its_own_imports_its_neighbours_first(site):
    write_script(site, "WHO = 'the folder of the code'", "helper_of_test.py")
    write_script(site, "WHO = 'the folder of the script'", "jobs/helper_of_test.py")
    source = "import helper_of_test\ndef run(mini_batch): return [helper_of_test.WHO] * len(mini_batch)"
    site.seed(1)

    site.run("", parallel_script=write_script(site, source, "jobs/score.py"), workers=1)

    assert site.outcome(0)["result"] == "the folder of the script"


LATE = """
import pandas
first = None
def run(mini_batch):
    global first
    if isinstance(mini_batch, list):
        return pandas.DataFrame({"size": [1, 2, 3]})[1:]
    first = mini_batch if first is None else first
    return first[["id"]][2:]
"""


def test_a_frame_of_an_earlier_call_is_lines_of_the_call(site):
    site.seed(6)

    site.run("", parallel_script=write_script(site, LATE), rows_per_call=3, workers=1)

    lines = {"id": "k2"}
    assert [site.outcome(row)["result"] for row in range(6)] == [None, None, lines, [lines], None, None]


def test_a_frame_of_a_script_that_gets_files_is_lines_of_the_call(site, tmp_path):
    site.seed(3, columns=("id", "path"))

    site.run("", parallel_script=write_script(site, LATE), rows_per_call=3, workers=1, input_folder=tmp_path)

    assert [site.outcome(row)["result"] for row in range(3)] == [[{"size": 2}, {"size": 3}], None, None]
