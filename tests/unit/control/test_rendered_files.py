from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from wordings import Wording, names

from hyperscale.control.rendered.rendered_files import check_files, other_pipelines, write_files
from hyperscale.control.rendered.rendering import HEADER
from hyperscale.errors import ExperimentError, RunStateError


def text_of(experiment: str, more: str = "") -> str:
    return f'{HEADER}\ntags:\n  "hyperscale_experiment": "{experiment}"\n{more}'


SEED = PurePosixPath("components/seed.yml")
OLD_CLUSTER, NEW_CLUSTER = PurePosixPath("compute/old.yml"), PurePosixPath("compute/new.yml")
DOCKERFILE = PurePosixPath("components/consume_environment/Dockerfile")


def test_files_are_written_and_then_current(tmp_path: Path):
    files = {SEED: text_of("digits"), NEW_CLUSTER: text_of("digits", "é")}

    write_files(files, tmp_path / "out", "digits")

    check_files(files, tmp_path / "out", "digits")
    assert {path: (tmp_path / "out" / path).read_bytes().decode() for path in files} == files
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["new.yml", "seed.yml"]


def test_a_file_of_the_user_stops_everything_before_anything_is_written(tmp_path: Path, wording: Wording):
    (tmp_path / "compute").mkdir()
    (tmp_path / NEW_CLUSTER).write_text("# mine\n")

    with pytest.raises(ExperimentError) as refused:
        write_files({SEED: text_of("digits"), NEW_CLUSTER: text_of("digits")}, tmp_path, "digits")
    names(refused, "new.yml")
    wording(refused)

    assert not (tmp_path / SEED).exists()
    assert (tmp_path / NEW_CLUSTER).read_text() == "# mine\n"


def test_what_an_earlier_render_left_is_removed(tmp_path: Path):
    write_files({OLD_CLUSTER: text_of("digits"), DOCKERFILE: text_of("")}, tmp_path, "digits")

    write_files({NEW_CLUSTER: text_of("digits")}, tmp_path, "digits")

    assert not (tmp_path / OLD_CLUSTER).exists()
    assert not (tmp_path / DOCKERFILE).exists()


def test_clusters_of_another_experiment_and_files_of_the_user_stay(tmp_path: Path):
    (tmp_path / "compute").mkdir()
    (tmp_path / "compute" / "mine.yml").write_text('tags:\n  "hyperscale_experiment": "digits"\n')
    write_files({OLD_CLUSTER: text_of("other")}, tmp_path, "other")

    write_files({NEW_CLUSTER: text_of("digits")}, tmp_path, "digits")

    assert sorted(path.name for path in (tmp_path / "compute").iterdir()) == ["mine.yml", "new.yml", "old.yml"]


def test_every_file_that_is_not_current_is_named(tmp_path: Path, wording: Wording):
    write_files({SEED: text_of("digits"), OLD_CLUSTER: text_of("digits")}, tmp_path, "digits")
    (tmp_path / SEED).write_text(text_of("digits", "edited"))

    with pytest.raises(RunStateError) as raised:
        check_files({SEED: text_of("digits"), NEW_CLUSTER: text_of("digits")}, tmp_path, "digits")

    names(raised, "components/seed.yml", "compute/new.yml", "compute/old.yml")
    wording(raised)


def control(name: str, experiment: str) -> dict[PurePosixPath, str]:
    """The control cluster `name`, and the pipeline of `experiment` whose seed works there."""
    return {
        PurePosixPath("compute", f"{name}.yml"): f'{HEADER}\ntags:\n  "hyperscale_control": "shared"\n',
        PurePosixPath("pipelines", f"{experiment}.yml"): f'{HEADER}\n    compute: "azureml:{name}"\n',
    }


def computes_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "compute").iterdir())


def test_the_control_cluster_of_another_workspace_is_removed(tmp_path: Path, wording: Wording):
    write_files(control("hs-control-w1", "digits"), tmp_path, "digits")
    files = control("hs-control-w2", "digits")

    with pytest.raises(RunStateError) as refused:
        check_files(files, tmp_path, "digits")
    names(refused, "hs-control-w1.yml")
    wording(refused)
    write_files(files, tmp_path, "digits")

    assert computes_in(tmp_path) == ["hs-control-w2.yml"]
    check_files(files, tmp_path, "digits")


def test_the_control_cluster_of_another_experiment_stays(tmp_path: Path):
    write_files(control("hs-control-w1", "other"), tmp_path, "other")

    write_files(control("hs-control-w2", "digits"), tmp_path, "digits")

    assert computes_in(tmp_path) == ["hs-control-w1.yml", "hs-control-w2.yml"]


def test_pipelines_of_other_experiments_are_known_as_they_share_the_components(tmp_path: Path):
    write_files(control("hs-control-w1", "other"), tmp_path, "other")
    (tmp_path / "pipelines" / "mine.yml").write_text("# mine\n")

    assert other_pipelines(control("hs-control-w1", "digits"), tmp_path, "digits") == [
        PurePosixPath("pipelines/other.yml")
    ]


def test_pipelines_behind_the_first_go_when_a_render_has_fewer_and_those_of_others_stay(tmp_path: Path):
    def pipelines(*names: str) -> dict[PurePosixPath, str]:
        return {PurePosixPath("pipelines", f"{name}.yml"): text_of("") for name in names}

    write_files(pipelines("digits-p2", "digits-p2_p2"), tmp_path, "digits-p2")
    write_files(pipelines("digits", "digits_p2", "digits_p3"), tmp_path, "digits")
    (tmp_path / "pipelines" / "digits_p9.yml").write_text("# mine\n")
    fewer = pipelines("digits", "digits_p2")

    with pytest.raises(RunStateError) as refused:
        check_files(fewer, tmp_path, "digits")
    write_files(fewer, tmp_path, "digits")

    names(refused, "digits_p3.yml")
    left = sorted(path.stem for path in (tmp_path / "pipelines").iterdir())
    assert left == ["digits", "digits-p2", "digits-p2_p2", "digits_p2", "digits_p9"]
    assert [path.stem for path in other_pipelines(fewer, tmp_path, "digits")] == ["digits-p2", "digits-p2_p2"]
