"""Time of a shift: Fluoro against PyTorch on the same weights, films and preset, one after the other.

Fluoro says itself how long a shift took (`milliseconds` of `fluoro shift --json`: gradient, search, sweep and map, without
reading film and bundle). PyTorch runs the loops of the published programs, one frame at a time as they do, with the same
weights of the bundle `nih-small` through models_reference's functions.

    python shift_benchmark.py FLUORO FILM..
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import models_reference as reference

BUNDLE = pathlib.Path(__file__).parents[2] / "models/nih-small"
LABELS = ("Cardiomegaly", "Effusion")


def operating_points():
    text = (BUNDLE / "bundle.ron").read_text()
    names, points = [], []
    for part in text.split("Label(")[1:]:
        names.append(part.split('name: "')[1].split('"')[0])
        points.append(float(part.split("operating_point: ")[1].split(",")[0]))
    return names, torch.tensor(points)


def op_norm(p, t):
    return torch.where(p < t, p / (2 * t), 1 - (1 - p) / (2 * (1 - t)))


def search(score, drop, sign, bound, first):
    """One side of the paper's or the repository's search."""
    last, at = first, 0.0
    while True:
        now = score(at)
        if sign * (now - last) < 0 or sign * (now - first) > drop or abs(at) >= bound:
            return at
        last, at = now, at + sign * (1 if abs(at) < 10 else 10)


def shift(weights, points, film, label, preset):
    z = reference.encode(weights, film).detach().requires_grad_(True)
    frame = reference.decode(weights, z)
    squash = torch.sigmoid if preset == "repo" else (lambda v: v)
    y = squash(op_norm(torch.sigmoid(reference.logits(weights, frame)), points)[0, label])
    (g,) = torch.autograd.grad(y, z)
    cache = {}

    @torch.no_grad()
    def at(lam):
        if lam not in cache:
            picture = reference.decode(weights, z + lam * g)
            score = squash(op_norm(torch.sigmoid(reference.logits(weights, picture)), points)[0, label])
            cache[lam] = picture, float(score)
        return cache[lam]

    first = at(0.0)[1]
    if preset == "package":
        low, last, x0 = 0.0, first, at(0.0)[0]
        while True:
            picture, now = at(low)
            changed = (x0 - picture).abs().sum() > 0.05 * x0.abs().sum()
            if last < now or now < 0.05 or first - 0.8 > now or low <= -3000 or changed:
                break
            last, low = now, low - 10 + low // 10
        lambdas = np.linspace(low, 0, 10)
    else:
        drop = 0.5 if preset == "paper" else 0.15
        low = search(lambda l: at(l)[1], drop, -1, 1000, first)
        high = search(lambda l: at(l)[1], 0.05, 1, 1000, first) if preset == "paper" else 0.0
        lambdas = np.arange(low, high + (1 if preset == "paper" else 0), max(high - low, 1e-9) / 10)
    frames = torch.stack([at(float(lam))[0][0] for lam in lambdas])
    (frames - frame.detach()).abs().amax(0)
    return len(cache)


def main():
    fluoro, films = sys.argv[1], sys.argv[2:]
    torch.set_num_threads(2)
    weights = load_file(BUNDLE / "autoencoder.safetensors") | load_file(BUNDLE / "classifier.safetensors")
    reference.MEMBERS = len({n.split(".")[2] for n in weights if n.startswith("classifier.members")})
    names, points = operating_points()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in films:
            picture = Image.open(path).convert("L").resize((224, 224), Image.BILINEAR)
            film = torch.tensor(np.asarray(picture, dtype=np.float32))[None, None] / 255 * 2048 - 1024
            for name in LABELS:
                for preset in ("fluoro", "paper", "repo", "package"):
                    command = [fluoro, "shift", path, "--target", name, "--preset", preset, "--bundle", "nih-small",
                               "--device", "cpu", "--json", "-o", f"{folder}/out.gif"]
                    answer = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
                    row = rows.setdefault(preset, {"fluoro": [], "torch": [], "frames": []})
                    row["fluoro"].append(answer["milliseconds"])
                    if preset != "fluoro":
                        began = time.perf_counter()
                        row["frames"].append(shift(weights, points, film, names.index(name), preset))
                        row["torch"].append((time.perf_counter() - began) * 1000)
    for preset, row in rows.items():
        words = f"{preset:8} fluoro median {np.median(row['fluoro']):6.0f} ms, most {max(row['fluoro']):6.0f} ms"
        if row["torch"]:
            words += f"; PyTorch {torch.__version__} median {np.median(row['torch']):6.0f} ms, most {max(row['torch']):6.0f} ms"
            words += f"; frames decoded by PyTorch, median {np.median(row['frames']):.0f}"
        print(words)


if __name__ == "__main__":
    main()
