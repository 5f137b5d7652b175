"""Reference values for Fluoro's own architectures from PyTorch: small random weights, an input, every output.

Writes models_reference.safetensors: tensors under "encoder.", "decoder.", "classifier.", "sae." hold weights in Fluoro's
names and layout (a linear weight is [in, out]); those under "shallow." are an autoencoder that halves twice, those under
"wide." a classifier that pools mean and maximum, those under "linear." an autoencoder with linear shortcuts, those under
"sharp." a classifier that sees every pixel; tensors under "check." hold inputs and PyTorch's outputs.

    python models_reference.py
"""

import pathlib

import safetensors
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

SIZE, CHANNELS, LATENT = 64, [4, 6, 8, 8], 5
CLASSES, CLASS_CHANNELS, MEMBERS = 3, [3, 4, 5, 6], 2
FEATURES = 12
FOLD, GREY = 4, 1024.0


def conv(weights, name, x, stride=1):
    w = weights[name + ".weight"]
    return F.conv2d(x, w, weights[name + ".bias"], stride=stride, padding=w.shape[-1] // 2)


def block(weights, name, x):
    inner = F.relu(conv(weights, name + ".first", x))
    return F.relu(x + conv(weights, name + ".second", inner))


def encode(w, film, prefix="", halvings=3):
    p = prefix + "encoder"
    x = F.relu(conv(w, f"{p}.stem", F.pixel_unshuffle(film / GREY, FOLD)))
    for i in range(halvings):
        x = block(w, f"{p}.blocks.{i}", F.relu(conv(w, f"{p}.down.{i}", x, stride=2)))
    x = conv(w, f"{p}.head", x)
    if f"{p}.shortcut.weight" in w:
        x = x + conv(w, f"{p}.shortcut", F.pixel_unshuffle(film / GREY, FOLD << halvings))
    return x.flatten(2).transpose(1, 2)


def decode(w, z, prefix="", halvings=3):
    p = prefix + "decoder"
    b, n, d = z.shape
    side = int(n**0.5)
    z = z.transpose(1, 2).reshape(b, d, side, side)
    x = F.relu(conv(w, f"{p}.head", z))
    for i in range(halvings):
        x = F.relu(F.pixel_shuffle(conv(w, f"{p}.up.{i}", block(w, f"{p}.blocks.{i}", x)), 2))
    x = F.pixel_shuffle(conv(w, f"{p}.out", block(w, f"{p}.last", x)), FOLD)
    if f"{p}.shortcut.weight" in w:
        x = x + F.pixel_shuffle(conv(w, f"{p}.shortcut", z), FOLD << halvings)
    return x * GREY


def logits(w, frame, prefix="", wide=False):
    sharp = w[f"{prefix}classifier.members.0.down.0.weight"].shape[1] == 4
    half = F.pixel_unshuffle(frame / GREY, 2) if sharp else F.avg_pool2d(frame / GREY, 2)
    members = []
    for m in range(MEMBERS):
        p = f"{prefix}classifier.members.{m}"
        x = half
        for i in range(4):
            x = F.relu(conv(w, f"{p}.down.{i}", x, stride=2))
            if sharp or i:
                x = block(w, f"{p}.blocks.{i if sharp else i - 1}", x)
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1) if wide else x.mean((2, 3))
        members.append(pooled @ w[f"{p}.out.weight"] + w[f"{p}.out.bias"])
    return torch.stack(members).mean(0)


def sae(w, x):
    projected = (x - w["sae.b_dec"]) @ w["sae.w_enc"]
    gate = projected + w["sae.b_gate"] > 0
    features = gate * F.relu(projected * w["sae.r_mag"].exp() + w["sae.b_mag"])
    return features, features @ w["sae.w_dec"] + w["sae.b_dec"]


