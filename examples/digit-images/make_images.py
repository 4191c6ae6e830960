"""Makes the input and the model of this example: images/ (1,797 PNG files) and model/digits.npz.

Half of the digits train the model and lie in images/seen/, the others, which it never saw, in images/unseen/.
The next folder is the digit that a person read: images/unseen/7/0017.png is a 7.
"""

from __future__ import annotations

from pathlib import Path

import numpy
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).parent
GREYS_PER_STEP = 15  # scikit-learn's pixels go from 0 to 16, those of a PNG file to 255


def main() -> None:
    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels * GREYS_PER_STEP).astype(numpy.uint8)
    write_images(pixels, labels)
    write_model(pixels[::2], labels[::2])
    print(f"wrote {len(labels):,} files in {HERE / 'images'} and {HERE / 'model' / 'digits.npz'}")


def write_images(pixels: numpy.ndarray, labels: numpy.ndarray) -> None:
    for number, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
        half = "unseen" if number % 2 else "seen"
        path = HERE / "images" / half / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.reshape(8, 8)).save(path)


def write_model(pixels: numpy.ndarray, labels: numpy.ndarray) -> None:
    """Train a small network and keep its weights as plain arrays: reading them back needs numpy alone."""
    network = MLPClassifier([32], max_iter=500, random_state=7).fit(pixels / 255, labels)
    (HERE / "model").mkdir(exist_ok=True)
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    numpy.savez(HERE / "model" / "digits.npz", w1=w1, b1=b1, w2=w2, b2=b2)


if __name__ == "__main__":
    main()
