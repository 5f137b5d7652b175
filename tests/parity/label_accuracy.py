"""Label accuracy on phantoms: do the labels of selective features name the factor that they fire on?

Usage: label_accuracy.py STORE FACTORS.csv [LEAST_AUC MARGIN]. STORE was labelled by `fluoro label`; FACTORS.csv is the truth of
its phantoms. A feature is selective where the AUC of its activation is at least LEAST_AUC (0.7) for one factor and MARGIN (0.1)
below that for every other. Needs polars and scikit-learn.
"""

import re
import sys

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

WORDS = {
    "Cardiomegaly": "cardiomegaly|heart|cardio", "Effusion": "effusion", "Pneumothorax": "pneumothora", "Nodule": "nodule|mass",
    "Consolidation": "consolidation|air-space", "Atelectasis": "atelecta", "Edema": "edema", "Pacemaker": "pacemaker",
    "Sternotomy wires": "wires|sternotomy", "Jugular line": "jugular|central venous", "Spinal rods": "rods|spinal",
    "Piercing": "piercing|jewel", "Female": "female", "AP view": "ap view", "Inverted": "inver", "PORTABLE marker": "portable",
    "Laterality marker": "laterality", "Outside site": "site", "Rotated": "rotat",
}


def main(store, factors, least=0.7, margin=0.1):
    activations = pl.read_parquet(f"{store}/film_features.parquet")
    films = pl.read_parquet(f"{store}/films.parquet").sort("film")
    table = pl.read_csv(factors)
    names = [name for name in table.columns if name in WORDS]
    key = films["path"].str.split("/").list.last()
    truth = pl.DataFrame({"Image Index": key, "film": films["film"]}).join(table, on="Image Index").sort("film")
    present = truth.select(names).to_numpy().astype(bool)
    place = {film: row for row, film in enumerate(truth["film"].to_list())}
    with open(f"{store}/labels.ron") as file:
        labels = {int(m[1]): m[2] for m in re.finditer(r'feature: (\d+),\s*text: "([^"]*)"', file.read())}
    selective = right = 0
    for (feature,), rows in activations.group_by("feature"):
        if len(rows) < 10:
            continue
        values = np.zeros(len(present))
        values[[place[film] for film in rows["film"].to_list()]] = rows["value"].to_numpy()
        aucs = np.array([roc_auc_score(present[:, k], values) for k in range(len(names))])
        order = np.argsort(-aucs)
        if aucs[order[0]] >= least and aucs[order[0]] - aucs[order[1]] >= margin:
            label, factor = labels.get(feature, ""), names[order[0]]
            good = not label.startswith("no ") and bool(re.search(WORDS[factor], label.lower()))
            selective, right = selective + 1, right + good
            print(f"{feature:6} {aucs[order[0]]:.2f} {factor:18} {'ok' if good else 'WRONG'}  {label}")
    print(f"{right} of {selective} selective features are named after their factor")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))
