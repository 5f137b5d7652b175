"""Small PyTorch files of every container and kind, and hostile ones, with what a reader must get out of them.

    python torch_reference.py OUT_FOLDER

Needs torch and torchxrayvision (requirements.txt). Everything is seeded, so that a second run gives the same values.
Each sample is read back by torch.load before it is believed; the hostile ones are only written, never loaded.
"""

import argparse
import collections
import inspect
import io
import json
import pickle
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import torch
import torchxrayvision
from torch import nn

OUT = Path(sys.argv[1])
# Its classes are gone, no PyTorch of today loads it.
OLD_MODULE = "module_0.3.legacy"
# Tensors of more elements are told by a weighted sum only.
FULL = 12


def described(tensors):
    """Name, type, shape, elements and a sum that notices any change of order."""
    rows = []
    for name, tensor in tensors:
        values = tensor.detach().to(torch.float32).reshape(-1).double()
        weights = torch.arange(1, len(values) + 1, dtype=torch.float64)
        rows.append({
            "name": name,
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "values": values.tolist() if len(values) <= FULL else None,
            "sum": float((values * weights).sum()),
        })
    return rows


# Modules ------------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.register_buffer("saved", torch.tensor([1.5, -2.0]))
        self.register_buffer("unsaved", torch.zeros(3), persistent=False)
        self.register_buffer("nothing", None)
        self.kind = nn.ReLU
        self.size = torch.Size([2, 3])


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(collections.OrderedDict([("first", Block()), ("act", nn.ReLU())]))
        self.head = nn.Linear(2, 3)
        # The same weight under two names, and a module without parameters.
        self.tied = nn.Linear(2, 3)
        self.tied.weight = self.head.weight
        self.scale = nn.Parameter(torch.tensor(0.25, dtype=torch.float16))
        self.scale.note = "a parameter with an attribute"
        self.labels = ["Mass", "Hernia"]
        self.thresholds = np.array([0.1, 0.2], dtype=np.float32)


def small():
    torch.manual_seed(7)
    return Small().eval()


def densenet():
    torch.manual_seed(3)
    model = torchxrayvision.models.DenseNet(
        growth_rate=2, block_config=(1, 1), num_init_features=4, bn_size=1, num_classes=3, in_channels=1
    )
    model.pathologies = ["Atelectasis", "Mass", "Hernia"]
    model.op_threshs = torch.tensor([0.1, 0.2, 0.3])
    return model.eval()


# State dicts --------------------------------------------------------------------------------------------------------


def types():
    noted = torch.tensor([1.0, 2.0])
    noted.note = "a tensor with an attribute"
    return collections.OrderedDict([
        ("f64", torch.tensor([[1.5, -2.25], [1e-3, 7.0]], dtype=torch.float64)),
        ("f32", torch.linspace(-1, 1, 6).reshape(2, 3)),
        ("f16", torch.tensor([0.1, -65504.0, 6e-8], dtype=torch.float16)),
        ("bf16", torch.tensor([0.1, 3e38, -1e-30], dtype=torch.bfloat16)),
        ("i64", torch.tensor([-(2**40), 5])),
        ("i32", torch.tensor([-7, 2**30], dtype=torch.int32)),
        ("i16", torch.tensor([-300, 300], dtype=torch.int16)),
        ("i8", torch.tensor([-128, 127], dtype=torch.int8)),
        ("u8", torch.tensor([0, 255], dtype=torch.uint8)),
        ("bool", torch.tensor([True, False, True])),
        ("scalar", torch.tensor(4.5)),
        ("empty", torch.zeros(0, 3)),
        ("noted", noted),
    ])


def views():
    base = torch.arange(24, dtype=torch.float32)
    grid = base.reshape(4, 6)
    return {
        "base": base,
        "turned": grid.t(),
        "corner": grid[1:3, ::2],
        "last": base[20:],
        "repeated": base[3:4].expand(2, 5),
        "permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
        "single": base[5:6].reshape(1, 1),
    }


def checkpoint():
    return {
        "epoch": 3,
        "config": {"k": 32, "act": "topk", "lr": 2.5e-4, "bias": True, "none": None, "sizes": [768, 3072], "wide": (1, 2)},
        "args": argparse.Namespace(model="vit", layers=[1, 2]),
        "best": np.float64(0.75),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "tags": {"one"},
        "raw": b"\x00\xff",
        "seed": 2**63 + 5,
        "huge": 2**200,
        "counts": collections.Counter("aab"),
        "milestones": collections.defaultdict(list, {"a": [1]}),
        "state_dict": collections.OrderedDict([("module.w", torch.ones(2, 2)), ("module.b", torch.tensor([0.5]))]),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(2, 2)}}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
    }


