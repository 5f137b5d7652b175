"""Writes preprocess_reference.json and preprocess_films_reference.json: what published preprocessing makes of films.

Run: python preprocess_reference.py [FOLDER]   (torch, torchvision, transformers 5, open_clip_torch, torchxrayvision,
scikit-image, Pillow, numpy; FOLDER holds ten films of NIH ChestX-ray14, 1024 x 1024 PNG)
tests/preprocess_originals.rs compares fluoro_core::preprocess with both. The first file is of films that the test draws
itself. Of each result only samples are kept, and of those that are whole grey levels a SHA-256 of all levels.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
import open_clip.transform
import torch
import torchvision
import torchxrayvision
import transformers
from PIL import Image
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

# Width and height: square, wide, tall, odd; smaller than the input, of its size, one side of its size.
FILMS = [
    (1024, 1024), (1023, 777), (611, 1201), (301, 258), (97, 131), (224, 301), (518, 519), (512, 512), (1500, 1303),
]

CLIP = {
    "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224,
}
RAD_DINO = {
    "crop_size": {"height": 518, "width": 518}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
    "do_rescale": True, "do_resize": True, "image_mean": [0.5307, 0.5307, 0.5307],
    "image_processor_type": "BitImageProcessor", "image_std": [0.2583, 0.2583, 0.2583], "resample": 3,
    "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 518},
}
# As DINOv2's, 256 made 257: the edge is longer than the crop, and their difference odd where the film is.
DINOV2 = RAD_DINO | {
    "crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 257},
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}
VIT = {"do_normalize": True, "do_resize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
       "image_processor_type": "ViTImageProcessor", "resample": 2, "size": {"height": 384, "width": 384}}
BIOMED = {"model_cfg": {"embed_dim": 512, "vision_cfg": {"timm_model_name": "vit_base_patch16_224", "image_size": 224}},
          "preprocess_cfg": {"mean": CLIP["image_mean"], "std": CLIP["image_std"]}}
SQUASH = {"model_cfg": {"vision_cfg": {"image_size": 256}},
          "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic",
                             "resize_mode": "squash"}}
# Files that leave all, or the order of magnitude, to the class.
BARE_CLIP, BARE_BIT = {"image_processor_type": "CLIPImageProcessor"}, {"image_processor_type": "BitImageProcessor"}
BARE_VIT, BARE_SIGLIP = {"image_processor_type": "ViTImageProcessor"}, {"image_processor_type": "SiglipImageProcessor"}
LEVELS = VIT | {"do_rescale": False, "image_mean": [127.5, 127.5, 127.5], "image_std": [51, 51, 51]}
PLAIN = CLIP | {"do_normalize": False}
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def drawn(width, height, seed):
    """A film of waves, noise, white and black blocks; in whole numbers, so that the test can draw it too."""
    x, y = np.meshgrid(np.arange(width, dtype=np.int64), np.arange(height, dtype=np.int64))
    noise = ((x * 73856093) ^ (y * 19349663) ^ (seed * 83492791)) & 0xFFFFFFFF
    noise = ((noise ^ (noise >> 13)) * 1540483477) & 0xFFFFFFFF
    noise = (noise ^ (noise >> 15)) % 64
    level = np.clip(np.abs((3 * x + 2 * y) % 512 - 256) - 32 + noise, 0, 255)
    block = x // 9 + y // 7
    level = np.where(block % 11 == 0, 255, np.where(block % 13 == 5, 0, level))
    return Image.fromarray(level.astype(np.uint8))


def greys(film):
    """torchxrayvision's load_image after the file is read: channel 0, [1, h, w] in -1024 to 1024."""
    return torchxrayvision.utils.normalize(np.asarray(film), 255, reshape=True)


def resized(size):
    crop, resizer = torchxrayvision.datasets.XRayCenterCrop(), torchxrayvision.datasets.XRayResizer(size)
    return lambda film: resizer(crop(greys(film)))


def jfhealthcare(film):
    x = torch.from_numpy(torchxrayvision.datasets.XRayCenterCrop()(greys(film)))[None]
    # baseline_models/jfhealthcare/__init__.py, DenseNet.forward; the third argument only keys a warning.
    x = torchxrayvision.utils.fix_resolution(x.repeat(1, 3, 1, 1), 512, "jfhealthcare")
    return (x / 512)[0].numpy()


def before_2025(film):
    x = torch.from_numpy(torchxrayvision.datasets.XRayCenterCrop()(greys(film)))[None]
    # models.py before pull request 161.
    return torch.nn.Upsample(size=(224, 224), mode="bilinear", align_corners=False)(x)[0].numpy()


def torchvision_chain(*steps):
    t = torchvision.transforms
    chain = t.Compose([*steps, t.ToTensor(), t.Normalize(*IMAGENET)])
    return lambda film: chain(film.convert("RGB")).numpy()


def processor(kind, config):
    made = kind.from_dict(config)
    # ViT's does not make three channels of one.
    three = lambda film: film if made.do_convert_rgb else film.convert("RGB")
    return lambda film: np.asarray(made(three(film), return_tensors="np")["pixel_values"][0])


