"""Published sparse autoencoders of random weights, SAVED BY their own libraries, with what those libraries compute.

Writes sae/CASE/ (a library's own files), sae_reference.safetensors (tokens, activations and reconstruction of each case),
sae_reference.json (versions, and what each case is) and sae/ties.json (which of many equal values torch.topk keeps).

Made and run by the library itself: SAELens 6 (saelens_*) and 5 (saelens5_*), dictionary_learning of saprmarks (dl_*),
eai-sparsify (sparsify_topk). No package of these libraries with an SAE is on PyPI, so their cases are written by the classes at
the end of this file, after their equations and names: OpenAI's sparse_autoencoder, SDXL-unbox, ViT-Prisma (vit-prisma 0.1.4 has no
SAE yet), PatchSAE, SAIL; and the `signed` SAE of Sparsify before 1.0.

    python -m venv sae; sae/bin/pip install torch safetensors huggingface_hub transformers pyyaml requests tqdm
    sae/bin/pip install sae-lens==6.54.12 "transformer_lens<3" eai-sparsify==1.3.3
    sae/bin/pip install --no-deps dictionary-learning==0.1.0
    sae/bin/pip install --no-deps --target sae5 sae-lens==5.11.0
    SAELENS5=sae5 sae/bin/python sae_reference.py
"""

import dataclasses
import importlib.machinery
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import types
from unittest.mock import MagicMock

os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
LEGACY = "--saelens5" in sys.argv
if LEGACY:
    sys.path.insert(0, os.environ["SAELENS5"])
# Imported by training code only, which does not run here.
TRAINING = "wandb nnsight automated_interpretability circuitsvis umap zstandard accelerate accelerate.utils schedulefree"
for training_only in TRAINING.split():
    sys.modules[training_only] = MagicMock(__spec__=importlib.machinery.ModuleSpec(training_only, None))

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

HERE = pathlib.Path(__file__).parent
D, M, K, ROWS = 16, 40, 5, 6
CASES = []