def random_weights(generator, prefix="", halvings=3, wide=False, shortcut=False, sharp=False):
    w = {}

    def add(name, *shape, gain=1.0):
        fan_in = torch.Size(shape[1:]).numel() or 1
        w[prefix + name] = torch.randn(shape, generator=generator) * gain / fan_in**0.5

    def add_conv(name, cin, cout, k):
        add(name + ".weight", cout, cin, k, k, gain=1.4)
        add(name + ".bias", cout, gain=0.1)

    def add_block(name, c):
        add_conv(name + ".first", c, c, 3)
        add_conv(name + ".second", c, c, 3)

    c = CHANNELS
    add_conv("encoder.stem", FOLD * FOLD, c[0], 3)
    for i in range(halvings):
        add_conv(f"encoder.down.{i}", c[i], c[i + 1], 3)
        add_block(f"encoder.blocks.{i}", c[i + 1])
    add_conv("encoder.head", c[halvings], LATENT, 1)
    add_conv("decoder.head", LATENT, c[halvings], 1)
    for i, (a, b) in enumerate([(c[n + 1], c[n]) for n in reversed(range(halvings))]):
        add_block(f"decoder.blocks.{i}", a)
        add_conv(f"decoder.up.{i}", a, b * 4, 1)
    add_block("decoder.last", c[0])
    add_conv("decoder.out", c[0], FOLD * FOLD, 3)
    if shortcut:
        add_conv("encoder.shortcut", (FOLD << halvings) ** 2, LATENT, 1)
        add_conv("decoder.shortcut", LATENT, (FOLD << halvings) ** 2, 1)
    k = CLASS_CHANNELS
    for m in range(MEMBERS):
        p = f"classifier.members.{m}"
        for i, (a, b) in enumerate([(4 if sharp else 1, k[0]), (k[0], k[1]), (k[1], k[2]), (k[2], k[3])]):
            add_conv(f"{p}.down.{i}", a, b, 3)
            if sharp or i:
                add_block(f"{p}.blocks.{i if sharp else i - 1}", b)
        w[f"{prefix}{p}.out.weight"] = torch.randn((k[3] * (2 if wide else 1), CLASSES), generator=generator)
        w[f"{prefix}{p}.out.bias"] = torch.randn((CLASSES,), generator=generator) * 0.1
    if prefix:
        return w
    w["sae.w_enc"] = torch.randn((LATENT, FEATURES), generator=generator)
    w["sae.w_dec"] = torch.randn((FEATURES, LATENT), generator=generator)
    for name, n in [("b_gate", FEATURES), ("r_mag", FEATURES), ("b_mag", FEATURES), ("b_dec", LATENT)]:
        w[f"sae.{name}"] = torch.randn((n,), generator=generator) * 0.3
    return w


def main():
    torch.manual_seed(0)
    w = random_weights(torch.Generator().manual_seed(7))
    yy, xx = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    film = (700 * torch.sin(xx / 5.0) * torch.cos(yy / 9.0) + 200 * torch.sin(xx * yy / 97.0))[None, None].float()
    film = torch.cat([film, -film.flip(3)])
    z = encode(w, film).detach().requires_grad_(True)
    frame = decode(w, z)
    scores = torch.sigmoid(logits(w, frame))
    scores[:, 1].sum().backward()
    features, restored = sae(w, z.detach().reshape(-1, LATENT))

    w |= {n: t for n, t in random_weights(torch.Generator().manual_seed(8), "shallow.", 2).items() if "coder." in n}
    w |= {n: t for n, t in random_weights(torch.Generator().manual_seed(9), "wide.", 3, True).items() if "coder." not in n}
    fine = encode(w, film, "shallow.", 2).detach().requires_grad_(True)
    fine_frame = decode(w, fine, "shallow.", 2)
    wide = logits(w, fine_frame, "wide.", True)
    torch.sigmoid(wide)[:, 2].sum().backward()
    linear = random_weights(torch.Generator().manual_seed(10), "linear.", 2, shortcut=True)
    w |= {n: t for n, t in linear.items() if "coder." in n}
    sharp = random_weights(torch.Generator().manual_seed(11), "sharp.", 3, True, sharp=True)
    w |= {n: t for n, t in sharp.items() if "coder." not in n}
    straight = encode(w, film, "linear.", 2).detach().requires_grad_(True)
    straight_frame = decode(w, straight, "linear.", 2)
    clear = logits(w, straight_frame / 16, "sharp.", True)
    torch.sigmoid(clear)[:, 0].sum().backward()
    checks = {
        "film": film,
        "latent": z.detach(),
        "frame": frame.detach(),
        "logits": logits(w, frame).detach(),
        "gradient": z.grad,
        "features": features,
        "restored": restored,
        "shallow_latent": fine.detach(),
        "shallow_frame": fine_frame.detach(),
        "wide_logits": wide.detach(),
        "wide_gradient": fine.grad,
        "linear_latent": straight.detach(),
        "linear_frame": straight_frame.detach(),
        "sharp_logits": clear.detach(),
        "sharp_gradient": straight.grad,
    }
    out = {name: t.contiguous() for name, t in w.items()} | {f"check.{n}": t.contiguous() for n, t in checks.items()}
    versions = {"torch": torch.__version__, "safetensors": safetensors.__version__}
    save_file(out, pathlib.Path(__file__).with_suffix(".safetensors"), metadata=versions)
    print({n: (tuple(t.shape), float(t.abs().max())) for n, t in checks.items()})


if __name__ == "__main__":
    main()
