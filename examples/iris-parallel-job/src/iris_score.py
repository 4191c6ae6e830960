"""The entry script of a parallel job: it reads the species of an iris from four lengths."""

import argparse
from pathlib import Path

import joblib

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def init():
    global model

    parser = argparse.ArgumentParser()
    parser.add_argument("--model", dest="model_dir", required=True)
    args, _ = parser.parse_known_args()
    model = joblib.load(Path(args.model_dir) / "iris.joblib")


def run(mini_batch):
    print(f"{len(mini_batch)} rows")
    mini_batch["predicted"] = model.predict(mini_batch[FEATURES])
    return mini_batch[["predicted"]]
