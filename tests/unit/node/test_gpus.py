"""Which GPUs a node has, and which of them each worker sees."""

import pytest

from hyperscale.node.consuming.gpus import find_gpus, share_gpus

LISTING = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 1g.5gb      Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-d1b7a2c4-0c3e-8f1e-9a4c-2f6f8e7d6c5b)
"""


def not_asked():
    raise AssertionError("nvidia-smi is the last resort")


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("0,1", ("0", "1")),
        ("3", ("3",)),
        (" 2, 0 ", ("2", "0")),
        ("GPU-5d5ba0d6,MIG-c6d4f1ef", ("GPU-5d5ba0d6", "MIG-c6d4f1ef")),
        ("", ()),
        ("-1", ()),
        ("0,-1,1", ("0",)),
    ],
)
def test_what_the_consumer_may_use_is_the_last_word(tmp_path, visible, expected):
    (tmp_path / "nvidia0").touch()

    assert find_gpus({"CUDA_VISIBLE_DEVICES": visible}, tmp_path, not_asked) == expected


def test_the_device_files_of_the_driver_are_counted(tmp_path):
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-caps", "nvidia10"):
        (tmp_path / name).touch()

    assert find_gpus({}, tmp_path, not_asked) == ("0", "1", "2")


@pytest.mark.parametrize(("listing", "expected"), [(LISTING, ("0", "1")), ("", ()), ("No devices found.\n", ())])
def test_nvidia_smi_is_asked_where_there_are_no_device_files(tmp_path, listing, expected):
    assert find_gpus({}, tmp_path, lambda: listing) == expected


@pytest.mark.parametrize(
    ("gpus", "workers", "expected"),
    [
        ((), 3, ()),
        (("0",), 1, ("0",)),
        (("0",), 3, ("0", "0", "0")),
        (("0", "1"), 2, ("0", "1")),
        (("0", "1"), 5, ("0", "1", "0", "1", "0")),
        (("0", "1", "2", "3"), 2, ("0,2", "1,3")),
        (("0", "1", "2", "3"), 3, ("0,3", "1", "2")),
        (("MIG-a", "MIG-b"), 2, ("MIG-a", "MIG-b")),
    ],
)
def test_gpus_are_shared_out_by_the_index_of_workers(gpus, workers, expected):
    assert share_gpus(gpus, workers) == expected


SEEN = """
import os
def fit(row, context):
    return {"worker": context.worker_index, "gpu": context.gpu, "seen": os.environ.get("CUDA_VISIBLE_DEVICES")}
"""


@pytest.mark.parametrize(
    ("gpus", "variables", "expected"),
    [
        (("0,2", "1,3"), {}, {0: ("0,2", "0,2"), 1: ("1,3", "1,3")}),
        (("0", "1"), {"CUDA_VISIBLE_DEVICES": "7"}, {0: ("7", "7"), 1: ("7", "7")}),
        (("0", "1"), {"CUDA_VISIBLE_DEVICES": ""}, {0: (None, ""), 1: (None, "")}),
    ],
)
def test_a_worker_sees_its_own_gpus_unless_the_experiment_says_which(site, gpus, variables, expected):
    site.seed(40)

    assert site.run(SEEN, gpus=gpus, environment_variables=variables) is None

    results = [lines[0]["result"] for lines in site.outcomes().values()]
    seen = {result["worker"]: (result["gpu"], result["seen"]) for result in results}
    assert seen
    assert seen.items() <= expected.items()