def fill(module, seed):
    """Seeded random numbers in every parameter, of the size that training leaves."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point() or name.split(".")[-1] in ("k", "group_sizes"):
            continue
        random_numbers = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
        last = name.split(".")[-1]
        if last in ("threshold", "topk_threshold"):
            new = 0.2 + 0.2 * random_numbers.abs()
        elif tensor.dim() == 2:
            new = random_numbers / math.sqrt(D) * (1.0 + 0.5 * torch.rand(tensor.shape[0], 1, generator=generator))
        else:
            new = 0.3 * random_numbers
        tensor.copy_(new)


def stable(encode, tokens, generator):
    """Whether rounding cannot change which features fire."""
    active = encode(tokens) != 0
    noisy = (tokens * (1 + 2e-5 * torch.randn(tokens.shape, generator=generator)) for _ in range(4))
    return all(torch.equal(active, encode(x) != 0) for x in noisy)


@torch.no_grad()
def case(name, library, weights, config, encode, decode, layer_normed=False, **said):
    """Tokens, activations and reconstruction of a case whose files are in sae/NAME."""
    # Small enough that the 1e-5 beside their deviation shows.
    size = 0.01 if layer_normed else 1.0
    for seed in range(1000):
        generator = torch.Generator().manual_seed(1000 + seed)
        tokens = size * (2.0 * torch.randn(ROWS, D, generator=generator) + 0.5)
        if stable(encode, tokens, generator):
            break
    else:
        raise RuntimeError(name)
    activations = encode(tokens)
    restored = decode(activations)
    assert (activations != 0).any(), name
    entry = {"name": name, "library": library, "weights": weights, "config": config} | said
    CASES.append((entry, {"tokens": tokens, "activations": activations, "restored": restored}))


def folder(name):
    path = HERE / "sae" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


# --- SAELens 6 -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def saelens(name, kind, seed, hook="blocks.9.hook_resid_post", features=M, edit=None, **options):
    from sae_lens.saes import sae as base

    classes = __import__("sae_lens.saes", fromlist=["x"])
    config = getattr(classes, kind + "Config")(
        d_in=D, d_sae=features, metadata=base.SAEMetadata(model_name="dinov2-b", hook_name=hook), **options
    )
    sae = getattr(classes, kind)(config)
    fill(sae, seed)
    path = folder(name)
    sae.save_model(path)
    if edit:
        edit(sae, path)
    normed = options.get("normalize_activations") == "layer_norm"
    files = ["sae_weights.safetensors", "cfg.json"]
    case(name, "SAELens", *files, sae.encode, sae.decode, layer_normed=normed, layer=9, hook=hook)


def add_factor(sae, path):
    """As SAE.from_pretrained does with the factor of a release."""
    config = json.loads((path / "cfg.json").read_text())
    config["norm_scaling_factor"] = 0.37
    (path / "cfg.json").write_text(json.dumps(config))
    sae.fold_activation_norm_scaling_factor(0.37)


@torch.no_grad()
def saelens_trained(name, kind, seed, checkpoint=False, **options):
    """BatchTopK and Matryoshka: exported as JumpReLU, or as a training checkpoint that is read like the export, which folds
    the average of its tokens in."""
    import sae_lens.saes as classes
    from sae_lens import SAE

    config = getattr(classes, kind + "Config")(d_in=D, d_sae=M, k=K, **options)
    config.metadata.hook_name, config.metadata.model_name = "blocks.11.hook_mlp_out", "dinov2-b"
    sae = getattr(classes, kind)(config)
    fill(sae, seed)
    path = folder(name)
    with tempfile.TemporaryDirectory() as exported:
        (sae.save_model if checkpoint else sae.save_inference_model)(path)
        if checkpoint:
            add_factor(sae, path)
        sae.save_inference_model(exported)
        used = SAE.load_from_disk(exported)
    case(name, "SAELens", "sae_weights.safetensors", "cfg.json", used.encode, used.decode, layer=11, expected_active=K)


def saelens6():
    saelens("saelens_standard", "StandardSAE", 1)
    saelens("saelens_standard_norm", "StandardSAE", 2, apply_b_dec_to_input=False, normalize_activations="constant_norm_rescale")
    saelens("saelens_standard_average", "StandardSAE", 3, normalize_activations="expected_average_only_in", edit=add_factor)
    saelens("saelens_square", "StandardSAE", 4, features=D)
    saelens("saelens_gated", "GatedSAE", 5, normalize_activations="layer_norm")
    saelens("saelens_jumprelu", "JumpReLUSAE", 6, normalize_activations="layer_norm", apply_b_dec_to_input=False)
    saelens("saelens_topk", "TopKSAE", 7, k=K)
    saelens("saelens_topk_rescaled", "TopKSAE", 8, k=K, rescale_acts_by_decoder_norm=True, normalize_activations="layer_norm")
    saelens("saelens_topk_heap", "TopKSAE", 9, k=2, features=128)
    saelens("saelens_abstopk", "AbsTopKSAE", 10, k=K, rescale_acts_by_decoder_norm=True)
    saelens_trained("saelens_batchtopk", "BatchTopKTrainingSAE", 11)
    saelens_trained("saelens_batchtopk_checkpoint", "BatchTopKTrainingSAE", 12, checkpoint=True, normalize_activations="expected_average_only_in")
    saelens_trained("saelens_matryoshka", "MatryoshkaBatchTopKTrainingSAE", 13, matryoshka_widths=[10, 20])


# --- SAELens 5, in a process of its own ------------------------------------------------------------------------------


@torch.no_grad()
def saelens5(name, architecture, seed, activation="relu", arguments=None, finetuned=False, normalise="none"):
    from sae_lens.sae import SAE, SAEConfig

    config = SAEConfig(
        architecture=architecture, d_in=D, d_sae=M, activation_fn_str=activation, activation_fn_kwargs=arguments or {},
        apply_b_dec_to_input=True, finetuning_scaling_factor=finetuned, context_size=50, model_name="clip-b-32",
        hook_name="blocks.7.hook_mlp_out", hook_layer=7, hook_head_index=None, prepend_bos=False, dataset_path="x",
        dataset_trust_remote_code=False, normalize_activations=normalise, dtype="float32", device="cpu",
        sae_lens_training_version="5.11.0",
    )  # fmt: skip
    sae = SAE(config)
    fill(sae, seed)
    path = folder(name)
    sae.save_model(path)
    if finetuned:
        # TrainingSAE.process_state_dict_for_saving gives it this name.
        tensors = load_file(path / "sae_weights.safetensors")
        tensors["scaling_factor"] = tensors.pop("finetuning_scaling_factor")
        save_file(tensors, path / "sae_weights.safetensors")
    normed, files = normalise == "layer_norm", ["sae_weights.safetensors", "cfg.json"]
    case(name, "SAELens", *files, sae.encode, sae.decode, layer_normed=normed, layer=7, hook=config.hook_name)


def all_saelens5():
    saelens5("saelens5_standard", "standard", 21, normalise="layer_norm")
    saelens5("saelens5_topk", "standard", 22, "topk", {"k": K})
    saelens5("saelens5_finetuned", "standard", 23, finetuned=True)
    saelens5("saelens5_gated", "gated", 24)
    saelens5("saelens5_jumprelu", "jumprelu", 25, normalise="constant_norm_rescale")


# --- dictionary_learning ---------------------------------------------------------------------------------------------


@torch.no_grad()
def dictionary_learning(name, kind, seed, legacy=False, **options):
    from dictionary_learning import dictionary, utils
    from dictionary_learning.trainers import batch_top_k, matryoshka_batch_top_k, top_k

    owner = next(m for m in (dictionary, top_k, batch_top_k, matryoshka_batch_top_k) if kind in vars(m))
    fill(sae := getattr(owner, kind)(D, M, **options), seed)
    path = folder(name)
    torch.save(sae.state_dict(), path / "ae.pt", _use_new_zipfile_serialization=not legacy)
    trainer = {"dict_class": kind, "activation_dim": D, "dict_size": M, "layer": 3, "lm_name": "m", "submodule_name": "resid_post_3"}
    trainer |= {"k": options["k"]} if "k" in options else {}
    (path / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {"d_submodule": D}}))
    used, _ = utils.load_dictionary(str(path), "cpu")
    said = {"expected_active": options["k"]} if "k" in options else {}
    case(name, "dictionary_learning", "ae.pt", "config.json", used.encode, used.decode, layer=3, hook="resid_post_3", **said)


def all_dictionary_learning():
    dictionary_learning("dl_autoencoder", "AutoEncoder", 31)
    dictionary_learning("dl_autoencoder_new", "AutoEncoderNew", 32, legacy=True)
    dictionary_learning("dl_gated", "GatedAutoEncoder", 33)
    dictionary_learning("dl_jumprelu", "JumpReluAutoEncoder", 34, legacy=True)
    dictionary_learning("dl_topk", "AutoEncoderTopK", 35, k=K)
    dictionary_learning("dl_batchtopk", "BatchTopKSAE", 36, legacy=True, k=K)
    dictionary_learning("dl_matryoshka", "MatryoshkaBatchTopKSAE", 37, k=K, group_sizes=[8, 12, 20])


# --- Sparsify --------------------------------------------------------------------------------------------------------


def dense(values, indices):
    return torch.zeros(values.shape[0], M).scatter_(-1, indices, values)


@torch.no_grad()
def sparsify(name, seed, signed=False):
    import sparsify.sparse_coder as coder

    sae = coder.SparseCoder(D, coder.SparseCoderConfig(num_latents=M, k=K))
    fill(sae, seed)
    path = folder(name)
    sae.save_to_disk(path)

    def encode(tokens):
        if not signed:
            out = sae.encode(tokens)
            return dense(out.top_acts, out.top_indices)
        # Transcribed from EleutherAI/sae, sae/sae.py (pre_acts, select_topk).
        pre = F.linear(tokens - sae.b_dec, sae.encoder.weight, sae.encoder.bias)
        indices = pre.abs().topk(K, sorted=False).indices
        return dense(pre.gather(-1, indices), indices)

    def decode(activations):
        indices = activations.abs().topk(K).indices
        return coder.decoder_impl(indices, activations.gather(-1, indices), sae.W_dec.mT) + sae.b_dec

    if signed:
        config = json.loads((path / "cfg.json").read_text())
        del config["activation"], config["transcode"], config["skip_connection"]
        (path / "cfg.json").write_text(json.dumps(config | {"signed": True}))
    case(name, "Sparsify", "sae.safetensors", "cfg.json", encode, decode, expected_active=K)


# --- Transcriptions --------------------------------------------------------------------------------------------------


def layer_norm(x):
    """OpenAI's LN, SAELens' and Prisma's run_time_activation_ln_in."""
    mean = x.mean(dim=-1, keepdim=True)
    x = x - mean
    std = x.std(dim=-1, keepdim=True)
    return x / (std + 1e-5), mean, std


