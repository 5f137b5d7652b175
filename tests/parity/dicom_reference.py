"""Writes dicom_reference.json: what pydicom decodes from the lossy DICOM films of the data folder, at a grid of positions.

Run: python dicom_reference.py DATA_FOLDER   (pydicom 3, pylibjpeg with libjpeg and openjpeg, numpy)
tests/films.rs compares Fluoro's stored samples with it.
"""

import csv
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
import pydicom
from pydicom.pixels import pixel_array

GRID = 48
PACKAGES = ("pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "numpy")


def lossy_films(data):
    for folder, column in (("dicom", "decoded_sha256_le"), ("dicom_derived", "stored_sha256_le")):
        with open(data / folder / "manifest.csv", newline="") as table:
            yield from (f"{folder}/{row['file']}" for row in csv.DictReader(table) if row[column] == "lossy")


def centres(length):
    """Middle pixel of each of GRID equal parts."""
    return (2 * np.arange(GRID) + 1) * length // (2 * GRID)


def main():
    data = pathlib.Path(sys.argv[1])
    films = []
    for name in lossy_films(data):
        # raw: no colour conversion; the stored samples as the codec gives them
        samples = pixel_array(pydicom.dcmread(data / name), raw=True)
        rows, columns = samples.shape
        films.append({
            "file": name,
            "width": columns,
            "height": rows,
            "min": int(samples.min()),
            "max": int(samples.max()),
            "mean": round(float(samples.mean()), 4),
            "samples": samples[np.ix_(centres(rows), centres(columns))].ravel().tolist(),
        })
    reference = {"versions": {p: importlib.metadata.version(p) for p in PACKAGES}, "grid": GRID, "films": films}
    out = pathlib.Path(__file__).with_name("dicom_reference.json")
    out.write_text(json.dumps(reference, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
