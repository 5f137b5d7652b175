"""Full-size published architectures with random weights, imported by fluoro and compared with the original libraries.

    python import_check.py FLUORO_BINARY FILM... [--seed N] [--only NAME] [--work FOLDER] [--keep]

Each model is built by its own library with seeded random weights, saved in the library's own format, imported with
`fluoro import`, and run on the films with `fluoro analyze --tensors`. Printed: largest difference relative to the largest
value, for the prepared input and for every output; time to open the bundle; one forward pass of fluoro and of PyTorch in
the same run; peak memory of both. Nothing is committed; see tests/benchmarks.md for what was measured.
"""

import argparse
import importlib.machinery
import json
import resource
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file
from safetensors.torch import save_file

warnings.filterwarnings("ignore")
torch.set_num_threads(2)


def randomise(model, seed):
    """Weights of a sensible scale, and batch norms that are not the identity."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)
    return model.eval()


def grey(path):
    return np.asarray(Image.open(path).convert("L"))


def xrv_input(path, size):
    import torchxrayvision as xrv

    film = xrv.datasets.normalize(grey(path), 255)[None]
    film = xrv.datasets.XRayResizer(size)(xrv.datasets.XRayCenterCrop()(film))
    return torch.from_numpy(film)[None].float()


def xrv_densenet(folder, seed):
    import torchxrayvision as xrv

    torch.manual_seed(seed)
    model = randomise(xrv.models.DenseNet(num_classes=18), seed)
    name = "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
    torch.save(model, folder / name, _use_new_zipfile_serialization=False)

    def expected(path):
        x = xrv_input(path, 224)
        model.op_threshs = None
        return {"classifier.input": x[0], "logits": model(x)[0]}, lambda: model(x)

    return [folder / name], expected


def xrv_resnet(folder, seed):
    import torchvision

    torch.manual_seed(seed)
    model = torchvision.models.resnet50(num_classes=18)
    model.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    randomise(model, seed)
    name = "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt"
    torch.save(model.state_dict(), folder / name)
    # Outputs without an operating point were never trained; they are left out.
    import torchxrayvision as xrv

    kept = [i for i, point in enumerate(xrv.models.model_urls["resnet50-res512-all"]["op_threshs"]) if not np.isnan(point)]

    def expected(path):
        x = xrv_input(path, 512)
        return {"classifier.input": x[0], "logits": model(x)[0][kept]}, lambda: model(x)

    return [folder / name], expected


def xrv_autoencoder(folder, seed):
    import torchxrayvision as xrv

    torch.manual_seed(seed)
    model = randomise(xrv.autoencoders.ResNetAE(weights=None), seed)
    torch.save(model.state_dict(), folder / "nihpcrsnamimic_ch-resnet101-2-ae-test2-elastic-e250.pt")

    def expected(path):
        x = xrv_input(path, 224)
        z = model.encode(x)
        outputs = {"frame": x[0, 0], "latent": z[0].flatten(1).T, "reconstruction": model.decode(z)[0, 0]}
        return outputs, lambda: model.decode(z)

    return [folder / "nihpcrsnamimic_ch-resnet101-2-ae-test2-elastic-e250.pt"], expected


def rad_dino(folder, seed):
    from transformers import AutoImageProcessor, Dinov2Config, Dinov2Model

    torch.manual_seed(seed)
    config = Dinov2Config(image_size=518, patch_size=14, hidden_size=768, num_hidden_layers=12, num_attention_heads=12)
    model = Dinov2Model(config).eval()
    for name, parameter in model.named_parameters():
        if "lambda1" in name:
            parameter.data.uniform_(0.2, 1.0)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "crop_size": {"height": 518, "width": 518}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
        "do_rescale": True, "do_resize": True, "image_mean": [0.5307] * 3, "image_std": [0.2583] * 3,
        "image_processor_type": "BitImageProcessor", "resample": 3, "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": 518},
    }))
    processor = AutoImageProcessor.from_pretrained(folder)

    def expected(path):
        x = processor(Image.open(path).convert("RGB"), return_tensors="pt")["pixel_values"]
        return {"encoder.input": x[0], "latent": model(x).pooler_output}, lambda: model(x)

    return [folder], expected


def clip(name, patch, layers=12, hidden=768, heads=12, mlp=3072):
    def build(folder, seed):
        from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

        torch.manual_seed(seed)
        config = CLIPConfig(
            vision_config={"patch_size": patch, "image_size": 224, "hidden_size": hidden, "num_hidden_layers": layers,
                           "num_attention_heads": heads, "intermediate_size": mlp, "projection_dim": 512},
            text_config={"hidden_size": 512, "num_hidden_layers": 12, "num_attention_heads": 8, "projection_dim": 512},
            projection_dim=512)
        model = CLIPModel(config).eval()
        model.save_pretrained(folder)
        processor = CLIPImageProcessor()
        processor.save_pretrained(folder)

        def expected(path):
            x = processor(Image.open(path).convert("RGB"), return_tensors="pt")["pixel_values"]
            vision = model.vision_model(x)
            embedding = model.visual_projection(vision.pooler_output)
            embedding = embedding / embedding.norm(dim=-1, keepdim=True)
            return {"encoder.input": x[0], "latent": vision.pooler_output, "embedding": embedding[0]}, lambda: model.vision_model(x)

        return [folder], expected

    return build


def open_clip(architecture):
    def build(folder, seed):
        import open_clip

        torch.manual_seed(seed)
        model, _, preprocess = open_clip.create_model_and_transforms(architecture, pretrained=None)
        model.eval()
        torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
        config = {"model_cfg": open_clip.get_model_config(architecture),
                  "preprocess_cfg": {"mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD)}}
        (folder / "open_clip_config.json").write_text(json.dumps(config))

        def expected(path):
            x = preprocess(Image.open(path).convert("RGB"))[None]
            embedding = model.encode_image(x)
            embedding = embedding / embedding.norm(dim=-1, keepdim=True)
            return {"encoder.input": x[0], "embedding": embedding[0]}, lambda: model.encode_image(x)

        return [folder], expected

    return build


def rad_dino_with_sae(kind):
    def build(folder, seed):
        # Imported by training code only, which does not run here.
        for training_only in ["wandb", "accelerate", "zstandard"]:
            spec = importlib.machinery.ModuleSpec(training_only, None)
            sys.modules.setdefault(training_only, MagicMock(__spec__=spec))
        from sae_lens import saes

        encoder = folder / "encoder"
        encoder.mkdir()
        _, expected_of_encoder = rad_dino(encoder, seed)
        torch.manual_seed(seed + 1)
        common = {"d_in": 768, "d_sae": 6144, "dtype": "float32", "device": "cpu"}
        if kind == "topk":
            sae = saes.TopKSAE(saes.TopKSAEConfig(k=32, **common))
        elif kind == "gated":
            sae = saes.GatedSAE(saes.GatedSAEConfig(**common))
        elif kind == "jumprelu":
            sae = saes.JumpReLUSAE(saes.JumpReLUSAEConfig(**common))
            sae.threshold.data.uniform_(0.0, 1.0)
        else:
            sae = saes.StandardSAE(saes.StandardSAEConfig(**common))
        for parameter in sae.parameters():
            if parameter.dim() == 1 and parameter is not getattr(sae, "threshold", None):
                parameter.data.normal_(0, 0.05)
        sae.W_enc.data.normal_(0, 768**-0.5)
        sae.W_dec.data.copy_(sae.W_enc.data.T)
        sae.save_model(str(folder / "sae"))

        def expected(path):
            outputs, run = expected_of_encoder(path)
            activations = sae.encode(outputs["latent"])
            outputs.update(activations=activations, restored=sae.decode(activations))
            return outputs, run

        return [encoder, folder / "sae"], expected

    return build


CASES = {
    "xrv-densenet121": xrv_densenet,
    "xrv-resnet50": xrv_resnet,
    "xrv-autoencoder": xrv_autoencoder,
    "rad-dino": rad_dino,
    "clip-b16": clip("clip-b16", 16),
    "clip-b32": clip("clip-b32", 32),
    "open_clip-b32": open_clip("ViT-B-32"),
    "open_clip-b32-quickgelu": open_clip("ViT-B-32-quickgelu"),
    "sae-topk": rad_dino_with_sae("topk"),
    "sae-gated": rad_dino_with_sae("gated"),
    "sae-jumprelu": rad_dino_with_sae("jumprelu"),
    "sae-standard": rad_dino_with_sae("standard"),
}


def fluoro(binary, *arguments):
    process = subprocess.run([binary, *map(str, arguments), "--json"], capture_output=True, text=True)
    if process.returncode != 0:
        raise SystemExit(f"fluoro {' '.join(map(str, arguments))}: {process.stderr.strip()}")
    return json.loads(process.stdout)


def compare(name, expected, found):
    expected = expected.detach().numpy().astype(np.float64)
    found = found.astype(np.float64)
    if expected.shape != found.shape:
        return f"{name}: shape {found.shape}, not {expected.shape}", float("inf")
    worst = np.abs(expected - found).max() / max(np.abs(expected).max(), 1e-30)
    if name == "activations":
        same = ((expected > 0) == (found > 0)).all()
        return f"{name} {worst:.1e} (active units {'equal' if same else 'DIFFER'})", worst if same else float("inf")
    return f"{name} {worst:.1e}", worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fluoro")
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append")
    parser.add_argument("--work", type=Path, default=Path("import_check"))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--bench", action="store_true", help="time one forward pass of both")
    arguments = parser.parse_args()
    bad = 0
    for name, build in CASES.items():
        if arguments.only and name not in arguments.only:
            continue
        folder = arguments.work / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "source").mkdir(parents=True)
        sources, expected = build(folder / "source", arguments.seed)
        start = time.time()
        imported = fluoro(arguments.fluoro, "import", *sources, "-o", folder / "bundle")
        line = f"{name}: imported in {time.time() - start:.1f} s"
        if imported.get("sae"):
            line += f"; SAE {json.dumps({k: imported['sae'][k] for k in ('explained_variance', 'active', 'warning')})}"
        print(line)
        worst, where = 0.0, ""
        for film in arguments.films:
            out = folder / "tensors.safetensors"
            fluoro(arguments.fluoro, "analyze", film, "--bundle", folder / "bundle", "--tensors", out)
            found = load_file(out)
            with torch.no_grad():
                outputs, run = expected(film)
            words = []
            for key, value in outputs.items():
                text, relative = compare(key, value, found[key])
                words.append(text)
                # Inputs are compared in the units of the original's tensor.
                limit = 1e-3 if key.endswith("input") or key == "frame" else 1e-4
                if relative > limit:
                    bad += 1
                    text += " ABOVE THE LIMIT"
                if relative > worst:
                    worst, where = relative, f"{film.name} {text}"
            if film == arguments.films[0]:
                print("  " + ", ".join(words))
        print(f"  worst of {len(arguments.films)} films: {where}")
        if arguments.bench:
            report = fluoro(arguments.fluoro, "bench", "--bundle", folder / "bundle", "--device", "cpu")
            times = {k: round(v, 1) for k, v in report.items() if k.endswith("_ms") and isinstance(v, float)}
            with torch.no_grad():
                run()
                clock = []
                for _ in range(7):
                    start = time.time()
                    run()
                    clock.append(time.time() - start)
            print(f"  fluoro {times} {report['memory_mb']:.0f} MB")
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"  PyTorch {sorted(clock)[3] * 1e3:.1f} ms, {memory:.0f} MB so far")
        if not arguments.keep:
            shutil.rmtree(folder)
    sys.exit(1 if bad else 0)


main()