def top(pre, k):
    kept = torch.topk(pre, k=k, dim=-1)
    return torch.zeros_like(pre).scatter_(-1, kept.indices, F.relu(kept.values))


class OpenAiStyle(nn.Module):
    """State dict of openai/sparse_autoencoder (model.py) and of SDXL-unbox (SAE/sae.py)."""

    def __init__(self, activation, k, normalise):
        super().__init__()
        self.pre_bias = nn.Parameter(torch.zeros(D))
        self.encoder = nn.Linear(D, M, bias=False)
        self.latent_bias = nn.Parameter(torch.zeros(M))
        self.decoder = nn.Linear(M, D, bias=False)
        self.register_buffer("stats_last_nonzero", torch.zeros(M, dtype=torch.long))
        self.activation, self.k, self.normalise = activation, k, normalise

    def encode(self, x):
        if self.normalise:
            x, self.mean, self.std = layer_norm(x)
        pre = F.linear(x - self.pre_bias, self.encoder.weight, self.latent_bias)
        return F.relu(pre) if self.activation == "ReLU" else top(pre, self.k)

    def decode(self, latents):
        out = self.decoder(latents) + self.pre_bias
        return out * self.std + self.mean if self.normalise else out


def openai(name, seed, activation):
    sae = OpenAiStyle(activation, K, normalise=activation == "TopK")
    with torch.no_grad():
        fill(sae, seed)
    saved = dict(sae.state_dict())
    saved["latents_activation_frequency"], saved["latents_mean_square"] = torch.ones(M), torch.zeros(M)
    saved["activation"] = activation
    # nn.ReLU has a state_dict() as every module does; TopK adds these two.
    saved["activation_state_dict"] = {"k": K, "postact_fn": "ReLU"} if activation == "TopK" else {}
    torch.save(saved, folder(name) / "sae.pt")
    case(name, "OpenAI sparse_autoencoder", "sae.pt", None, sae.encode, sae.decode, layer_normed=activation == "TopK")


