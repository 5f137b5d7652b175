"""Reference values for published convolutional networks from their own Python classes: small random ones.

Writes conv_reference/: the weights in the containers in which the authors publish theirs (whole modules in the stream of
PyTorch before 1.6, state dicts and a checkpoint in zip archives), outputs.safetensors with what PyTorch, torchxrayvision
and captum compute of them, and facts.json with labels and operating points out of the installed torchxrayvision.

The classes are the authors': torchxrayvision.models.DenseNet, torchvision.models.ResNet as torchxrayvision patches it,
torchxrayvision.autoencoders (widths divided by 16), jfhealthcare's Classifier (with a small backbone), torchvision's
DenseNet for Zech and arnoweng. Running statistics are those of a random film, shaken.

    python conv_reference.py
"""

import copy
import json
import math
import pathlib
import sys
import warnings

import captum
import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
import torchxrayvision as xrv
from captum.attr import GuidedBackprop
from safetensors.torch import save_file
from torchvision.transforms import functional as T

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).with_suffix("")
LABEL = 10
DENSE = dict(growth_rate=4, block_config=(2, 3, 2, 2), num_init_features=8, bn_size=2)


def films(side, count):
    """Whole grey levels from a formula that the Rust test repeats."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    one = [(x * x * (3 + n) + y * y * 5 + x * y * 7 + n * 411) % 2049 - 1024 for n in range(count)]
    return torch.stack(one)[:, None].float()


def trained(model, *inputs):
    """The model as if it had been trained: running statistics of the inputs, and everything a little off."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(*inputs)
        for name, value in model.named_parameters():
            if value.dim() == 1:
                value += torch.randn_like(value) * 0.2
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.1
                module.running_mean += torch.randn_like(module.running_mean) * module.running_var.sqrt() * 0.2
                module.running_var *= torch.rand_like(module.running_var) + 0.6
    return model.eval().requires_grad_(True)


class Of(nn.Module):
    """A module of a function, so that captum sees the networks within."""

    def __init__(self, network, function):
        super().__init__()
        self.network, self.function = network, function

    def forward(self, x):
        return self.function(self.network, x)


def gradients(out, name, network, film, label):
    film = film.clone().requires_grad_(True)
    network(film)[:, label].sum().backward()
    out[f"{name}.gradient"] = film.grad
    out[f"{name}.guided"] = GuidedBackprop(network).attribute(film.detach(), target=label).detach()


def cells(features, weight, bias):
    return torch.einsum("bchw,lc->blhw", F.relu(features), weight) + bias[:, None, None]


def xrv_densenet(out):
    torch.manual_seed(1)
    x = films(96, 2)
    model = trained(xrv.models.DenseNet(**DENSE, num_classes=18), x)
    torch.save(model, OUT / "pc-densenet121-small.pt", _use_new_zipfile_serialization=False)
    out["densenet.logits"] = model(x)
    out["densenet.cells"] = cells(model.features(x), model.classifier.weight, model.classifier.bias)
    gradients(out, "densenet", model, x[:1], LABEL)
    points = torch.tensor(xrv.models.model_urls["densenet121-res224-pc"]["op_threshs"])
    model.op_threshs = points
    out["densenet.scores"] = model(x)
    model.op_threshs = None
    return model


