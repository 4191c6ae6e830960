"""Writes grid.csv, the settings to try: `python make_grid.py` after a change of GRIDS."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path
from typing import Any

#: name of the rows, model of sweep.py, numbers of PCA components (0: none), values of each setting
GRIDS: list[tuple[str, str, list[int], dict[str, list[Any]]]] = [
    (
        "svc-rbf",
        "svc",
        [0, 16, 32],
        {"kernel": ["rbf"], "C": [0.5, 1, 2, 5, 10, 50], "gamma": [0.05, 0.1, 0.2, 0.3, 0.5, 1.0]},
    ),
    (
        "svc-poly",
        "svc",
        [0, 32],
        {"kernel": ["poly"], "degree": [2, 3, 4], "C": [0.1, 1, 10], "coef0": [0, 1]},
    ),
    (
        "neighbours",
        "neighbours",
        [0, 16, 32],
        {"n_neighbors": [1, 3, 5, 7, 9], "weights": ["uniform", "distance"], "p": [1, 2]},
    ),
    ("logistic", "logistic", [0, 32], {"C": [0.01, 0.1, 0.5, 1, 5, 10, 100]}),
    (
        "forest",
        "random_forest",
        [0],
        {"n_estimators": [50, 100], "max_depth": [8, 16, None], "max_features": ["sqrt", 0.3]},
    ),
    (
        "extra-trees",
        "extra_trees",
        [0],
        {"n_estimators": [50, 100], "max_depth": [8, 16, None], "max_features": ["sqrt", 0.3]},
    ),
    (
        "boosting",
        "boosting",
        [0],
        {"max_iter": [20], "learning_rate": [0.1, 0.2, 0.3], "max_leaf_nodes": [7, 15]},
    ),
    (
        "mlp",
        "mlp",
        [0, 32],
        {"hidden_layer_sizes": [[32], [64], [128], [64, 64]], "alpha": [0.0001, 0.01], "max_iter": [40]},
    ),
]


def rows() -> list[dict[str, Any]]:
    """Return one row for each setting: id, model, pca_components, settings.

    The rows of each model are spread evenly, so that the time left is told well from the start.
    """
    placed = []
    for name, model, pca_components, values in GRIDS:
        combinations = list(product(pca_components, *values.values()))
        for number, (components, *chosen) in enumerate(combinations, start=1):
            settings = json.dumps(dict(zip(values, chosen, strict=True)))
            row_id = f"{name}-{number:03}"
            row = {"id": row_id, "model": model, "pca_components": components, "settings": settings}
            placed.append((number / len(combinations), row_id, row))
    return [row for _, _, row in sorted(placed, key=lambda entry: entry[:2])]


def main() -> None:
    with (Path(__file__).parent / "grid.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "model", "pca_components", "settings"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows())


if __name__ == "__main__":
    main()