# Old containers, written by hand --------------------------------------------------------------------------------------


def old_module():
    """A module as PyTorch 0.3 wrote it: parameters by their class, functions of the backend, dotted child names."""

    data = np.arange(6, dtype="<f4")

    def emit(out):
        def text(value):
            return b"X" + struct.pack("<I", len(value)) + value.encode()

        def name(module, attribute):
            return f"c{module}\n{attribute}\n".encode()

        ordered = name("collections", "OrderedDict") + b"]\x85R"
        storage = (
            b"(" + text("storage") + name("torch", "FloatStorage") + text("70001") + text("cuda:0") + b"K\x06" + b"N" + b"tQ"
        )
        tensor = name("torch._utils", "_rebuild_tensor") + b"(" + storage + b"K\x00" + b"K\x02K\x03\x86" + b"K\x03K\x01\x86" + b"tR"
        parameter = name("torch.nn.parameter", "Parameter") + tensor + b"\x85R" + b"\x88\x89" + ordered + b"\x87b"

        def module(cls_module, cls, parameters, modules):
            # ('module', class, file, source) by persistent id, then NEWOBJ and BUILD.
            out = b"(" + text("module") + name(cls_module, cls) + text("x.py") + text("class X: pass\n") + b"tQ" + b")\x81}("
            out += text("_backend") + name("torch.nn.backends.thnn", "_get_thnn_function_backend") + b")R"
            for key, entries in [("_parameters", parameters), ("_buffers", {}), ("_modules", modules)]:
                out += text(key) + ordered
                for child, value in entries.items():
                    out += text(child) + value + b"s"
            return out + text("training") + b"\x89ub"

        norm = module("torch.nn.modules.linear", "Linear", {"weight": parameter, "bias": b"N"}, {})
        return b"\x80\x02" + module("gone.models", "Net", {}, {"norm.1": norm, "none": b"N"}) + b"."

    out = io.BytesIO()
    for head in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(head, out, protocol=2)
    out.write(emit(out))
    pickle.dump(["70001"], out, protocol=2)
    out.write(struct.pack("<q", 6) + data.tobytes())
    return out.getvalue(), [("norm.1.weight", torch.arange(6.0).reshape(2, 3))]


class Numbered(pickle.Pickler):
    """Names tensors by number as PyTorch 0.1.9 did."""

    def persistent_id(self, value):
        return {id(t): n for n, t in self.tensors}.get(id(value))