def clip_chain(config):
    merged = open_clip.transform.merge_preprocess_dict(open_clip.transform.PreprocessCfg(), config["preprocess_cfg"])
    merged["size"] = config["model_cfg"]["vision_cfg"]["image_size"]
    chain = open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(**merged), is_train=False)
    return lambda film: chain(film).numpy()


def recipes():
    """Name, the original, means and deviations where the result is whole levels, what the test reads it from."""
    t = torchvision.transforms
    of_clip, of_dino = (CLIP["image_mean"], CLIP["image_std"]), (RAD_DINO["image_mean"], RAD_DINO["image_std"])
    half = (VIT["image_mean"], VIT["image_std"])
    pil = lambda config: {"reader": "transformers", "backend": "pil", "config": config}
    fast = lambda config: {"reader": "transformers", "backend": "torchvision", "config": config}
    own = lambda config: {"reader": "open_clip", "config": config}
    tensor = transformers.CLIPImageProcessor, transformers.BitImageProcessor, transformers.ViTImageProcessor
    return [
        ("torchxrayvision_224", resized(224), None, {}),
        ("torchxrayvision_512", resized(512), None, {}),
        ("torchxrayvision_before_2025", before_2025, None, {}),
        ("jfhealthcare", jfhealthcare, None, {}),
        ("reproduce_chexnet", torchvision_chain(t.Resize(224), t.CenterCrop(224)), IMAGENET, {}),
        ("arnoweng_chexnet", torchvision_chain(t.Resize(256), t.CenterCrop(256)), IMAGENET, {}),
        ("torchvision_257_224", torchvision_chain(t.Resize(257), t.CenterCrop(224)), IMAGENET, {}),
        ("clip", processor(CLIPImageProcessorPil, CLIP), of_clip, pil(CLIP)),
        ("clip_tensor", processor(tensor[0], CLIP), of_clip, fast(CLIP)),
        ("rad_dino", processor(BitImageProcessorPil, RAD_DINO), of_dino, pil(RAD_DINO)),
        ("rad_dino_tensor", processor(tensor[1], RAD_DINO), of_dino, fast(RAD_DINO)),
        ("dinov2_257_224", processor(BitImageProcessorPil, DINOV2), IMAGENET, pil(DINOV2)),
        ("dinov2_257_224_tensor", processor(tensor[1], DINOV2), IMAGENET, fast(DINOV2)),
        ("vit", processor(ViTImageProcessorPil, VIT), half, pil(VIT)),
        ("vit_tensor", processor(tensor[2], VIT), half, fast(VIT)),
        ("clip_bare", processor(CLIPImageProcessorPil, BARE_CLIP), of_clip, pil(BARE_CLIP)),
        ("bit_bare", processor(BitImageProcessorPil, BARE_BIT), of_clip, pil(BARE_BIT)),
        ("vit_bare", processor(ViTImageProcessorPil, BARE_VIT), half, pil(BARE_VIT)),
        ("siglip_bare", processor(SiglipImageProcessorPil, BARE_SIGLIP), half, pil(BARE_SIGLIP)),
        ("vit_levels", processor(ViTImageProcessorPil, LEVELS), ([0.5], [0.2]), pil(LEVELS)),
        ("clip_plain", processor(CLIPImageProcessorPil, PLAIN), ([0.0], [1.0]), pil(PLAIN)),
        ("open_clip", clip_chain(BIOMED), of_clip, own(BIOMED)),
        ("open_clip_squash", clip_chain(SQUASH), half, own(SQUASH)),
    ]


def sampled(tensor, normalisation, count):
    """`count` spread samples of a `[channels, h, w]` tensor and, of whole levels, a digest of the first channel."""
    flat = tensor.ravel()
    digits = 5 if np.abs(flat).max() < 10 else 4
    found = {"samples": [round(float(flat[k * 104729 % flat.size]), digits) for k in range(count)]}
    if normalisation:
        mean, std = normalisation
        exact = (tensor[0].astype(np.float64) * std[0] + mean[0]) * 255
        levels = np.rint(exact)
        assert np.abs(exact - levels).max() < 1e-3, "not whole levels"
        found["sha256"] = hashlib.sha256(levels.astype(np.uint8).tobytes()).hexdigest()
    return found


def write(name, films, of_levels, of_floats):
    rows = []
    for recipe, original, normalisation, source in recipes():
        count = of_levels if normalisation else of_floats
        results = [sampled(original(film), normalisation, count) for _, film in films]
        rows.append({"name": recipe, **source, "results": results})
    packages = ["pillow", "torch", "torchvision", "transformers", "open_clip_torch", "torchxrayvision", "scikit-image",
                "scipy", "numpy"]
    versions = {package: importlib.metadata.version(package) for package in packages}
    out = pathlib.Path(__file__).with_name(name)
    content = {"versions": versions, "films": [about for about, _ in films], "recipes": rows}
    out.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main():
    films = [({"width": w, "height": h, "seed": i}, drawn(w, h, i)) for i, (w, h) in enumerate(FILMS)]
    write("preprocess_reference.json", films, 24, 160)
    if len(sys.argv) > 1:
        paths = sorted(pathlib.Path(sys.argv[1]).glob("*.png"))
        write("preprocess_films_reference.json", [({"file": p.name}, Image.open(p)) for p in paths], 24, 24)


if __name__ == "__main__":
    main()
