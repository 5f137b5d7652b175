"""Reference values for Latent Shift and for attribution methods, from the packages that published them.

Makes shift_bundle/, a tiny bundle of random weights, and for every label of it on two synthetic films
shift_reference.safetensors (films, frames, maps) and shift_reference.json (searches, scores, counts, versions).

- Latent Shift's preset "package" is latentshift's own class; "paper" and "repo" were never on PyPI and are written out
  here after mlmed/gifsplanation of February 2021 and of today. latentshift is loaded without its __init__, which asks
  for VQGAN's dependencies, and is given its own `float`: it calls float() on an array of one number, which numpy 2.4
  refuses. "unhindered" is the package with a drop of 0.4, a bound of 300 and no rule about pixels, "sigmoid" the
  package with a second sigmoid.
- Gradients, Integrated Gradients, Guided Backprop, Occlusion and Grad-CAM are captum's, the Wachter counterfactual
  latentshift's, op_norm torchxrayvision's. CAM, the mean over noise and iterative delete are written out here.

Everything runs in float32 and again in float64. A search that ends elsewhere then hangs on rounding and is refused;
"float64_difference" says how far each float32 tensor is off, relative to its largest value.

    python shift_reference.py
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import pathlib
import re
import sys

import captum.attr
import models_reference as functional
import numpy as np
import scipy.stats
import torch
from captum.attr._utils.approximation_methods import approximation_parameters
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import avg_pool2d, pixel_shuffle, pixel_unshuffle
from torchxrayvision.models import op_norm

HERE = pathlib.Path(__file__).parent
BUNDLE = HERE / "shift_bundle"
SIZE, CHANNELS, CLASS_CHANNELS, HALVINGS, LATENT = 64, [4, 6, 8, 8], [4, 6, 8, 10], 2, 5
FOLD, GREY = functional.FOLD, functional.GREY
LABELS, POINTS = ["Common", "Rare", "Likely"], [0.3, 0.0022, 0.6]

# Chosen so that the searches end in every way; see "rules" in the output.
SEED = 3698
GAINS, BIASES = [2.551, 0.1415, 0.1948], [-1.3177, -6.364, 0.8524]
DECODER_GAIN, DECODER_BIAS = 0.5176, -0.5351
# Random frames have too much contrast: the decoder's last layer is divided, the classifier's first multiplied by this.
CONTRAST = 8

# Base rate of the CAM's odds; noise of SmoothGrad in grey levels, 5 % of the range.
BASE_RATE, NOISE = 0.1, 102.4
PRESETS = {
    "paper": {"squash": False, "drop": 0.5, "rise": 0.05},
    "repo": {"squash": True, "drop": 0.15, "rise": None},
    "package": {"apply_sigmoid": False},
    "unhindered": {
        "apply_sigmoid": False,
        "search_pred_diff": 0.4,
        "search_max_pixel_diff_pct": 1e6,
        "search_max_steps": 300,
    },
    "sigmoid": {"apply_sigmoid": True},
}
# Frames and maps of these are stored for one label of each film, to keep the file small.
STORED_FOR_ONE = {"unhindered": None, "sigmoid": 0}
# Film, label, lambda of Wachter counterfactuals. On grey levels, or where the distance outweighs the score, Adam goes
# to and fro about the film and its steps hang on rounding: these do not.
WACHTER = [(1, 0, 1), (0, 2, 0.1), (1, 2, 0.1)]
# Least distance of a decision from its threshold: in scores, in scores from step to step, relative in pixels.
LEAST = {"threshold": 2e-4, "turn": 1.5e-6, "pixels": 1e-3}


def latentshift_cf():
    """latentshift.cf without latentshift/__init__.py."""
    folder = pathlib.Path(importlib.util.find_spec("latentshift").origin).parent / "cf"
    spec = importlib.util.spec_from_file_location(
        "latentshift_cf", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["latentshift_cf"] = module
    spec.loader.exec_module(module)
    sys.modules["latentshift_cf.latent_shift"].float = lambda array: array.item()
    return module


CF = latentshift_cf()


# The networks of models_reference.py, with a module for every ReLU.


def conv(a, b, k=3, stride=1):
    return nn.Conv2d(a, b, k, stride, k // 2)


def relus(count):
    return nn.ModuleList(nn.ReLU() for _ in range(count))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.first, self.inner, self.second, self.outer = conv(c, c), nn.ReLU(), conv(c, c), nn.ReLU()

    def forward(self, x):
        return self.outer(x + self.second(self.inner(self.first(x))))


class Autoencoder(nn.Module):
    def __init__(self, weights):
        super().__init__()
        c, last = CHANNELS[: HALVINGS + 1], CHANNELS[HALVINGS]
        pairs = list(zip(c, c[1:]))
        self.encoder, self.decoder = nn.Module(), nn.Module()
        e, d = self.encoder, self.decoder
        e.stem, e.head, e.relus = conv(FOLD**2, c[0]), conv(last, LATENT, 1), relus(HALVINGS + 1)
        e.down = nn.ModuleList(conv(a, b, stride=2) for a, b in pairs)
        e.blocks = nn.ModuleList(Block(b) for _, b in pairs)
        d.head, d.relus = conv(LATENT, last, 1), relus(HALVINGS + 1)
        d.blocks = nn.ModuleList(Block(b) for _, b in reversed(pairs))
        d.up = nn.ModuleList(conv(b, a * 4, 1) for a, b in reversed(pairs))
        d.last, d.out = Block(c[0]), conv(c[0], FOLD**2)
        self.load_state_dict({n: t for n, t in weights.items() if "coder." in n})

    def encode(self, film):
        e = self.encoder
        x = e.relus[0](e.stem(pixel_unshuffle(film / GREY, FOLD)))
        for down, relu, block in zip(e.down, e.relus[1:], e.blocks):
            x = block(relu(down(x)))
        return e.head(x).flatten(2).transpose(1, 2)

    def decode(self, z):
        d, side = self.decoder, int(z.shape[1] ** 0.5)
        x = d.relus[0](d.head(z.transpose(1, 2).reshape(-1, LATENT, side, side)))
        for block, up, relu in zip(d.blocks, d.up, d.relus[1:]):
            x = relu(pixel_shuffle(up(block(x)), 2))
        return pixel_shuffle(d.out(d.last(x)), FOLD) * GREY


class Classifier(nn.Module):
    """Film times `unit` to op-normed scores; one member."""

    def __init__(self, weights, unit=1.0):
        super().__init__()
        k, p, self.unit = [1, *CLASS_CHANNELS], "classifier.members.0.", unit
        self.down = nn.ModuleList(conv(a, b, stride=2) for a, b in zip(k, k[1:]))
        self.relus = relus(4)
        self.blocks = nn.ModuleList(Block(b) for b in k[2:])
        self.out = nn.Linear(k[-1], len(LABELS))
        own = {n.removeprefix(p): t for n, t in weights.items() if n.startswith(p)}
        self.load_state_dict(own | {"out.weight": own["out.weight"].T})
        self.points = torch.tensor([POINTS])

    def features(self, film):
        x = self.relus[0](self.down[0](avg_pool2d(film * self.unit / GREY, 2)))
        for down, relu, block in zip(self.down[1:], self.relus[1:], self.blocks):
            x = block(relu(down(x)))
        return x

    def logits(self, film):
        return self.out(self.features(film).mean((2, 3)))

    def forward(self, film):
        return op_norm(torch.sigmoid(self.logits(film)), self.points)


def make_weights():
    functional.CLASS_CHANNELS, functional.MEMBERS = CLASS_CHANNELS, 1
    w = functional.random_weights(torch.Generator().manual_seed(SEED), halvings=HALVINGS)
    w["classifier.members.0.out.weight"] *= torch.tensor(GAINS)
    w["classifier.members.0.out.bias"] = torch.tensor(BIASES)
    w["decoder.out.weight"] *= DECODER_GAIN
    w["decoder.out.bias"] += DECODER_BIAS
    w["decoder.out.weight"] /= CONTRAST
    w["decoder.out.bias"] /= CONTRAST
    w["classifier.members.0.down.0.weight"] *= CONTRAST
    return {n: t.contiguous() for n, t in w.items() if not n.startswith("sae.")}


def make_films():
    y, x = torch.meshgrid(torch.arange(SIZE).float(), torch.arange(SIZE).float(), indexing="ij")
    waves = 700 * torch.sin(x / 5) * torch.cos(y / 9) + 200 * torch.sin(x * y / 97)
    hill = 900 * torch.exp(-((x - 22) ** 2 + (y - 38) ** 2) / 300) - 550 + 350 * torch.cos(x / 11 + y / 6)
    return torch.stack([waves, hill])[:, None]


# Latent Shift.


def distances(path, threshold, pixels=None):
    """How near the decisions along a search were to falling otherwise; the first step decides nothing."""
    scores = [score for _, score in path]
    near = {"threshold": min(abs(float(t) - float(s)) for s in scores for t in threshold)}
    near["turn"] = min([abs(float(b - a)) for a, b in zip(scores, scores[1:])], default=None)
    near["pixels"] = None if pixels is None else min(abs(float(p) - 1) for p in pixels)
    return near


def side_of(path, rule, near, pixels=None):
    side = {"rule": rule, "lambdas": [float(a) for a, _ in path], "scores": [float(s) for _, s in path]}
    return side | ({"pixels": [float(p) for p in pixels]} if pixels else {}) | {"margins": near}


def own_shift(ae, model, film, label, squash, drop, rise):
    """Presets "paper" and "repo": the search, the sweep by arange, the maps."""
    z = ae.encode(film).detach().requires_grad_()
    x0 = ae.decode(z)

    def score(frame):
        return (torch.sigmoid(model(frame)) if squash else model(frame))[:, label]

    gradient = torch.autograd.grad(score(x0), z)[0]

    def at(lam):
        frame = ae.decode(z + gradient * lam).detach()
        return frame.numpy()[0, 0], score(frame).detach().numpy()[0]

    first = at(0)[1]

    def search(sign, change):
        lam, last, path = 0, first, []
        while True:
            score = at(lam)[1]
            path.append((lam, score))
            if (last < score) if sign < 0 else (last > score):
                rule = "turn"
            elif (first - change > score) if sign < 0 else (first + change < score):
                rule = "drop" if sign < 0 else "rise"
            elif sign * lam >= 1000:
                rule = "bound"
            else:
                last = score
                lam += sign if abs(lam) < 10 else sign * 10
                continue
            return lam, side_of(path, rule, distances(path, [first + sign * change]))

    low, left = search(-1, drop)
    high, right = (0, None) if rise is None else search(1, rise)
    step = abs((low - high) / 10)
    lambdas = np.arange(low, high if rise is None else high + 1, step)
    assert (lambdas == low + np.arange(len(lambdas)) * ((low + step) - low)).all()
    frames, scores = zip(*(at(lam) for lam in lambdas))
    frames, x0 = np.stack(frames), x0.detach().numpy()[0, 0]
    maps = {
        "max": np.abs(x0 - frames[0]),  # the slip: the first frame only, for max and for mean
        "mm": np.abs(frames[0] - frames[-1]),
        "int": np.mean(np.abs(frames[:-1] - frames[1:]), 0),
    }
    return lambdas, scores, left, right, frames, maps, x0


def package_shift(ae, model, film, label, **options):
    """Presets by latentshift.cf.LatentShift. What its search saw is taken down where it asks the classifier."""
    asked = []

    def score(frame):
        asked.append(frame.detach())
        return model(frame)

    maps = {}
    for method in ("max", "mean", "mm", "int"):
        asked.clear()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            shift = CF.LatentShift(score, ae)
            done = shift.attribute(film, label, heatmap_method=method, return_dicts=True, **options)[0]
        maps[method] = done["heatmap"].reshape(SIZE, SIZE)
    lambdas, frames = done["lambdas"], done["generated_images"][:, 0]
    walked = [float(s) for s in re.findall("Shift: ([-0-9.]+)", said.getvalue())]
    assert walked[-1] == lambdas[0] and walked[:9] == [0, -10, -21, -34, -48, -63, -80, -98, -118][: len(walked)]
    assert all(b == a - 10 + np.floor(a / 10) for a, b in zip(walked, walked[1:]))
    assert (lambdas == np.append(np.arange(9) * (-lambdas[0] / 9) + lambdas[0], 0.0)).all()

    # Why it stopped: its rules in its order, on what it saw. The first question was about x0 itself.
    x0, path = asked[0], []
    squash = torch.sigmoid if options["apply_sigmoid"] else (lambda y: y)
    drop, share = options.get("search_pred_diff", 0.8), options.get("search_max_pixel_diff_pct", 0.05)
    for lam, frame in zip(walked, asked[1:]):
        score = squash(model(frame)[:, label]).detach().numpy()[0]
        moved = (x0 - frame).abs().sum() / (x0.abs().sum() * share)
        last, first = (path[-1][1], path[0][1]) if path else (score, score)
        rules = {
            "turn": last < score,
            "low": score < 0.05,
            "drop": first - drop > score,
            "bound": lam <= -options.get("search_max_steps", 3000),
            "pixels": moved > 1,
        }
        path.append((lam, score, moved))
        fired = [name for name, holds in rules.items() if holds]
        assert bool(fired) == (lam == walked[-1]), (lam, fired)
    pixels = [p for *_, p in path]
    path = [(lam, s) for lam, s, _ in path]
    near = distances(path, [0.05, path[0][1] - drop], pixels)
    side = side_of(path, fired[0], near, [p * share for p in pixels])
    return lambdas, done["preds"], side, None, frames, maps, x0.numpy()[0, 0]


def latent_shift(ae, model, films, tensors):
    cases = []
    for f, film in enumerate(films):
        for label in range(len(LABELS)):
            for preset, options in PRESETS.items():
                walk = own_shift if "drop" in options else package_shift
                lambdas, scores, left, right, frames, maps, x0 = walk(ae, model, film[None], label, **options)
                key = f"{preset}.{f}.{label}"
                case = {"film": f, "label": label, "preset": preset, "lambdas": lambdas.tolist()}
                case |= {"scores": [float(s) for s in scores], "left": left, "right": right, "frames": [], "maps": []}
                cases.append(case)
                if STORED_FOR_ONE.get(preset, label) != label:
                    continue
                own = walk is own_shift
                case["frames"] = [0, len(frames) - 1] if own else [0, len(frames) // 2, len(frames) - 1]
                case["maps"] = ["int"] if own else ["int", "max", "mean"]
                tensors[f"{key}.frames"] = torch.from_numpy(frames[case["frames"]])
                tensors |= {f"{key}.{m}": torch.from_numpy(maps[m].copy()) for m in case["maps"]}
                tensors[f"recon.{f}"] = torch.from_numpy(x0)
                assert (maps["mm"] == np.abs(frames[0] - frames[-1])).all()
                if not own:
                    differences = np.abs(x0 - frames)
                    assert (maps["max"] == differences.max(0)).all() and (maps["mean"] == differences.mean(0)).all()
    return cases


# Attribution of the score on the film itself.


def iterative_delete(model, film, label):
    gradients, kept = [], []
    for _ in range(20):
        x = film.detach().requires_grad_()
        g = torch.autograd.grad(model(x)[:, label].abs(), x)[0].numpy()[0, 0]
        mask = g * (g > np.percentile(g, 98)) > 0
        gradients.append(g)
        kept.append(int(mask.sum()))
        film = film * torch.from_numpy(mask.astype(g.dtype))
    return np.abs(np.mean(gradients, 0)), kept


def wachter(unit_model, films, tensors):
    """Package defaults (Adam, lr 0.005, 100 iterations, target 0) but for lambda, on film / 1024."""
    for f, label, weight in WACHTER:
        with contextlib.redirect_stdout(io.StringIO()):
            done = CF.Wachter(unit_model).attribute(films[f] / GREY, target=label, _lambda=weight)
        moved, start = done["generated_images"]
        tensors[f"wachter.{f}.{label}"] = torch.from_numpy(moved - start)[0]
        before, after = float(done["preds"][1][0, label]), float(done["preds"][0][0])
        yield {"film": f, "label": label, "lambda": weight, "before": before, "after": after}


def attribution(model, films, noise, tensors):
    cases = []
    for f, film in enumerate(films):
        film = film[None]
        for label in range(len(LABELS)):
            at = f"{f}.{label}"
            maps = {"gradient": captum.attr.Saliency(model).attribute(film, target=label, abs=False)}
            x = film.clone().requires_grad_()
            of_abs = torch.autograd.grad(model(x)[:, label].abs(), x)[0]
            assert (of_abs == maps["gradient"]).all(), "scores are positive, so that d|y|/dx is dy/dx"
            assert (captum.attr.Saliency(model).attribute(film, target=label) == of_abs.abs()).all()
            maps["guided"] = captum.attr.GuidedBackprop(model).attribute(film, target=label)
            delta = {}
            for name, baseline in (("integrated_grey", 0.0), ("integrated_black", -1024.0)):
                maps[name], error = captum.attr.IntegratedGradients(model).attribute(
                    film, baseline, label, n_steps=100, method="gausslegendre", return_convergence_delta=True
                )
                delta[name] = error.item()
            noisy = (film + noise).requires_grad_()
            maps["smooth"] = torch.autograd.grad(model(noisy)[:, label].sum(), noisy)[0].mean(0, keepdim=True)
            maps["occlusion"] = captum.attr.Occlusion(model).attribute(
                film, sliding_window_shapes=(1, 16, 16), strides=(1, 8, 8), baselines=0, target=label
            )
            cam = captum.attr.LayerGradCam(model, model.blocks[-1].outer)
            grad_cam = [cam.attribute(film, label, relu_attributions=r).detach()[0, 0] for r in (False, True)]
            with torch.no_grad():
                logit, score = model.logits(film)[0, label], model(film)[0, label]
                features, weights, bias = model.features(film)[0], model.out.weight[label], model.out.bias[label]
                cells = torch.einsum("k,khw->hw", weights, features) + bias
                assert (cells.mean() - logit).abs() < 1e-5, "the mean of the cells is the film's logit"
                odds = (torch.sigmoid(cells) / BASE_RATE).log()
            tensors |= {f"{name}.{at}": t.detach()[0, 0].contiguous() for name, t in maps.items()}
            deleted, kept = iterative_delete(model, film, label)
            tensors[f"delete.{at}"] = torch.from_numpy(deleted)
            case = {"film": f, "label": label, "score": score.item(), "logit": logit.item(), "convergence": delta}
            case |= {"grad_cam": grad_cam[0].tolist(), "grad_cam_relu": grad_cam[1].tolist()}
            case |= {"cam": cells.tolist(), "cam_odds": odds.tolist(), "delete_kept": kept}
            cases.append(case)
    return cases


# Scores of maps.


def overlap(name, saliency, box):
    """calc_iou of mlmed/gifsplanation: as many pixels as the box has, the strongest."""
    x, y, w, h = box
    truth = np.zeros(saliency.shape, bool)
    truth[y : y + h, x : x + w] = True
    threshold = np.percentile(saliency, (1 - truth.sum() / truth.size) * 100)
    found = saliency * (saliency > threshold) > 0
    both, either = int((truth & found).sum()), int((truth | found).sum())
    counts = {"truth": int(truth.sum()), "found": int(found.sum()), "both": both, "either": either}
    return {"map": name, "box": box, "threshold": float(threshold)} | counts | {"iou": both / either}


def overlaps(tensors):
    draw = np.random.default_rng(11)
    names = ["package.0.0.int", "package.1.2.max", "paper.0.2.int", "gradient.1.0", "integrated_grey.0.1"]
    names.append("occlusion.0.0")  # all ties: fewer pixels than the box, or none
    for name in names:
        saliency = tensors[name].abs().numpy()
        row, column = np.unravel_index(saliency.argmax(), saliency.shape)
        for _ in range(2):
            w, h = (int(v) for v in draw.integers(9, 28, 2))
            x, y = max(0, int(column - draw.integers(0, w))), max(0, int(row - draw.integers(0, h)))
            yield overlap(name, saliency, [x, y, min(w, SIZE - x), min(h, SIZE - y)])


def spearman(tensors):
    pairs = [("gradient.0.0", "guided.0.0"), ("package.0.0.int", "paper.0.0.int")]
    for a, b in [*pairs, ("integrated_grey.1.2", "smooth.1.2")]:
        flat = [np.abs(tensors[n].numpy()).ravel() for n in (a, b)]
        yield {"maps": [a, b], "correlation": float(scipy.stats.spearmanr(*flat).statistic)}


# Everything, once for a precision.


def check_modules(weights, ae, model, films):
    with torch.no_grad():
        z = functional.encode(weights, films, halvings=HALVINGS)
        frame = functional.decode(weights, z, halvings=HALVINGS)
        pairs = [(ae.encode(films), z), (ae.decode(z) / GREY, frame / GREY)]
        pairs.append((model.logits(frame), functional.logits(weights, frame)))
    for ours, theirs in pairs:
        assert (ours - theirs).abs().max() < 1e-5, "modules and functions must be the same networks"


def run(dtype, weights, films, noise):
    torch.set_default_dtype(dtype)
    weights = {n: t.to(dtype) for n, t in weights.items()}
    films, noise = films.to(dtype), noise.to(dtype)
    ae, model = Autoencoder(weights), Classifier(weights)
    check_modules(weights, ae, model, films)
    tensors = {f"film.{f}": film[0] for f, film in enumerate(films)} | {"noise": noise[:, 0]}
    cases = latent_shift(ae, model, films, tensors)
    numbers = {"shift": cases, "attribution": attribution(model, films, noise, tensors)}
    numbers["wachter"] = list(wachter(Classifier(weights, GREY), films, tensors))
    torch.set_default_dtype(torch.float32)
    return numbers, {n: t.contiguous() for n, t in tensors.items()}


def compare(numbers, tensors, exact, exact_tensors):
    """Refuses searches that hang on rounding; says how far float32 was off."""
    for case, other in zip(numbers["shift"], exact["shift"]):
        name = f"{case['preset']}.{case['film']}.{case['label']}"
        assert case["lambdas"] == other["lambdas"], name
        noise = max(abs(a - b) for a, b in zip(case["scores"], other["scores"]))
        for side in filter(None, (case["left"], case["right"])):
            for what, near in side["margins"].items():
                assert near is None or near > max(LEAST[what], 10 * noise if what == "turn" else 0), (name, what, near)
            print(name, side["rule"], side["lambdas"][-1], side["margins"], f"float64 differs by {noise:.0e}")
    for case, other in zip(numbers["attribution"], exact["attribution"]):
        assert case["delete_kept"] == other["delete_kept"]
    off = {}
    for name, t in tensors.items():
        wanted = exact_tensors[name]
        off[name] = float((t - wanted).abs().max() / wanted.abs().max())
        assert off[name] < 1e-4, (name, off[name])
    return off


def rules(cases):
    found = {}
    for case in cases:
        for side in ("left", "right"):
            if case[side]:
                of = found.setdefault(f"{case['preset']} {side}", {})
                of[case[side]["rule"]] = of.get(case[side]["rule"], 0) + 1
    return found


def write_bundle(weights):
    BUNDLE.mkdir(exist_ok=True)
    parts = {"autoencoder.safetensors": "coder.", "classifier.safetensors": "classifier."}
    for file, part in parts.items():
        save_file({n: t for n, t in weights.items() if part in n}, BUNDLE / file)
    hashes = "".join(f'        "{n}": "{hashlib.sha256((BUNDLE / n).read_bytes()).hexdigest()}",\n' for n in parts)
    labels = "".join(
        f"""            Label(
                name: "{name}",
                operating_point: {point},
                positives: 0,
                auc: None,
            ),
