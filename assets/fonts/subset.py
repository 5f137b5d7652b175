"""Cuts the fonts of the viewer out of the published ones. See README.md for the command.

subset.py INTER_UI_FOLDER PHOSPHOR_FOLDER OUT_FOLDER
"""

import json
import sys
from pathlib import Path

from fontTools import subset
from fontTools.misc.transform import Offset
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

TEXT = [
    *range(0x20, 0x7F),  # Latin
    *range(0xA0, 0x180),  # Latin-1 and Latin Extended-A: names
    *range(0x2C6, 0x2DE),  # spacing accents
    *range(0x384, 0x3CF),  # Greek
    *range(0x2000, 0x2070),  # punctuation and spaces
    *range(0x2070, 0x209D),  # superscripts and subscripts
    *range(0x2150, 0x215F),  # fractions
    *range(0x2190, 0x21FF),  # arrows
    *range(0x2200, 0x2300),  # mathematics
    *range(0x2300, 0x2400),  # keys (command, option, shift, return)
    *range(0x25A0, 0x2600),  # geometric shapes
    *(0x20AC, 0x2116, 0x2122, 0x2605, 0x2606, 0x2713, 0x2717, 0x26A0),
]

# Glyphs that stand in columns of numbers: they get the width of a digit. The signs too, so that +2 and −2 align;
# the decimal point keeps its narrow form.
TABULAR = "0123456789+−±"

# Name in Phosphor and, where a character of Unicode means the same, that character as a second code for the icon.
ICONS = {
    "play": "▶",
    "pause": "⏸",
    "stop": "⏹",
    "skip-back": "⏮",
    "skip-forward": "⏭",
    "repeat": "",
    "arrow-counter-clockwise": "↺",
    "arrow-clockwise": "↻",
    "arrow-u-up-left": "",
    "arrow-u-up-right": "",
    "magnifying-glass": "⌕🔍",
    "magnifying-glass-plus": "",
    "magnifying-glass-minus": "",
    "arrows-out": "⤢",
    "hand": "",
    "x": "✕",
    "check": "",
    "plus": "",
    "minus": "",
    "caret-down": "▾",
    "caret-right": "▸",
    "caret-up": "▴",
    "caret-left": "◂",
    "circle-half": "◐",
    "push-pin": "📌",
    "eye": "👁",
    "eye-slash": "",
    "download-simple": "",
    "folder-open": "",
    "film-strip": "",
    "image": "",
    "images": "",
    "heart": "",
    "heartbeat": "",
    "bounding-box": "",
    "polygon": "",
    "squares-four": "",
    "square": "",
    "columns": "",
    "chart-line": "",
    "chart-bar": "",
    "file-text": "",
    "warning": "⚠",
    "warning-circle": "",
    "info": "ℹ",
    "question": "",
    "gear": "⚙",
    "cpu": "",
    "graphics-card": "",
    "gauge": "",
    "sliders-horizontal": "",
    "list": "☰",
    "dots-three": "",
    "funnel": "",
    "sort-ascending": "",
    "lock": "🔒",
    "lock-open": "",
    "copy": "",
    "keyboard": "",
    "command": "",
    "sun": "",
    "moon": "",
    "tag": "",
    "link": "",
    "link-break": "",
    "circle-notch": "",
}


def cut(font, unicodes, features):
    options = subset.Options(hinting=False, layout_features=features, notdef_outline=True, name_IDs=["*"])
    options.drop_tables += ["DSIG", "STAT", "meta"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=unicodes)
    cutter.subset(font)


def text_font(source, out):
    font = TTFont(source, recalcTimestamp=False)
    tabular = {}
    for record in font["GSUB"].table.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for table in font["GSUB"].table.LookupList.Lookup[index].SubTable:
                    tabular.update(getattr(table, "ExtSubTable", table).mapping)
    figures = {ord(char): tabular[font.getBestCmap()[ord(char)]] for char in TABULAR}
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap.update(figures)
    # Without calt: it would turn the x of 512x512 into a multiplication sign and -> into an arrow.
    cut(font, TEXT, ["kern", "ccmp", "locl", "mark", "mkmk"])
    cmap, widths = font.getBestCmap(), font["hmtx"]
    assert len({widths[cmap[ord(char)]][0] for char in TABULAR}) == 1, "digits are not of one width"
    font.flavor = None
    font.save(out)
    return font


def icon_font(source, selection, like, out):
    codes = {
        name: icon["properties"]["code"]
        for icon in json.loads(selection.read_text())["icons"]
        for name in icon["properties"]["name"].split(", ")
    }
    font = TTFont(source, recalcTimestamp=False)
    for table in font["cmap"].tables:
        if table.format == 4:
            table.cmap = {code: glyph for code, glyph in table.cmap.items() if code > 0xFF}
    glyph_of = font.getBestCmap()
    wanted = {codes[name]: glyph_of[codes[name]] for name in ICONS}
    cut(font, wanted, [])

    # Second codes need a format 12 table: some lie beyond the first plane.
    mapping = dict(wanted)
    for name, chars in ICONS.items():
        mapping.update({ord(char): glyph_of[codes[name]] for char in chars})
    tables = []
    for layout, platform, encoding in ((4, 3, 1), (12, 3, 10)):
        table = CmapSubtable.newSubtable(layout)
        table.platformID, table.platEncID, table.language = platform, encoding, 0
        table.cmap = {code: glyph for code, glyph in mapping.items() if layout == 12 or code < 0x10000}
        tables.append(table)
    font["cmap"].tables = tables

    # Icons sit on the text's line with their middle at the middle of its capitals, and lines keep their height.
    em, scale = font["head"].unitsPerEm, font["head"].unitsPerEm / like["head"].unitsPerEm
    glyphs = font["glyf"]
    middle = em / 2 + font["hhea"].descent  # Phosphor draws in a square that spans ascent to descent.
    shift = Offset(0, round(like["OS/2"].sCapHeight * scale / 2 - middle))
    for name in font.getGlyphOrder():
        if glyphs[name].numberOfContours > 0:
            pen = TTGlyphPen(None)
            glyphs[name].draw(TransformPen(pen, shift), glyphs)
            glyphs[name] = pen.glyph()
    for field in ("ascent", "descent", "lineGap"):
        setattr(font["hhea"], field, round(getattr(like["hhea"], field) * scale))
    os2 = font["OS/2"]
    os2.sTypoAscender, os2.sTypoDescender, os2.sTypoLineGap = (
        font["hhea"].ascent,
        font["hhea"].descent,
        font["hhea"].lineGap,
    )
    os2.usWinAscent, os2.usWinDescent = font["hhea"].ascent, -font["hhea"].descent
    font.save(out)
    return {name: codes[name] for name in ICONS}


def main():
    inter, phosphor, out = (Path(argument) for argument in sys.argv[1:4])
    for weight in ("Regular", "SemiBold"):
        font = text_font(inter / f"web/Inter-{weight}.woff2", out / f"Inter-{weight}.ttf")
    regular = phosphor / "src/regular"
    codes = icon_font(regular / "Phosphor.ttf", regular / "selection.json", font, out / "Icons.ttf")
    for name, code in codes.items():
        others = " ".join(f"{char} U+{ord(char):04X}" for char in ICONS[name])
        print(f"| {name} | `\\u{{{code:x}}}` | {others} |")


if __name__ == "__main__":
    main()
