"""Reports of 120 phantoms with the factors they were drawn with.

Writes report_phantoms.csv from a folder of phantoms: what is drawn (factors.csv) beside what is written (reports.csv).

    fluoro phantom -o FOLDER --count 300 --seed 5
    python report_phantoms.py FOLDER
"""

import csv
import pathlib
import sys

FACTORS = [
    "Cardiomegaly", "Effusion", "Pneumothorax", "Nodule", "Consolidation", "Atelectasis", "Edema", "Pacemaker",
    "Sternotomy wires", "Jugular line", "Spinal rods", "Piercing", "AP view", "Rotated",
]
COUNT = 120

folder = pathlib.Path(sys.argv[1])
reports = list(csv.DictReader(open(folder / "reports.csv", newline="")))[:COUNT]
factors = {row["Image Index"]: row for row in csv.DictReader(open(folder / "factors.csv", newline=""))}
with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow([*FACTORS, "report"])
    for row in reports:
        present = factors[row["Image Index"]]
        table.writerow([*(present[name] for name in FACTORS), f"{row['findings']} {row['impression']}"])
