"""Steps a second of a TopK trainer in PyTorch, the same work as Fluoro's: forward, loss, gradients, projection, clipping,
Adam, unit rows.

    pt/bin/python tests/parity/sae_speed.py [FEATURES] [STEPS] [BATCH] [K] [library|plain]

`library` is `dictionary_learning.trainers.top_k.TopKTrainer.update`; `plain` the same loss in plain PyTorch whose decoder
adds up only the rows of kept activations (embedding_bag), and the fused Adam, which is faster. Threads: two.
"""

import importlib.machinery
import resource
import sys
import time
from unittest.mock import MagicMock

import torch

TRAINING = "wandb nnsight automated_interpretability circuitsvis umap zstandard accelerate accelerate.utils schedulefree transformer_lens datasets"
features, steps, batch, k = (int(sys.argv[i]) if len(sys.argv) > i else d for i, d in ((1, 6144), (2, 20), (3, 1024), (4, 16)))
kind = sys.argv[5] if len(sys.argv) > 5 else "library"
torch.set_num_threads(2)
torch.manual_seed(0)
D = 768
rows = [torch.randn(batch, D) for _ in range(8)]

if kind == "library":
    for training_only in TRAINING.split():
        sys.modules[training_only] = MagicMock(__spec__=importlib.machinery.ModuleSpec(training_only, None))
    from dictionary_learning.trainers.top_k import TopKTrainer

    trainer = TopKTrainer(steps=100_000, activation_dim=D, dict_size=features, k=k, layer=0, lm_name="", device="cpu", lr=1e-4)
    update = trainer.update
else:
    decoder = torch.nn.functional.normalize(torch.randn(features, D), dim=1)
    encoder = torch.nn.Parameter(decoder.clone())
    decoder = torch.nn.Parameter(decoder)
    b_enc, b_dec = torch.nn.Parameter(torch.zeros(features)), torch.nn.Parameter(torch.zeros(D))
    parameters = [encoder, decoder, b_enc, b_dec]
    adam = torch.optim.Adam(parameters, lr=1e-4, fused=True)

    def update(step, x):
        pre = torch.relu((x - b_dec) @ encoder.T + b_enc)
        values, places = pre.topk(k, sorted=False)
        rebuilt = torch.nn.functional.embedding_bag(places, decoder, per_sample_weights=values, mode="sum") + b_dec
        loss = (x - rebuilt).pow(2).sum(1).mean()
        loss.backward()
        with torch.no_grad():
            decoder.grad.sub_((decoder.grad * decoder).sum(1, keepdim=True) * decoder)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            adam.step()
            adam.zero_grad()
            decoder.div_(decoder.norm(dim=1, keepdim=True))
        return loss.item()


times = []
for step in range(steps + 2):
    start = time.perf_counter()
    update(step + 1, rows[step % 8])
    if step >= 2:
        times.append(time.perf_counter() - start)
times.sort()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(
    f"torch {torch.__version__} {kind} topk m={features} d={D} batch={batch}: {len(times) / sum(times):.3f} steps/s (mean), "
    f"{1 / times[len(times) // 2]:.3f} (median), peak {peak:.2f} GB"
)
