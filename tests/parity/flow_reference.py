"""Writes flow_reference.json: scikit-image's iterative Lucas-Kanade flow of frames that the Rust test can make too.

    python tests/parity/flow_reference.py

Inputs are not stored: both sides make them by the same formula. Three films: a square one, a wide one with odd sides in
its pyramid, and one that is flat but for one bump, where rounding must not be taken for motion.
"""

import json
import platform
from pathlib import Path

import numpy as np
import scipy
import skimage
from skimage.registration import optical_flow_ilk

EVERY = 7
QUIVER_SIDE = 35


def frame(width, height, height_of_waves, step):
    """Frame `step` of a film, float32, in grey levels: waves and one bump, moved and swollen a little with each step."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x = x - 0.6 * step
    y = y - 0.35 * step
    waves = height_of_waves * (3.0 * np.sin(x / 5.0) * np.cos(y / 7.0) + 2.0 * np.cos((x + 2.0 * y) / 11.0))
    swell = 100.0 * (1.0 + 0.05 * step)
    bump = 400.0 * np.exp(-((x - 0.6 * width) ** 2 + (y - 0.4 * height) ** 2) / swell)
    return (waves + np.maximum(bump, 4.0) - 500.0).astype(np.float32)


def pair(film, step, dtype):
    v, u = optical_flow_ilk(frame(*film, step), frame(*film, step + 1), dtype=dtype)
    return u, v


def kept(u, v, per_side):
    """Places of the arrows as in gif-generate-opticalflow.ipynb of mlmed/gifsplanation."""
    rows, columns = u.shape
    step = max(1, rows // per_side, columns // per_side)
    strength = u[::step, ::step] * v[::step, ::step]
    places = np.argwhere(strength > np.percentile(strength, 98))
    return [[int(x * step), int(y * step)] for y, x in places]


def coarse(plane):
    return [[round(float(value), 5) for value in row] for row in plane[::EVERY, ::EVERY]]


def film(width, height, waves):
    given = (width, height, waves)
    out = {"width": width, "height": height, "waves": waves}
    # The usual precision is single. Double tells rounding from error, but makes motion out of dust where nothing is.
    for name, dtype in [("single", np.float32), ("double", np.float64)]:
        if waves or dtype == np.float32:
            u, v = pair(given, 0, dtype)
            out[name] = {"u": coarse(u), "v": coarse(v)}
    pairs = [pair(given, step, np.float32) for step in range(3)]
    u, v = (np.max([p[i] for p in pairs], axis=0) for i in range(2))
    out["largest"] = {"u": coarse(u), "v": coarse(v)}
    out["arrows"] = kept(u, v, QUIVER_SIDE)
    return out


def main():
    reference = {
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "skimage": skimage.__version__,
        },
        "every": EVERY,
        "films": [film(64, 64, 100.0), film(83, 49, 100.0), film(96, 96, 0.0)],
    }
    with open(Path(__file__).with_suffix(".json"), "w", encoding="utf-8") as file:
        json.dump(reference, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
