"""Opens dictionaries that Fluoro saved in SAELens format with SAELens itself, and compares what both compute.

    FLUORO_SAE_LENS_OUT=DIR cargo test --release --workspace --offline --lib sae_lens_files
    venv_sae/bin/python tests/parity/sae_lens_check.py DIR      (packages: see sae_reference.py)
"""

import importlib.machinery
import pathlib
import sys
from unittest.mock import MagicMock

TRAINING = "wandb nnsight automated_interpretability circuitsvis umap zstandard accelerate accelerate.utils schedulefree"
for training_only in TRAINING.split():
    sys.modules[training_only] = MagicMock(__spec__=importlib.machinery.ModuleSpec(training_only, None))

import sae_lens
import torch
from safetensors.torch import load_file

worst = 0.0
for name in ["topk", "batchtopk", "matryoshka", "jumprelu", "gated"]:
    base = pathlib.Path(sys.argv[1])
    sae = sae_lens.SAE.load_from_disk(base / name)
    ours = load_file(base / f"{name}.safetensors")
    with torch.no_grad():
        activations = sae.encode(ours["rows"])
        rebuilt = sae.decode(activations)
    relative = lambda a, b: float((a - b).abs().max() / b.abs().max())
    off = [relative(ours["activations"], activations), relative(ours["rebuilt"], rebuilt)]
    worst = max(worst, *off)
    same = bool(((ours["activations"] > 0) == (activations > 0)).all())
    print(f"{name:11} {type(sae).__name__:12} encode {off[0]:.1e} decode {off[1]:.1e} same features {same}")
    assert same and (activations > 0).any()
print(f"sae_lens {sae_lens.__version__}: largest difference {worst:.1e} of the largest number")
assert worst < 1e-5
