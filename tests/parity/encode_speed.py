"""Films a second of `fluoro encode` beside a PyTorch program of the same work: read, preprocess, DenseNet-121 without its
last layer, latents into Parquet.

    pt/bin/python tests/parity/encode_speed.py FLUORO WEIGHTS.pt FILMS [REPEATS]

WEIGHTS is a torchxrayvision DenseNet-121 as its authors save it (a whole pickled module; random weights will do: the work is
the same). The PyTorch program reads films in worker processes beside the network, as many as serve it best, in batches of 8,
with two threads. Both are run in turn, and their latents are compared.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import pyarrow
import pyarrow.parquet
import skimage.io
import torch
import torch.utils.data
import torchxrayvision as xrv

program, weights, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
repeats = int(sys.argv[4]) if len(sys.argv) > 4 else 3
torch.set_num_threads(2)
films = sorted(path for path in folder.rglob("*.png"))
crop, resize = xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)


class Films(torch.utils.data.Dataset):
    def __len__(self):
        return len(films)

    def __getitem__(self, index):
        pixels = skimage.io.imread(films[index])
        pixels = pixels if pixels.ndim == 2 else pixels[:, :, 0]
        return torch.from_numpy(resize(crop(xrv.datasets.normalize(pixels, 255)[None])))


def with_torch(network, workers, output):
    start = time.perf_counter()
    loader = torch.utils.data.DataLoader(Films(), batch_size=8, num_workers=workers)
    with torch.inference_mode():
        latents = torch.cat([network.features2(batch) for batch in loader]).numpy()
    table = {"film": [str(film) for film in films], "latent": list(latents)}
    pyarrow.parquet.write_table(pyarrow.table(table), output)
    return len(films) / (time.perf_counter() - start), latents


def with_fluoro(bundle, output):
    start = time.perf_counter()
    command = [program, "encode", str(folder), "--bundle", str(bundle), "--device", "cpu", "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    return len(films) / (time.perf_counter() - start)


with tempfile.TemporaryDirectory() as home:
    home = pathlib.Path(home)
    bundle = home / "bundle"
    subprocess.run([program, "import", str(weights), "--trunk", "-o", str(bundle)], check=True, capture_output=True)
    network = torch.load(weights, weights_only=False).eval()
    speeds = {"fluoro": [], "torch, 0 workers": [], "torch, 1 worker": [], "torch, 2 workers": []}
    for turn in range(repeats):
        speeds["fluoro"].append(with_fluoro(bundle, home / f"store{turn}"))
        for workers, name in enumerate(list(speeds)[1:]):
            speed, latents = with_torch(network, workers, home / "latents.parquet")
            speeds[name].append(speed)
    own = pyarrow.parquet.read_table(home / "store0" / "latents.parquet").to_pandas()
    table = pyarrow.parquet.read_table(home / "store0" / "films.parquet").to_pandas()

print(f"{len(films)} films, {repeats} turns, PyTorch {torch.__version__}")
for name, found in speeds.items():
    print(f"{name}: median {np.median(found):.2f} films a second ({min(found):.2f} to {max(found):.2f})")
places = {path: index for index, path in zip(table["film"], table["path"])}
order = [places[next(path for path in places if str(film).endswith(path) or path.endswith(film.name))] for film in films]
found = np.stack(own.sort_values("film")["latent"].to_numpy())[order]
print(f"largest difference of latents: {np.abs(found - latents).max() / np.abs(latents).max():.1e} of the largest value")
