"""Writes maps_reference.json: what numpy, scipy, skimage and sklearn make of pictures that the Rust test can make too.

    python tests/parity/maps_reference.py

Inputs are not stored: both sides draw them from the same small generator.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import scipy.stats
import skimage
import sklearn
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import average_precision_score, explained_variance_score, roc_auc_score


def draws(seed, count):
    """Numbers in [0, 1) with 24 bits, exact in float32: Numerical Recipes' generator."""
    out, state = np.empty(count, np.float32), seed
    for i in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        out[i] = (state >> 8) / 2**24
    return out


def picture(seed, width, height):
    """Grey levels, quantised to quarters so that float32 holds them exactly: a ramp with noise."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    noise = np.floor(draws(seed, width * height).reshape(height, width) * 2400) / 4
    return (x * 20.0 + y * 15.0 - 1024 + noise).astype(np.float32)


def delong(scores, labels, level):
    """DeLong 1988 from the definition: every pair of a positive and a negative."""
    pos, neg = scores[labels], scores[~labels]
    wins = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
    variance = wins.mean(1).var(ddof=1) / len(pos) + wins.mean(0).var(ddof=1) / len(neg)
    reach = scipy.stats.norm.ppf(0.5 + level / 2) * np.sqrt(variance)
    return [wins.mean(), wins.mean() - reach, wins.mean() + reach]


a, b = picture(1, 48, 40).astype(np.float64), picture(2, 48, 40).astype(np.float64)
small = picture(3, 18, 13)
mask = draws(5, 64 * 50).reshape(50, 64) > 0.62
regions = sorted(regionprops(label(mask, connectivity=2)), key=lambda r: (-r.area, r.coords[0].tolist()))
scores = np.floor(draws(6, 120) * 40).astype(np.float32)
labels = draws(7, 120) + scores / 80 > 0.75
rows = (draws(8, 60 * 7).reshape(60, 7) * 10).astype(np.float64)
guess = rows + (draws(9, 60 * 7).reshape(60, 7) - 0.5)
ev = 1 - ((rows - guess) ** 2).sum() / ((rows - rows.mean(0)) ** 2).sum()

# The same number through another library: variance-weighted explained variance agrees when errors have no mean.
centred = guess - (guess - rows).mean(0)
ev_centred = 1 - ((rows - centred) ** 2).sum() / ((rows - rows.mean(0)) ** 2).sum()
assert abs(ev_centred - explained_variance_score(rows, centred, multioutput="variance_weighted")) < 1e-12
assert abs(delong(scores, labels, 0.95)[0] - roc_auc_score(labels, scores)) < 1e-12

reference = {
    "versions": {m.__name__: m.__version__ for m in (np, scipy, skimage, sklearn)},
    "mae": np.abs(a - b).mean(),
    "psnr": peak_signal_noise_ratio(a, b, data_range=2048),
    "ssim": structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=2048
    ),
    "gaussian": [
        {
            "sigma": s,
            "values": [
                float(f"{v:.6g}")
                for v in gaussian(small.astype(np.float64), s, mode="constant", cval=0, truncate=3.5).ravel()
            ],
        }
        for s in (0.8, 5.0)
    ],
    "percentile": [[q, float(np.percentile(small, q))] for q in (0, 2.5, 33, 50, 95, 99.9, 100)],
    "otsu": {"threshold": float(threshold_otsu(np.abs(small))), "inside": int((np.abs(small) > threshold_otsu(np.abs(small))).sum())},
    "boxes": [[r.bbox[1], r.bbox[0], r.bbox[3] - r.bbox[1], r.bbox[2] - r.bbox[0]] for r in regions if r.area >= 4],
    "areas": [int(r.area) for r in regions if r.area >= 4],
    "auc": roc_auc_score(labels, scores),
    "average_precision": average_precision_score(labels, scores),
    "positives": int(labels.sum()),
    "delong_95": delong(scores, labels, 0.95),
    "delong_80": delong(scores, labels, 0.80),
    "explained_variance": ev,
}
Path(__file__).with_suffix(".json").write_text(json.dumps(reference) + "\n")