def tar(state, tensors):
    """`tensors`: (number, tensor); all share storage 11, of which 12 is the stretch [4, 10)."""
    storages = io.BytesIO()
    pickle.dump(1, storages, 2)
    pickle.dump((11, "cpu", torch.FloatStorage), storages, 2)
    storages.write(struct.pack("<q", 12) + np.arange(12, dtype="<f4").tobytes())
    pickle.dump([(12, 11, 4, 6)], storages, 2)
    described_tensors = io.BytesIO()
    pickle.dump(len(tensors), described_tensors, 2)
    for number, tensor, storage, offset in tensors:
        pickle.dump((number, storage, torch.FloatTensor), described_tensors, 2)
        shape, stride = list(tensor.shape), list(tensor.stride())
        described_tensors.write(struct.pack("<ii", len(shape), 0) + struct.pack(f"<{len(shape) * 2}q", *shape, *stride))
        described_tensors.write(struct.pack("<q", offset))
    main = io.BytesIO()
    pickler = Numbered(main, 2)
    pickler.tensors = [(number, tensor) for number, tensor, _, _ in tensors]
    pickler.dump(state)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in [("sys_info", pickle.dumps({}, 2)), ("pickle", main), ("tensors", described_tensors), ("storages", storages)]:
            data = data if isinstance(data, bytes) else data.getvalue()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    # torch.load needs the end blocks; the padding to 10 kB beyond is not needed.
    data = out.getvalue()
    return data[: len(data.rstrip(b"\0")) // 512 * 512 + 512 * 3]


def old_tar():
    base = torch.arange(12.0)
    whole, part = base.reshape(3, 4), base[4:10].reshape(2, 3).t()
    state = {"state_dict": {"whole": whole, "part": part}, "epoch": 2}
    return tar(state, [(21, whole, 11, 0), (22, part, 12, 0)]), [("whole", whole), ("part", part)]


# Hostile files --------------------------------------------------------------------------------------------------------


class Call:
    """Pickles as a call of `function`; nothing here is ever loaded."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def zipped(data, method=zipfile.ZIP_STORED, order=b"little", also=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in [("archive/data.pkl", data), ("archive/byteorder", order), *also]:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return out.getvalue()


def legacy(data):
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in head) + data


def hostile():
    """(name, bytes, words of the refusal)"""
    import functools
    import os

    system = Call(os.system, "touch /tmp/fluoro_was_here")

    def saved(value, **options):
        out = io.BytesIO()
        torch.save(value, out, **options)
        return out.getvalue()

    old = {"_use_new_zipfile_serialization": False}
    weights = {"w": torch.ones(2)}
    p2, text = b"\x80\x02", lambda t: b"X" + struct.pack("<I", len(t)) + t.encode()
    bomb = b"]q\x00" + b"".join(b"](" + bytes([ord("h"), n]) * 10 + b"eq" + bytes([n + 1]) for n in range(9)) + b"."
    storage = lambda count, kind="FloatStorage": (
        b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text("0") + text("cpu") + b"J" + struct.pack("<i", count) + b"tQ"
    )
    tensor = lambda offset, shape, stride, count=4: (
        p2 + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(count) + pickle.dumps(offset, 2)[2:-1]
        + pickle.dumps(shape, 2)[2:-1] + pickle.dumps(stride, 2)[2:-1] + b"tR."
    )
    yield "system.zip", saved({**weights, "x": system}), "call os.system"
    yield "system.legacy", saved({**weights, "x": system}, **old), "call os.system"
    yield "system.p4", saved({**weights, "x": system}, pickle_protocol=4), "call os.system"
    yield "system.raw", pickle.dumps(system, 2), "call os.system"
    yield "system.p0", b"cos\nsystem\n(S'touch /tmp/fluoro_was_here'\ntR.", "call os.system"
    yield "eval.zip", saved({**weights, "x": Call(eval, "1+1")}), "call builtins.eval"
    yield "inst.zip", zipped(b"(S'ls'\nios\nsystem\n."), "call os.system"
    yield "obj.zip", zipped(b"(cbuiltins\neval\nS'1'\no."), "call builtins.eval"
    yield "newobj.zip", zipped(p2 + b"csubprocess\nPopen\n" + text("ls") + b"\x85\x81."), "call subprocess.Popen"
    yield "new_system.zip", zipped(p2 + b"ccopyreg\n__newobj__\ncos\nsystem\n" + text("ls") + b"\x86R."), "call os.system"
    yield "nested.zip", zipped(
        p2 + b"cbuiltins\ngetattr\ncbuiltins\n__import__\n" + text("os") + b"\x85R" + text("system") + b"\x86R" + text("ls") + b"\x85R."
    ), "call builtins.__import__"
    yield "result.zip", zipped(p2 + b"ctorch\ndevice\n" + text("cpu") + b"\x85R)R."), "call the result of torch.device"
    yield "text.zip", zipped(p2 + text("os.system") + b")R."), "call a str as a function"
    yield "partial.zip", saved({"x": functools.partial(print, 1)}), "call functools.partial"
    yield "load.zip", zipped(p2 + b"ctorch.storage\n_load_from_bytes\nC\x01x\x85R."), "call torch.storage._load_from_bytes"
    yield "wrapped.zip", zipped(
        p2 + b"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nN)NtR."
    ), "call os.system"
    yield "setstate.zip", zipped(p2 + b"cos\nsystem\n}b."), "call os.system.__setstate__"
    yield "extension.zip", zipped(p2 + b"\x82\x01."), "call something outside the file"
    yield "bomb.zip", zipped(p2 + bomb), "shared until"
    yield "module_bomb.zip", zipped(module_bomb()), "shared until"
    yield "cycle.zip", zipped(p2 + b"]q\x00h\x00a."), "contains itself"
    yield "cycle_object.zip", zipped(p2 + b"ca\nB\n)\x81q\x00}" + text("me") + b"h\x00sb."), "contains itself"
    yield "cycle_tuple.zip", zipped(p2 + b"]q\x00h\x00\x85a."), "contains itself"
    yield "deep.zip", zipped(p2 + b"]" + b"\x85" * 400 + b"."), "levels deep"
    yield "marks.zip", zipped(p2 + b"(" * 400 + b"."), "finds no value"
    yield "bytes8.zip", zipped(b"\x80\x04\x8e" + struct.pack("<Q", 4 << 30) + b"abc."), "4294967296 bytes are announced"
    yield "bytes8_max.zip", zipped(b"\x80\x04\x8e" + b"\xff" * 8 + b"abc."), "bytes are announced"
    yield "array8.zip", zipped(b"\x80\x05\x96" + struct.pack("<Q", 4 << 30) + b"abc."), "4294967296 bytes are announced"
    yield "text4.zip", zipped(p2 + b"X" + b"\xff" * 4 + b"abc."), "4294967295 bytes are announced"
    yield "frame.zip", zipped(b"\x80\x04\x95" + struct.pack("<Q", 4 << 30) + b"N."), "bytes are announced"
    yield "long4.zip", zipped(p2 + b"\x8b" + b"\xff" * 4 + b"abc."), "bytes are announced"
    yield "raw_4gb.legacy", legacy(
        tensor(0, (2,), (1,)) + pickle.dumps(["0"], 2) + struct.pack("<q", 1 << 30) + b"abcd"
    ), "4294967296 bytes are announced"
    yield "raw_negative.legacy", legacy(
        tensor(0, (2,), (1,)) + pickle.dumps(["0"], 2) + struct.pack("<q", -1) + b"abcd"
    ), "bytes are announced"
    yield "past_end.zip", zipped(tensor(3, (2,), (1,))), "reaches past its storage"
    yield "huge_shape.zip", zipped(tensor(0, (2**40, 2**40), (0, 0))), "too large to count"
    yield "repeats.zip", zipped(tensor(0, (2**40,), (0,))), "repeats a storage"
    yield "negative.zip", zipped(tensor(-1, (2,), (1,))), "no whole number from 0 up"
    yield "big_stride.zip", zipped(tensor(0, (3,), (2**62,))), "reaches past its storage"
    yield "complex.zip", saved({"x": torch.zeros(1, dtype=torch.complex64)}), "tensors kept in torch.ComplexFloatStorage"
    yield "sparse.zip", saved({"x": torch.zeros(1).to_sparse()}), "call torch._utils._rebuild_sparse_tensor"
    yield "script.zip", zipped(p2 + b"N.", also=[("archive/constants.pkl", b"")]), "a TorchScript program"
    yield "packed.zip", zipped(p2 + b"N" * 50 + b".", zipfile.ZIP_DEFLATED), "is compressed"
    yield "big_endian.zip", zipped(p2 + b"N.", order=b"big"), "big-endian"
    yield "other.zip", zipped(b"").replace(b"data.pkl", b"data.txt"), "without data.pkl"
    yield "two.zip", zipped(p2 + b"N.", also=[("b/data.pkl", p2 + b"N.")]), "several data.pkl"
    yield "no_storage.zip", zipped(tensor(0, (2,), (1,))), "is missing"


def module_bomb():
    """Modules of two children each, both the same, 30 levels deep: a billion names in two kilobytes."""
    text = lambda t: b"X" + struct.pack("<I", len(t)) + t.encode()
    empty = b"cx\nM\n)\x81}(" + text("_parameters") + b"}" + text("_modules") + b"}ubq\x00"
    out = b"\x80\x02" + empty
    for level in range(30):
        child = b"h" + bytes([level])
        out += b"cx\nM\n)\x81}(" + text("_parameters") + b"}" + text("_modules") + b"}(" + text("a") + child
        out += text("b") + child + b"uubq" + bytes([level + 1])
    return out + b"."


# Output ---------------------------------------------------------------------------------------------------------------


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    samples, refused = {}, {}

    def keep(name, data, tensors):
        (OUT / name).write_bytes(data)
        if name != OLD_MODULE:
            torch.load(OUT / name, map_location="cpu", weights_only=False)
        samples[name] = described(tensors)

    def save(stem, value, tensors, **options):
        for suffix, new in [("zip", True), ("legacy", False)]:
            out = io.BytesIO()
            torch.save(value, out, _use_new_zipfile_serialization=new, **options)
            keep(f"{stem}.{suffix}", out.getvalue(), list(tensors))

    # The legacy container carries the source text of every class, here without the long documentation.
    inspect.getsourcelines = lambda cls: ([f"class {cls.__name__}: ...\n"], 1)
    save("types", types(), types().items())
    save("views", views(), views().items())
    point = checkpoint()
    save("checkpoint", point, point["state_dict"].items())
    save("checkpoint_p4", {"model": {"state_dict": views()}}, views().items(), pickle_protocol=4)
    module = small()
    save("module", module, module.state_dict().items())
    save("module_p5", {"epoch": 1, "model": nn.DataParallel(module)},
         [("module." + name, t) for name, t in module.state_dict().items()], pickle_protocol=5)
    model = densenet()
    save("densenet", model, model.state_dict().items())
    data, tensors = old_module()
    keep(OLD_MODULE, data, tensors)
    data, tensors = old_tar()
    keep("views.tar", data, tensors)

    (OUT / "hostile").mkdir(exist_ok=True)
    for name, data, words in hostile():
        (OUT / "hostile" / name).write_bytes(data)
        refused[name] = words
    (OUT / "expected.json").write_text(json.dumps({"samples": samples, "refused": refused}) + "\n")
    total = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
    print(len(samples), "samples,", len(refused), "hostile files,", total, "bytes")


if __name__ == "__main__":
    main()
