"""A saved plan is the plan that was made, and stays it when it is saved again."""

from __future__ import annotations

import json
from pathlib import Path

from hyperscale.control.planning import open_plan, save_plan


def test_a_plan_that_is_saved_again_keeps_its_overrides(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "work.py").write_text("def work(row):\n    return row\n")
    (tmp_path / "rows.csv").write_text("number\n1\n2\n3\n")
    file = tmp_path / "experiment.yaml"
    file.write_text(json.dumps({"name": "work", "input": {"csv": "rows.csv"}, "activity": {"entry": "work:work"}}))
    plans = [tmp_path / "first.json", tmp_path / "second.json"]

    save_plan(open_plan(file, ["parallelism.workers=1", "tags={a: b}"]), plans[0])
    save_plan(open_plan(plans[0]), plans[1])

    assert open_plan(plans[1]).plan == open_plan(plans[0]).plan
    assert json.loads(plans[1].read_text())["overrides"] == ["parallelism.workers=1", "tags={a: b}"]
