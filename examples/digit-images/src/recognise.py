"""Reads the digit in each picture, and leaves a larger copy framed in green (right) or red (wrong)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
from PIL import Image, ImageOps

from hyperscale import NodeRunner

GREEN, RED = "#1a7f37", "#cf222e"


class Recogniser(NodeRunner):
    """A small neural network: loaded once by each worker, then used for every row that the worker gets."""

    def set_up(self, context: Any) -> None:
        self.model = dict(numpy.load(context.mounts["model"] / "digits.npz"))

    def run(self, rows: list[dict[str, Any]], context: Any) -> list[dict[str, Any]]:
        """Read all pictures of a call at once (rows_per_call in experiment.yaml); one result a row."""
        pictures = [Image.open(row["path"]).convert("L") for row in rows]
        chances = self.predict(numpy.stack([numpy.asarray(picture).ravel() for picture in pictures]) / 255)
        results = []
        for row, picture, chance, row_context in zip(rows, pictures, chances, context.rows, strict=True):
            predicted = int(chance.argmax())
            correct = predicted == int(Path(row["path"]).parent.name)
            framed(picture, GREEN if correct else RED).save(row_context.outputs / f"read-as-{predicted}.png")
            confidence = round(float(chance.max()), 4)
            results.append({"predicted": predicted, "correct": correct, "confidence": confidence})
        return results

    def predict(self, pixels: numpy.ndarray) -> numpy.ndarray:
        """Return the chances of the ten digits (pictures x 10) for `pixels` (pictures x 64, 0 to 1)."""
        hidden = numpy.maximum(pixels @ self.model["w1"] + self.model["b1"], 0)
        scores = hidden @ self.model["w2"] + self.model["b2"]
        odds = numpy.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)


def framed(picture: Image.Image, colour: str) -> Image.Image:
    enlarged = picture.resize((64, 64), Image.Resampling.NEAREST).convert("RGB")
    return ImageOps.expand(enlarged, border=4, fill=colour)
