"""Scores one setting of one model on the 1,797 handwritten digits that ship with scikit-learn."""

from __future__ import annotations

import json
import warnings
from functools import lru_cache
from typing import Any

import numpy
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

MODELS = {
    "svc": SVC,
    "random_forest": RandomForestClassifier,
    "extra_trees": ExtraTreesClassifier,
    "neighbours": KNeighborsClassifier,
    "logistic": LogisticRegression,
    "boosting": HistGradientBoostingClassifier,
    "mlp": MLPClassifier,
}
HIGHEST_PIXEL = 16.0


def fit(row: dict[str, Any], context: Any) -> dict[str, float]:
    """Cross-validate the model and settings of `row`; what is returned becomes the columns of the results.

    Args:
        row: `model` (a key of MODELS), `settings` (its keyword arguments, as JSON) and `pca_components`
            (how many to keep; 0 keeps all 64 pixels).
        context: `arguments` has `seed` and `folds`: every row is scored on the same folds.
    """
    seed, folds = context.arguments["seed"], context.arguments["folds"]
    with warnings.catch_warnings():
        # Some settings are stopped before they converge: what they reach until then is their score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = cross_validate(
            estimator(row["model"], json.loads(row["settings"]), int(row["pca_components"]), seed),
            *digits(),
            cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
            error_score="raise",
        )
    return {
        "accuracy": round(float(scores["test_score"].mean()), 5),
        "accuracy_std": round(float(scores["test_score"].std()), 5),
        "fit_seconds": round(float(scores["fit_time"].sum()), 4),
    }


def estimator(model: str, settings: dict[str, Any], pca_components: int, seed: int) -> Any:
    """Return an untrained pipeline: pixels to 0..1, PCA if asked for, the model."""
    kind = MODELS[model]
    if "random_state" in kind().get_params():
        settings = {"random_state": seed, **settings}
    scale = FunctionTransformer(to_unit_range)
    reduce = [PCA(pca_components, random_state=seed)] if pca_components else []
    return make_pipeline(scale, *reduce, kind(**settings))


def to_unit_range(pixels: numpy.ndarray) -> numpy.ndarray:
    return pixels / HIGHEST_PIXEL


@lru_cache
def digits() -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return the pictures (1797 x 64 numbers of 0 to 16) and their labels; read once by each worker."""
    return load_digits(return_X_y=True)
