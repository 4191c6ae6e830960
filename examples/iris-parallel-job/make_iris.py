"""Makes the input and the model of this example: iris.csv, and a forest that has seen half of its 150 rows."""

from __future__ import annotations

from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

HERE = Path(__file__).parent


def main() -> None:
    table = load_iris(as_frame=True)
    features = table.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
    species = table.target_names[table.target]
    features.assign(species=species).to_csv(HERE / "iris.csv", index=False)
    (HERE / "model").mkdir(exist_ok=True)
    forest = RandomForestClassifier(20, random_state=7).fit(features[::2], species[::2])
    joblib.dump(forest, HERE / "model" / "iris.joblib")
    print(f"wrote {len(features)} rows in {HERE / 'iris.csv'}, and {HERE / 'model' / 'iris.joblib'}")


if __name__ == "__main__":
    main()