def sdxl(name, seed):
    sae = OpenAiStyle("TopK", K, normalise=False)
    with torch.no_grad():
        fill(sae, seed)
    path = folder(name)
    torch.save({"state_dict": sae.state_dict()}, path / "state_dict.pth")
    # What get_best_pics.py writes beside it: mean and deviation of every feature's activations.
    torch.save(torch.rand(M), path / "mean.pt")
    torch.save(torch.rand(M), path / "std.pt")
    config = {"n_dirs_local": M, "d_model": D, "k": K, "auxk": 8, "dead_steps_threshold": 100}
    (path / "config.json").write_text(json.dumps(config))
    case(name, "OpenAI sparse_autoencoder", "state_dict.pth", "config.json", sae.encode, sae.decode, beside=["mean", "std"])


class MatrixStyle(nn.Module):
    """State dict of ViT-Prisma (src/vit_prisma/sae/sae.py) and PatchSAE (src/sae_training/sparse_autoencoder.py)."""

    def __init__(self, gated=False, k=None, normalise="none"):
        super().__init__()
        self.W_enc, self.W_dec = nn.Parameter(torch.zeros(D, M)), nn.Parameter(torch.zeros(M, D))
        self.b_enc, self.b_dec = nn.Parameter(torch.zeros(M)), nn.Parameter(torch.zeros(D))
        if gated:
            self.b_gate, self.r_mag, self.b_mag = (nn.Parameter(torch.zeros(M)) for _ in range(3))
        self.gated, self.k, self.normalise = gated, k, normalise

    def encode(self, x):
        if self.normalise == "layer_norm":
            x, self.mean, self.std = layer_norm(x)
        inside = x - self.b_dec
        if self.gated:
            open_gates = (inside @ self.W_enc + self.b_gate > 0).float()
            return open_gates * F.relu(inside @ (self.W_enc * self.r_mag.exp()) + self.b_mag)
        pre = inside @ self.W_enc + self.b_enc
        return top(pre, self.k) if self.k else F.relu(pre)

    def decode(self, features):
        out = features @ self.W_dec + self.b_dec
        return out * self.std + self.mean if self.normalise == "layer_norm" else out


