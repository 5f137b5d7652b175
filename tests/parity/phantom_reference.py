"""Writes phantom_reference.json: what torchxrayvision reads in a folder of phantoms as NIH ChestX-ray14.

    fluoro phantom -o FOLDER --count 24 --seed 11 --size 64 --truth
    python phantom_reference.py FOLDER

The Rust test draws the same folder and compares its own reading of it with these numbers.
"""

import json
import sys
from pathlib import Path

import pandas
import torchxrayvision as xrv

folder = Path(sys.argv[1])
dataset = xrv.datasets.NIH_Dataset(
    imgpath=str(folder / "images"),
    csvpath=str(folder / "Data_Entry_2017.csv"),
    bbox_list_path=str(folder / "BBox_List_2017.csv"),
    views=["PA", "AP"],
    pathology_masks=True,
)
films = {}
for index in range(len(dataset)):
    sample = dataset[index]
    row = dataset.csv.iloc[index]
    films[row["Image Index"]] = {
        "findings": [name for name, label in zip(dataset.pathologies, sample["lab"]) if label > 0.5],
        "view": row["view"],
        "female": bool(row["sex_female"]),
        "age": float(row["age_years"]),
        # Grey levels in -1024 to 1024.
        "mean": round(float(sample["img"].mean()), 3),
        # Pixels of each finding's box.
        "boxes": {dataset.pathologies[i]: int(mask.sum()) for i, mask in sorted(sample["pathology_masks"].items())},
    }
reference = {"versions": {"torchxrayvision": xrv.__version__, "pandas": pandas.__version__}, "films": films}
Path(__file__).with_suffix(".json").write_text(json.dumps(reference) + "\n")
