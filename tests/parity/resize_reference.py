"""Writes resize_reference.json: small pictures resized by PIL (mode F, BILINEAR) and torch (bilinear, antialias).

Run: python resize_reference.py   (Pillow, torch, numpy)
tests/preprocess.rs compares fluoro_core::preprocess::resize with both.
"""

import importlib.metadata
import json
import pathlib

import numpy as np
import torch
from PIL import Image

# (input width, input height, output width, output height): reduced, enlarged, one axis each way, odd ratios, one pixel.
CASES = [(24, 24, 7, 7), (31, 17, 8, 5), (9, 7, 20, 15), (30, 6, 11, 13), (16, 16, 8, 8), (5, 40, 5, 9), (33, 29, 1, 1)]


def main():
    random = np.random.default_rng(7)
    cases = []
    for width, height, to_width, to_height in CASES:
        picture = random.integers(0, 4096, (height, width)).astype(np.float32)
        pil = np.asarray(Image.fromarray(picture, "F").resize((to_width, to_height), Image.Resampling.BILINEAR))
        tensor = torch.from_numpy(picture)[None, None]
        scaled = torch.nn.functional.interpolate(
            tensor, size=(to_height, to_width), mode="bilinear", antialias=True, align_corners=False
        )[0, 0].numpy()
        cases.append({
            "width": width,
            "height": height,
            "to_width": to_width,
            "to_height": to_height,
            "input": picture.astype(int).ravel().tolist(),
            "pil": [round(float(v), 4) for v in pil.ravel()],
            "torch": [round(float(v), 4) for v in scaled.ravel()],
        })
    versions = {p: importlib.metadata.version(p) for p in ("pillow", "torch", "numpy")}
    out = pathlib.Path(__file__).with_name("resize_reference.json")
    out.write_text(json.dumps({"versions": versions, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
