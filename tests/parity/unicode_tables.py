"""Character tables of core/src/tokenizer/unicode.txt, taken from the libraries whose tokens ours must equal.

What BERT's normaliser and pre-tokenizer of Hugging Face's tokenizers drop, strip and split is found by trying every
character; which alphabetic characters are no letters is the regex module's answer; decompositions and combining classes are
Python's. Hangul is left to arithmetic.

    python unicode_tables.py
"""

import pathlib
import textwrap
import unicodedata

import regex
import tokenizers
from tokenizers import normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
OUT = pathlib.Path(__file__).parents[2] / "core/src/tokenizer/unicode.txt"


def bert(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**off | on)


def gone(normalizer):
    return [c for c in POINTS if normalizer.normalize_str(f"a{chr(c)}b") == "ab"]


def split():
    words = pre_tokenizers.BertPreTokenizer()
    return [c for c in POINTS if len(words.pre_tokenize_str(f"a{chr(c)}b")) == 3]


def no_letters():
    pattern = regex.compile(r"[\p{Alphabetic}--\p{L}]", regex.V1)
    return [c for c in POINTS if pattern.match(chr(c))]


def ranges(points):
    spans = []
    for c in points:
        if spans and spans[-1][1] == c - 1:
            spans[-1][1] = c
        else:
            spans.append([c, c])
    return [f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in spans]


def classes():
    spans = []
    for c in POINTS:
        kind = unicodedata.combining(chr(c))
        if kind and spans and spans[-1][1] == c - 1 and spans[-1][2] == kind:
            spans[-1][1] = c
        elif kind:
            spans.append([c, c, kind])
    return [f"{a:x}={kind}" if a == b else f"{a:x}-{b:x}={kind}" for a, b, kind in spans]


def decompositions():
    found = []
    for c in POINTS:
        parts = unicodedata.decomposition(chr(c))
        if parts and not parts.startswith("<"):
            again = unicodedata.normalize("NFC", unicodedata.normalize("NFD", chr(c))) == chr(c)
            found.append(f"{c:x}{':' if again else '!'}{'+'.join(f'{int(p, 16):x}' for p in parts.split())}")
    return found


def main():
    sections = dict(
        control=ranges(gone(bert(clean_text=True))),
        mark=ranges(gone(bert(strip_accents=True))),
        punctuation=ranges(split()),
        alphabetic_no_letter=ranges(no_letters()),
        combining=classes(),
        decomposition=decompositions(),
    )
    lines = [
        "# Characters by kind, written by tests/parity/unicode_tables.py",
        f"# with tokenizers {tokenizers.__version__}, regex {regex.__version__}, Unicode {unicodedata.unidata_version} of Python.",
        "# Hexadecimal ranges; combining: RANGE=CLASS; decomposition: WHOLE:PARTS, WHOLE!PARTS where parts are never composed.",
    ]
    for name, items in sections.items():
        lines += [f"[{name}]", *textwrap.wrap(" ".join(items), 125)]
    OUT.write_text("\n".join(lines) + "\n")
    print(OUT.stat().st_size, {name: len(items) for name, items in sections.items()})


main()
