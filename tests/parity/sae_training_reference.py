"""Losses and gradients of dictionaries in training, from the libraries that train them: same weights, same batch.

Writes sae_training_reference.safetensors: for each case the tokens, every parameter, the loss, the gradient of every
parameter, and which features were dead; versions in its metadata.

topk, batchtopk, matryoshka, gated_unit: the trainers of dictionary_learning 0.1.0. Matryoshka with weights of 1, so that
its mean over groups is the plain mean (its own default divides by the number of groups twice). jumprelu: SAELens
(mode "step"), the gradient of its thresholds turned into that of their logarithms. jumprelu_target: autograd functions
of dictionary_learning on pre-activations (the paper's kernel; that library's own loss has it on activations). gated:
the formula of SAE-Rad in plain PyTorch, its loss and encoder checked here against SAELens, whose auxiliary term moves the
decoder as well.

    venv_sae/bin/python tests/parity/sae_training_reference.py      (packages: see sae_reference.py)
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
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
from dictionary_learning.trainers.gdm import GatedSAETrainer
from dictionary_learning.trainers.jumprelu import JumpReLUFunction, StepFunction
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer
from dictionary_learning.trainers.top_k import TopKTrainer
from safetensors.torch import save_file
from sae_lens.saes.gated_sae import GatedTrainingSAE, GatedTrainingSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
from sae_lens.saes.sae import TrainStepInput

D, M, ROWS, K = 20, 64, 64, 3
DEAD = 10_000_000
GROUPS = [0.125, 0.25, 0.625]
OUT = {}


def base(seed, unit):
    """Tokens and parameters of the size that training has, by our names; encoder and decoder [m, d]."""
    g = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=g)
    decoder = normal(M, D)
    decoder /= decoder.norm(dim=1, keepdim=True)
    if not unit:
        decoder *= 0.5 + torch.rand(M, 1, generator=g)
    encoder = decoder + 0.1 * normal(M, D)
    return {
        "tokens": 0.5 + normal(ROWS, D),
        "encoder": encoder,
        "decoder": decoder,
        "decoder_bias": 0.2 * normal(D),
        "bias": 0.3 * normal(M),
    }


def keep(name, p, loss, gradients, **more):
    entries = {**p, "loss": loss.reshape(1), **{f"gradient.{k}": v for k, v in gradients.items()}, **more}
    for key, value in entries.items():
        OUT[f"{name}.{key}"] = value.detach().float().contiguous().clone()
    print(name, float(loss))


COMMON = dict(steps=10_000, activation_dim=D, dict_size=M, layer=0, lm_name="none", device="cpu")


def top_k_kinds():
    for name, make in {
        "topk": lambda: TopKTrainer(k=K, **COMMON),
        "batchtopk": lambda: BatchTopKTrainer(k=K, **COMMON),
        "matryoshka": lambda: MatryoshkaBatchTopKTrainer(
            k=K, group_fractions=GROUPS, group_weights=[1.0] * len(GROUPS), **COMMON
        ),
    }.items():
        for with_dead in (False, True):
            p = base(len(OUT), unit=True)
            dead = torch.zeros(M, dtype=torch.bool)
            if with_dead:
                # Dead features are alive in pre-activation, only too weak to be kept.
                dead[::3] = True
                p["encoder"][dead] *= 0.15
                p["bias"][dead] *= 0.1
            trainer = make()
            ae = trainer.ae
            matrices = name == "matryoshka"
            encoder = ae.W_enc if matrices else ae.encoder.weight
            decoder = ae.W_dec if matrices else ae.decoder.weight
            bias = ae.b_enc if matrices else ae.encoder.bias
            encoder.data = p["encoder"].T.clone() if matrices else p["encoder"].clone()
            decoder.data = p["decoder"].clone() if matrices else p["decoder"].T.clone()
            bias.data, ae.b_dec.data = p["bias"].clone(), p["decoder_bias"].clone()
            trainer.num_tokens_since_fired[dead] = DEAD
            log = trainer.loss(p["tokens"], step=2000, logging=True)
            fired = (log.f > 0).any(dim=0)
            assert not (fired & dead).any() and (trainer.num_tokens_since_fired[dead] > DEAD).all()
            loss = trainer.loss(p["tokens"], step=2000)
            loss.backward()
            gradients = {
                "encoder": encoder.grad.T if matrices else encoder.grad,
                "decoder": decoder.grad if matrices else decoder.grad.T,
                "decoder_bias": ae.b_dec.grad,
                "bias": bias.grad,
            }
            more = {"dead": dead, "smallest": log.f[log.f > 0].min().reshape(1), "l0": (log.f > 0).sum(1).float().mean().reshape(1)}
            keep(name + ("_dead" if with_dead else ""), p, loss, gradients, **more)


def gated_parameters(seed, unit):
    p = base(seed, unit)
    g = torch.Generator().manual_seed(seed + 500)
    p["magnitude_scale"] = 0.2 * torch.randn(M, generator=g)
    p["magnitude_bias"] = 0.2 * torch.randn(M, generator=g)
    return p


def gated_unit():
    p = gated_parameters(901, unit=True)
    trainer = GatedSAETrainer(l1_penalty=0.7, **COMMON)
    ae = trainer.ae
    ae.encoder.weight.data, ae.decoder.weight.data = p["encoder"].clone(), p["decoder"].T.clone()
    ae.decoder_bias.data, ae.gate_bias.data = p["decoder_bias"].clone(), p["bias"].clone()
    ae.r_mag.data, ae.mag_bias.data = p["magnitude_scale"].clone(), p["magnitude_bias"].clone()
    loss = trainer.loss(p["tokens"], step=9000)
    loss.backward()
    gradients = {
        "encoder": ae.encoder.weight.grad,
        "decoder": ae.decoder.weight.grad.T,
        "decoder_bias": ae.decoder_bias.grad,
        "bias": ae.gate_bias.grad,
        "magnitude_scale": ae.r_mag.grad,
        "magnitude_bias": ae.mag_bias.grad,
    }
    keep("gated_unit", p, loss, gradients)


def gated():
    p = gated_parameters(902, unit=False)
    sparsity = 0.7
    w = {k: v.clone().requires_grad_() for k, v in p.items() if k != "tokens"}
    x = p["tokens"]
    u = (x - w["decoder_bias"]) @ w["encoder"].T
    pi = u + w["bias"]
    f = (pi > 0) * torch.relu(u * w["magnitude_scale"].exp() + w["magnitude_bias"])
    error = (x - f @ w["decoder"] - w["decoder_bias"]).pow(2).sum(1).mean()
    sparse = (torch.relu(pi) * w["decoder"].norm(dim=1)).sum(1).mean()
    by_gate = torch.relu(pi) @ w["decoder"].detach() + w["decoder_bias"].detach()
    loss = error + sparsity * sparse + (x - by_gate).pow(2).sum(1).mean()
    loss.backward()

    sae = GatedTrainingSAE(GatedTrainingSAEConfig(d_in=D, d_sae=M, l1_coefficient=sparsity, normalize_activations="none"))
    for name, value in {
        "W_enc": p["encoder"].T, "W_dec": p["decoder"], "b_dec": p["decoder_bias"], "b_gate": p["bias"],
        "r_mag": p["magnitude_scale"], "b_mag": p["magnitude_bias"],
    }.items():
        getattr(sae, name).data = value.clone()
    out = sae.training_forward_pass(TrainStepInput(x, {"l1": sparsity}, None, 0, False))
    out.loss.backward()
    assert torch.allclose(out.loss, loss, rtol=1e-5), (out.loss, loss)
    for theirs, ours in {"b_gate": "bias", "r_mag": "magnitude_scale", "b_mag": "magnitude_bias"}.items():
        assert torch.allclose(getattr(sae, theirs).grad, w[ours].grad, rtol=1e-4, atol=1e-5), theirs
    assert torch.allclose(sae.W_enc.grad.T, w["encoder"].grad, rtol=1e-4, atol=1e-5)
    keep("gated", p, loss, {k: v.grad for k, v in w.items()})


def jumprelu():
    p = base(903, unit=True)
    g = torch.Generator().manual_seed(77)
    p["log_threshold"] = -0.7 + 0.3 * torch.randn(M, generator=g)
    bandwidth, weight, x = 0.3, 0.9, p["tokens"]
    config = JumpReLUTrainingSAEConfig(
        d_in=D, d_sae=M, jumprelu_bandwidth=bandwidth, l0_coefficient=weight, normalize_activations="none"
    )
    sae = JumpReLUTrainingSAE(config)
    for name, value in {"W_enc": p["encoder"].T, "W_dec": p["decoder"], "b_dec": p["decoder_bias"], "b_enc": p["bias"],
                        "threshold": p["log_threshold"].exp()}.items():
        getattr(sae, name).data = value.clone()
    out = sae.training_forward_pass(TrainStepInput(x, {"l0": weight}, None, 0, False))
    out.loss.backward()
    gradients = {
        "encoder": sae.W_enc.grad.T, "decoder": sae.W_dec.grad, "decoder_bias": sae.b_dec.grad, "bias": sae.b_enc.grad,
        "log_threshold": sae.threshold.grad * sae.threshold.data,
    }
    keep("jumprelu", p, out.loss, gradients)

    target = 8.0
    w = {k: v.clone().requires_grad_() for k, v in p.items() if k != "tokens"}
    pre = (x - w["decoder_bias"]) @ w["encoder"].T + w["bias"]
    threshold = w["log_threshold"].exp().expand(ROWS, M)
    f = JumpReLUFunction.apply(pre, threshold, bandwidth)
    l0 = StepFunction.apply(pre, threshold, bandwidth).sum(1).mean()
    loss = (x - f @ w["decoder"] - w["decoder_bias"]).pow(2).sum(1).mean() + weight * (l0 / target - 1).pow(2)
    loss.backward()
    keep("jumprelu_target", p, loss, {k: v.grad for k, v in w.items()}, l0=l0.reshape(1))


torch.manual_seed(0)
top_k_kinds()
gated_unit()
gated()
jumprelu()
versions = f"torch {torch.__version__}, sae_lens {sae_lens.__version__}, dictionary_learning 0.1.0"
save_file(OUT, pathlib.Path(__file__).parent / "sae_training_reference.safetensors", metadata={"made_by": versions})