def pickled_class(module, name, **defaults):
    """A stand-in for a library's config class, so that a pickle names it as the library's own does."""
    made = dataclasses.make_dataclass(name, [(k, type(v), dataclasses.field(default_factory=lambda v=v: v)) for k, v in defaults.items()])
    made.__module__ = module
    for depth in range(1, module.count(".") + 2):
        part = ".".join(module.split(".")[:depth])
        sys.modules.setdefault(part, types.ModuleType(part))
    setattr(sys.modules[module], name, made)
    return made


def prisma(name, seed, in_one_file=False, gated=False, k=None, normalise="layer_norm"):
    sae = MatrixStyle(gated, k, normalise)
    with torch.no_grad():
        fill(sae, seed)
    path = folder(name)
    config = {
        "model_class_name": "HookedViT", "model_name": "open-clip:laion/CLIP-ViT-B-32", "vit_model_cfg": None, "hook_point_layer": 11,
        "layer_subtype": "hook_resid_post", "hook_point_head_index": None, "context_size": 50, "d_in": D, "d_sae": M,
        "activation_fn_str": "topk" if k else "relu", "activation_fn_kwargs": {"k": k} if k else {}, "cls_token_only": True,
        "initialization_method": "encoder_transpose_decoder", "normalize_activations": normalise, "expansion_factor": 64,
        "architecture": "gated" if gated else "standard", "lp_norm": 1,
    }  # fmt: skip
    if in_one_file:
        made = pickled_class("vit_prisma.sae.config", "VisionModelSAERunnerConfig", **config)()
        made.device, made.dtype, made.hook_point = torch.device("cuda"), torch.float32, "blocks.11.hook_resid_post"
        torch.save({"cfg": made, "state_dict": sae.state_dict()}, path / "weights.pt")
    else:
        config["device"] = {"__type__": "torch.device", "value": "cuda"}
        config["dtype"] = {"__type__": "torch.dtype", "value": "torch.float32"}
        (path / "config.json").write_text(json.dumps(config, indent=4))
        torch.save(sae.state_dict(), path / "weights.pt")
    said = {"layer": 11, "hook": "blocks.11.hook_resid_post", "class_token_only": True} | ({"expected_active": k} if k else {})
    said["layer_normed"] = normalise == "layer_norm"
    case(name, "ViT-Prisma", "weights.pt", None if in_one_file else "config.json", sae.encode, sae.decode, **said)


def patchsae(name, seed):
    sae = MatrixStyle()
    with torch.no_grad():
        fill(sae, seed)
    config = {
        "class_token": True, "image_width": 224, "model_name": "openai/clip-vit-base-patch16", "module_name": "resid",
        "block_layer": -2, "d_in": D, "d_sae": M, "expansion_factor": 64, "gated_sae": False, "l1_coefficient": 8e-5,
        "mse_cls_coefficient": 1.0, "use_ghost_grads": True,
    }  # fmt: skip
    made = pickled_class("src.sae_training.config", "ViTSAERunnerConfig", **config)()
    torch.save({"cfg": made, "state_dict": sae.state_dict()}, folder(name) / "sae.pt")
    case(name, "PatchSAE", "sae.pt", None, sae.encode, sae.decode, layer=-2, hook="resid")


class Sail(nn.Module):
    """State dict and inference of pwesp/sail, src/matryoshka_sae.py."""

    def __init__(self, tied):
        super().__init__()
        self.encoder = nn.Linear(D, M)
        self.decoder = None if tied else nn.Linear(M, D, bias=False)
        self.bias = nn.Parameter(torch.zeros(D))
        self.register_buffer("inference_threshold", torch.tensor(0.0))
        self.register_buffer("_threshold_sum", torch.tensor(0.0))
        self.register_buffer("_threshold_count", torch.tensor(0))

    def encode(self, x):
        threshold = (self._threshold_sum / self._threshold_count).item()
        return torch.clamp(self.encoder(x - self.bias) - threshold, min=0.0)

    def decode(self, latents):
        weight = self.encoder.weight.data.t() if self.decoder is None else self.decoder.weight.data
        return F.linear(latents, weight) + self.bias


