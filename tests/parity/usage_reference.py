"""Numbers that core/src/metrics/decisions.rs is tested against: seeded probabilities, and what scikit-learn
(brier_score_loss, confusion_matrix) and a plain numpy formula of the expected calibration error make of them.
Writes usage_reference.json beside this file, with the versions that made it. Run: python usage_reference.py"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import brier_score_loss, confusion_matrix


def calibration_error(p, y, bins):
    """Over bins [k / bins, (k + 1) / bins), the last closed: sum of count / n * |mean p - mean y|."""
    place = np.minimum(np.floor(p * bins).astype(int), bins - 1)
    total = 0.0
    for k in range(bins):
        inside = place == k
        if inside.any():
            total += inside.mean() * abs(p[inside].mean() - y[inside].mean())
    return float(total)


def rates(p, y, point):
    tn, fp, fn, tp = confusion_matrix(y, p >= point, labels=[0, 1]).ravel()
    return tp / (tp + fn), fp / (fp + tn), [int(v) for v in (tp, fp, tn, fn)]


cases = []
random = np.random.default_rng(8)
for count, point, sharpness in [(40, 0.5, 1.0), (200, 0.1609, 2.0), (333, 0.88, 0.5), (500, 0.25, 6.0)]:
    truth = random.random(count) < 0.35
    group = (random.random(count) < 0.4).astype(int)
    logit = sharpness * (random.normal(size=count) + 1.5 * truth - 0.7)
    before = (1 / (1 + np.exp(-logit))).astype(np.float32)
    after = (1 / (1 + np.exp(-(logit + random.normal(size=count) * 0.8)))).astype(np.float32)
    point = float(np.float32(point))
    wide, y = before.astype(np.float64), truth.astype(np.float64)
    _, _, (tp, fp, tn, fn) = rates(before, truth, np.float32(point))
    by_group = [rates(before[group == g], truth[group == g], np.float32(point)) for g in (0, 1)]
    said_before, said_after = before >= np.float32(point), after >= np.float32(point)
    cases.append({
        "before": [float(v) for v in before], "after": [float(v) for v in after],
        "truth": truth.tolist(), "group": group.tolist(), "point": point,
        "brier": float(brier_score_loss(truth, wide)),
        "ece15": calibration_error(wide, y, 15), "ece1": calibration_error(wide, y, 1),
        "confusion": {"true_positives": tp, "false_positives": fp, "true_negatives": tn, "false_negatives": fn},
        "tpr_gap": abs(by_group[0][0] - by_group[1][0]), "fpr_gap": abs(by_group[0][1] - by_group[1][1]),
        "flips": {"up": int((~said_before & said_after).sum()), "down": int((said_before & ~said_after).sum())},
    })
made = {"versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__}, "cases": cases}
Path(__file__).with_suffix(".json").write_text(json.dumps(made) + "\n")