"""
        for name, point in zip(LABELS, POINTS)
    )
    side = SIZE // (FOLD << HALVINGS)
    config = f"""Some(Conv(AutoencoderConfig(
        size: {SIZE},
        channels: {tuple(CHANNELS)},
        halvings: {HALVINGS},
        latent: {LATENT},
        shortcut: false,
    )))"""
    (BUNDLE / "bundle.ron").write_text(f"""Manifest(
    version: 1,
    name: "shift-reference",
    description: "Random weights on which Latent Shift and attribution are compared with the original packages",
    preprocess: Preprocess(
        size: {SIZE},
        fit: Stretch,
        resize: BilinearAntialias,
        range: (-1024.0, 1024.0),
    ),
    latent: LatentShape(
        tokens: {side * side},
        dim: {LATENT},
        grid: Some(({side}, {side})),
    ),
    encoder: {config},
    decoder: {config},
    classifier: Some(ClassifierPart(
        architecture: Conv(ClassifierConfig(
            channels: {tuple(CLASS_CHANNELS)},
            labels: {len(LABELS)},
            dropout: 0.0,
            members: 1,
            pooling: Mean,
            sharp: false,
        )),
        labels: [
{labels}        ],
    )),
    files: {{
{hashes}    }},
    provenance: Provenance(
        data: "none: random weights of tests/parity/shift_reference.py",
        licence: "MIT OR Apache-2.0",
        limits: "Means nothing.",
        recipes: {{}},
    ),
)
""")


def main():
    torch.set_num_threads(1)
    weights, films = make_weights(), make_films()
    assert films.abs().max() <= 1024
    noise = torch.randn((4, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(3)) * NOISE
    write_bundle(weights)
    numbers, tensors = run(torch.float32, weights, films, noise)
    off = compare(numbers, tensors, *run(torch.float64, weights, films, noise))
    packages = ("torch", "torchxrayvision", "captum", "latentshift", "numpy", "scipy", "safetensors")
    alphas, weights_of = ([float(v) for v in part(100)] for part in reversed(approximation_parameters("gausslegendre")))
    reference = {
        "versions": {p: importlib.metadata.version(p) for p in packages},
        "labels": LABELS,
        "operating_points": POINTS,
        "options": {"base_rate": BASE_RATE, "noise": NOISE, "presets": PRESETS},
        "rules": rules(numbers["shift"]),
        **numbers,
        "gauss_legendre": {"alphas": alphas, "weights": weights_of},
        "overlap": list(overlaps(tensors)),
        "spearman": list(spearman(tensors)),
        "float64_difference": off,
    }
    path = HERE / "shift_reference.json"
    path.write_text(json.dumps(reference) + "\n")
    save_file(tensors, path.with_suffix(".safetensors"), metadata={"versions": json.dumps(reference["versions"])})
    print(reference["rules"])


if __name__ == "__main__":
    main()