def sail(name, seed, tied):
    sae = Sail(tied)
    with torch.no_grad():
        fill(sae, seed)
        sae._threshold_sum.fill_(61.7)
        sae._threshold_count.fill_(130)
        sae.inference_threshold.copy_(sae._threshold_sum / sae._threshold_count)
    saved = {
        "epoch": 3, "global_step": 400, "pytorch-lightning_version": "2.5.0", "loops": {},
        "state_dict": {f"model.{k}": v for k, v in sae.state_dict().items()},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(M, D)}}, "param_groups": [{"lr": 1e-3}]}],
        "hyper_parameters": {"input_dim": D, "dictionary_sizes": [8, 20, M], "tied_weights": tied, "k_values": [2, 4, K]},
    }  # fmt: skip
    torch.save(saved, folder(name) / "last.ckpt")
    case(name, "SAIL", "last.ckpt", None, sae.encode, sae.decode, expected_active=K)


# --- Equal values ----------------------------------------------------------------------------------------------------


def ties():
    """Rows of few distinct values: which places torch.topk keeps on a CPU is a matter of its algorithm."""
    generator, rows = random.Random(4), []

    def add(values, k):
        kept = torch.topk(torch.tensor([values]).float(), k, dim=-1, sorted=False).indices[0]
        rows.append({"values": values, "k": k, "kept": sorted(kept.tolist())})

    for size, count in [(5, 12), (33, 16), (64, 16), (130, 12), (400, 6)]:
        for _ in range(count):
            highest = generator.choice([2, 3, 9])
            values = [generator.randint(1, highest) for _ in range(size)]
            add(values, generator.randint(1, max(1, size // generator.choice([1, 4, 64]))))
    # Median of three's worst case (Musser 1997): std::nth_element gives up partitioning on it and makes a heap.
    half = 256
    worst = [2 * (i - half) if i > half else i if i % 2 else half + i - 1 for i in range(1, 2 * half + 1)]
    for step, k in [(4, 102), (4, 170), (8, 128)]:
        add([1024 - value // step for value in worst], k)
    (HERE / "sae" / "ties.json").write_text(json.dumps({"torch": torch.__version__, "rows": rows}))


def write(stem, versions):
    tensors = {f"{e['name']}.{k}": v.contiguous().clone() for e, t in CASES for k, v in t.items()}
    save_file(tensors, stem.with_suffix(".safetensors"), metadata=versions)
    stem.with_suffix(".json").write_text(json.dumps({"versions": versions, "cases": [e for e, _ in CASES]}, indent=1))


def main():
    if LEGACY:
        all_saelens5()
        write(pathlib.Path(sys.argv[-1]), {})
        return
    import sae_lens

    from importlib.metadata import version

    shutil.rmtree(HERE / "sae", ignore_errors=True)
    saelens6()
    all_dictionary_learning()
    sparsify("sparsify_topk", 41)
    sparsify("sparsify_signed", 42, signed=True)
    openai("openai_relu", 51, "ReLU")
    openai("openai_topk", 52, "TopK")
    sdxl("sdxl_unbox", 53)
    prisma("prisma_standard", 61)
    prisma("prisma_topk", 62, k=K, normalise="none")
    prisma("prisma_gated", 63, gated=True)
    prisma("prisma_one_file", 64, in_one_file=True)
    patchsae("patchsae", 71)
    sail("sail_tied", 81, tied=True)
    sail("sail_free", 82, tied=False)
    with tempfile.TemporaryDirectory() as made:
        stem = pathlib.Path(made) / "legacy"
        subprocess.run([sys.executable, __file__, "--saelens5", str(stem)], check=True)
        tensors = load_file(stem.with_suffix(".safetensors"))
        for entry in json.loads(stem.with_suffix(".json").read_text())["cases"]:
            CASES.append((entry, {k: tensors[f"{entry['name']}.{k}"] for k in ("tokens", "activations", "restored")}))
    ties()
    packages = ["torch", "safetensors", "dictionary-learning", "eai-sparsify"]
    write(HERE / "sae_reference", {"sae-lens": sae_lens.__version__ + " and 5.11.0"} | {p: version(p) for p in packages})
    for entry, tensors in CASES:
        print(f"{entry['name']:32} L0 {(tensors['activations'] != 0).sum(-1).float().mean():.1f}")


if __name__ == "__main__":
    main()
