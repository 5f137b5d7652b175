"""Makes a picture of the window small for README.md: 64 greys for the films, the other colours of a palette of 256 for the rest.

    python small.py IN.png OUT.png        (Pillow 12)
"""

import sys

import numpy
from PIL import Image, PngImagePlugin

GREYS = 64
COMMON = 64

opened = Image.open(sys.argv[1])
# What the window writes into its pictures: that a model made them, and that they are not for diagnosis.
told = PngImagePlugin.PngInfo()
for name, words in opened.text.items():
    told.add_itxt(name, words)
picture = opened.convert("RGB")
pixels = numpy.asarray(picture).reshape(-1, 3)
colours, counts = numpy.unique(pixels, axis=0, return_counts=True)
spread = colours.max(1).astype(int) - colours.min(1)
# Grounds and words of the panels stay exactly as they are.
common = colours[spread > 4][numpy.argsort(-counts[spread > 4], kind="stable")[:COMMON]]
# Of the others every colour counts once: a thin line is as much worth as a large area.
others = numpy.unique(colours[spread > 8] // 4 * 4, axis=0)
room = 256 - GREYS - len(common)
rest = Image.fromarray(others[None, :, :], "RGB").quantize(room, method=Image.Quantize.MEDIANCUT).getpalette()[: 3 * room]
greys = [round(level * 255 / (GREYS - 1)) for level in range(GREYS) for _ in range(3)]
palette = Image.new("P", (1, 1))
palette.putpalette(greys + common.flatten().tolist() + rest)
picture.quantize(palette=palette, dither=Image.Dither.NONE).save(sys.argv[2], optimize=True, pnginfo=told)
