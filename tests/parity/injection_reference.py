"""Reference values for filling boxes: scikit-image's inpaint_biharmonic on planes of whole numbers.

Writes injection_reference.json: for each case the size of the plane, its boxes (x, y, width, height) and the filled
values of the boxes, box by box and row by row (of the large box every 37th value). The plane is made by `plane` below,
which the Rust test has too.

    python injection_reference.py
"""

import json
import pathlib

import numpy as np
import scipy
import skimage
from skimage.restoration import inpaint_biharmonic


def plane(width, height, seed):
    """A ramp, a bump and noise, in whole numbers 0 to 4095."""
    state, out = seed, np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            state = (state * 1664525 + 1013904223) % 2**32
            ramp = 900 + 11 * x + 7 * y + (x - 20) * (y - 12) // 3
            out[y, x] = min(max(ramp + (state >> 24), 0), 4095)
    return out


CASES = [
    ("inside", 48, 36, 1, [[14, 10, 17, 8]]),
    ("tall", 30, 50, 2, [[9, 8, 6, 25]]),
    ("left border", 48, 36, 3, [[0, 12, 11, 7]]),
    ("upper right corner", 48, 36, 4, [[38, 0, 10, 6]]),
    ("one pixel from the border", 48, 36, 5, [[1, 1, 12, 5]]),
    ("two apart", 60, 40, 6, [[5, 5, 9, 6], [40, 20, 10, 7]]),
    ("two touching", 60, 40, 7, [[10, 10, 12, 6], [22, 13, 8, 9]]),
    ("two a pixel apart", 60, 40, 8, [[10, 10, 12, 6], [23, 12, 8, 9]]),
    ("overlapping", 60, 40, 9, [[10, 10, 12, 8], [18, 14, 12, 8]]),
    ("one pixel", 20, 20, 10, [[7, 9, 1, 1]]),
    ("a word", 200, 90, 11, [[40, 30, 126, 24]]),
]

cases = []
for name, width, height, seed, boxes in CASES:
    image = plane(width, height, seed)
    mask = np.zeros(image.shape, bool)
    for x, y, w, h in boxes:
        mask[y : y + h, x : x + w] = True
    filled = inpaint_biharmonic(image, mask)
    values = np.concatenate([filled[y : y + h, x : x + w].ravel() for x, y, w, h in boxes])
    step = 37 if len(values) > 1000 else 1
    cases.append({
        "name": name, "size": [width, height], "seed": seed, "boxes": boxes, "step": step,
        "values": [round(float(v), 6) for v in values[::step]],
    })

versions = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-image": skimage.__version__}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"versions": versions, "cases": cases}) + "\n")
print(path.stat().st_size, "bytes")
