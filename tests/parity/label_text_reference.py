"""Scores of features against concepts of a text tower, in numpy: writes label_text_reference.json.

In: nothing (numbers of a small generator that the test has too). Out: for 60 films, 7 concepts and 4 features the margins (cosine with
a concept's sentence less that with the neutral sentence) and the scores of tests/tests/import/text_labels.rs.
Feature 3 fires on all films but four, so it is held against all films.

    python tests/parity/label_text_reference.py
"""

import json
import pathlib

import numpy as np

FILMS, CONCEPTS, FEATURES, LENGTH = 60, 7, 4, 12
FEWEST_SILENT = 10


class Generator:
    """x <- x * 6364136223846793005 + 1442695040888963407 (mod 2^64); the upper 24 bits, from -1 to 1."""

    def __init__(self, seed):
        self.state = seed

    def __call__(self, count):
        numbers = []
        for _ in range(count):
            self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
            numbers.append((self.state >> 40) / 2**23 - 1)
        return np.array(numbers)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32).astype(np.float64)


def main():
    draw = Generator(7)
    films = unit(draw(FILMS * LENGTH).reshape(FILMS, LENGTH))
    texts = unit(draw(CONCEPTS * LENGTH).reshape(CONCEPTS, LENGTH))
    neutral = unit(draw(LENGTH))
    activations = draw(FILMS * FEATURES).reshape(FEATURES, FILMS)
    activations[3] = np.where(np.arange(FILMS) < 4, 0, np.abs(activations[3]) + 0.1)
    activations = np.maximum(activations, 0).astype(np.float32).astype(np.float64)

    margins = (films @ texts.T - (films @ neutral)[:, None]).astype(np.float32).astype(np.float64)
    z = (margins - margins.mean(0)) / margins.std(0)
    scores = []
    for weight in activations:
        silent = weight == 0
        others = silent if silent.sum() >= FEWEST_SILENT else np.ones(FILMS, bool)
        scores.append(np.average(z, axis=0, weights=weight) - z[others].mean(0))
    out = {
        "numpy": np.__version__,
        "silent": [int((weight == 0).sum()) for weight in activations],
        "margins": [[round(float(v), 9) for v in row] for row in margins],
        "scores": [[float(v) for v in row] for row in scores],
    }
    path = pathlib.Path(__file__).with_name("label_text_reference.json")
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, out["silent"], np.round(scores, 3).tolist())


if __name__ == "__main__":
    main()