def xrv_resnet(out):
    class Narrow(torchvision.models.ResNet):
        def _make_layer(self, block, planes, *rest, **named):
            return super()._make_layer(block, planes // 16, *rest, **named)

    torch.manual_seed(2)
    x = films(96, 2)
    model = Narrow(torchvision.models.resnet.Bottleneck, [1, 2, 1, 2])
    # As torchxrayvision.models.ResNet patches it.
    model.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    model.fc = nn.Linear(model.layer4[-1].conv3.out_channels, 18)
    model = trained(model, x)
    torch.save(model.state_dict(), OUT / "pc-nih-rsna-siim-vin-resnet50-small.pt")
    out["resnet.logits"] = model(x)
    features = x
    for name, module in model.named_children():
        if name == "avgpool":
            break
        features = module(features)
    out["resnet.cells"] = cells(features, model.fc.weight, model.fc.bias)
    gradients(out, "resnet", model, x[:1], LABEL)


def xrv_autoencoder(out, classifier):
    class Narrow(xrv.autoencoders._ResNetAE):
        def _make_downlayer(self, block, channels, *rest, **named):
            return super()._make_downlayer(block, channels // 16, *rest, **named)

        def _make_up_block(self, block, channels, *rest, **named):
            return super()._make_up_block(block, channels // 16, *rest, **named)

    torch.manual_seed(3)
    x = films(128, 2)
    model = Narrow(xrv.autoencoders.Bottleneck, xrv.autoencoders.DeconvBottleneck, [1, 2, 3, 2], 1)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight)
    model = trained(model, x)
    torch.save(model.state_dict(), OUT / "resnet_autoencoder.pt")
    z = model.encode(x)
    out["autoencoder.latent"] = z.flatten(2).transpose(1, 2)
    out["autoencoder.frame"] = model.decode(z, x.size())[:1]
    # Off the ReLU's floor, as a shift goes: the decoder takes any latent.
    z = (z[:1] - 0.1).detach().requires_grad_(True)
    logit = classifier(model.decode(z, x.size()))[:, LABEL].sum()
    logit.backward()
    out["autoencoder.shift_latent"] = z.flatten(2).transpose(1, 2)
    out["autoencoder.shift_logit"] = logit[None]
    out["autoencoder.shift_gradient"] = z.grad.flatten(2).transpose(1, 2)


def jfhealthcare(out):
    folder = pathlib.Path(xrv.__file__).parent / "baseline_models" / "jfhealthcare"
    sys.path.insert(0, str(folder))
    from model import classifier
    from model.backbone import densenet

    torch.manual_seed(4)
    config = json.loads((folder / "config" / "example.json").read_text())
    config = type("Config", (), config | {"pretrained": False})()
    classifier.BACKBONES["densenet121"] = lambda cfg: densenet.DenseNet(norm_type=cfg.norm_type, **DENSE)
    x = films(128, 2)
    network = Of(classifier.Classifier(config), lambda model, x: torch.cat(model(x.repeat(1, 3, 1, 1) / 512)[0], 1))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    trained(network, x)
    # The attention reads what it made: with the last round's statistics alone it would grow from round to round.
    for module in network.network.attention_map.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.4, 0.8)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    torch.save(network.network.state_dict(), OUT / "jfhealthcare.pth")
    out["jfhealthcare.logits"] = network(x)
    gradients(out, "jfhealthcare", network, x[:1], 3)


def imagenet(x):
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return ((x + 1024) / 2048 - mean) / std


def with_dots(model):
    """Submodules named as torchvision 0.2 named them, which PyTorch reads but no longer makes."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if type(module).__name__ == "_DenseLayer":
            parts = module._modules
            for old in ["norm1", "relu1", "conv1", "norm2", "relu2", "conv2"]:
                parts[f"{old[:-1]}.{old[-1]}"] = parts.pop(old)
    return model


def logits_of(model, x):
    features = F.relu(model.features(imagenet(x)))
    return model.classifier[0](features.mean((2, 3)))


def logit_of_ten_crops(model, x):
    side = x.shape[-1] * 7 // 8
    p = torch.stack([torch.sigmoid(logits_of(model, crop)) for crop in T.ten_crop(x, side)]).mean(0)
    return torch.log(p) - torch.log1p(-p)


def chexnets(out):
    torch.manual_seed(5)
    x = films(96, 2)
    model = torchvision.models.DenseNet(**DENSE)
    model.classifier = nn.Sequential(nn.Linear(model.classifier.in_features, 14), nn.Sigmoid())
    model = trained(model, imagenet(x))
    new = {"model": model, "best_loss": 0.1452, "epoch": 6, "LR": 0.01, "rng_state": torch.get_rng_state()[:64]}
    torch.save(new, OUT / "zech.pth.tar")
    torch.save(new | {"model": with_dots(model)}, OUT / "zech_old.pth.tar", _use_new_zipfile_serialization=False)
    out["zech.probabilities"] = model(imagenet(x))
    out["zech.logits"] = logits_of(model, x)
    out["zech.cells"] = cells(model.features(imagenet(x)), model.classifier[0].weight, model.classifier[0].bias)

    torch.manual_seed(6)
    x = films(128, 2)
    model = torchvision.models.DenseNet(**DENSE)
    model.classifier = nn.Sequential(nn.Linear(model.classifier.in_features, 14), nn.Sigmoid())
    model = trained(model, imagenet(x))
    state = {f"module.densenet121.{name}": value for name, value in with_dots(model).state_dict().items()}
    torch.save({"state_dict": state}, OUT / "arnoweng.pth.tar", _use_new_zipfile_serialization=False)
    network = Of(model, logit_of_ten_crops)
    out["arnoweng.logits"] = network(x)
    gradients(out, "arnoweng", network, x[:1], LABEL)


def facts():
    models = {}
    for name, model in xrv.models.model_urls.items():
        if name.startswith(("densenet121-res224-", "resnet50-res512-")):
            points = [None if math.isnan(v) else v for v in model["op_threshs"]]
            file = model["weights_url"].rsplit("/", 1)[1]
            models[name] = {"file": file, "labels": model["labels"], "points": points}
    packages = [captum, numpy, torch, torchvision, xrv]
    return {
        "versions": {package.__name__: package.__version__ for package in packages},
        "pathologies": xrv.datasets.default_pathologies,
        "jfhealthcare": xrv.baseline_models.jfhealthcare.DenseNet.targets,
        "models": models,
    }


def main():
    OUT.mkdir(exist_ok=True)
    out = {}
    classifier = xrv_densenet(out)
    xrv_resnet(out)
    xrv_autoencoder(out, classifier)
    jfhealthcare(out)
    chexnets(out)
    out = {name: value.detach().float().contiguous() for name, value in out.items()}
    known = facts()
    save_file(out, OUT / "outputs.safetensors", metadata=known["versions"])
    (OUT / "facts.json").write_text(json.dumps(known, indent=1) + "\n")
    for name, value in out.items():
        print(name, tuple(value.shape), f"{value.abs().max():.4g}", f"{(value != 0).float().mean():.2f}")


if __name__ == "__main__":
    main()
