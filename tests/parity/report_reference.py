"""Reference values for the measures of reports, from the packages that published them.

Writes report_reference.json: BLEU and ROUGE-L of pycocoevalcap 1.2 (its two Python classes), rougeL of rouge-score 0.1.2,
METEOR of nltk with a WordNet that knows nothing, and stems of nltk's PorterStemmer, for made-up reports of 8 to 40 words.
With the folder of Open-i's reports it also writes report_openi.json: the same measures of 500 pairs of real reports, in
numbers only (no word of a report is kept; stems and words as SHA-256).

    pip install --no-deps pycocoevalcap==1.2 rouge-score==0.1.2 nltk==3.10.4 absl-py six
    python report_reference.py [FOLDER/openi/openi_reports.csv]
"""

import csv
import hashlib
import importlib.metadata
import json
import pathlib
import re
import sys

from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import meteor_score
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.rouge.rouge import Rouge
from rouge_score import rouge_scorer, tokenize

HERE = pathlib.Path(__file__).parent
PACKAGES = ["pycocoevalcap", "rouge-score", "nltk"]
PLAIN = re.compile(r"[^\W_]+(?:-(?=[^\W_])[^\W_]+|(?<=[0-9])[.,:/](?=[0-9])[^\W_]+)*|(?<=[^\W_])'s(?![^\W_])")

PARTS = [
    "The heart is normal in size.",
    "The cardiac silhouette is mildly enlarged, with a cardiothoracic ratio of 0.56.",
    "No pleural effusion or pneumothorax.",
    "There is a small left-sided pleural effusion with adjacent atelectasis.",
    "Median sternotomy wires are intact; the patient's pacemaker ends in the right ventricle.",
    "Patchy opacities at the right base may represent pneumonia (or aspiration).",
    "Lungs are clear bilaterally.There is no focal consolidation.",
    "A right internal jugular line terminates 2.5 cm above the cavo-atrial junction.",
    "Compared with 03/12, the effusions have decreased.",
    "No acute osseous abnormality... Degenerative changes of the thoracic spine!",
    "Opacity, opacity and again opacity at the left base.",
    "Interstitial markings are prominent; findings suggest mild pulmonary oedema.",
]
WORDS = (
    "effusions effused opacities opacified radiologically radiology calcified calcification dies dying flies tied tying "
    "hopping falling filing enjoy happy controlled relational adjustment adoption skies sky is as agreed feed probate cease "
    "proceeding hilar sizes sized sizing innings news geology bases basilar bibasilar rotated rotation rational nationally "
    "conformably hopefulness formative electrical goodness replacement irritant activate angularities bowdlerize rolls "
    "controlling xylophone yellowing by oxygen syzygy biopsied eed ing ied sses"
).split()


def plain(text):
    return PLAIN.findall(text.lower())


class EmptyWordNet:
    """A WordNet that knows no word."""

    @staticmethod
    def synsets(_word):
        return []


def measures(pairs):
    """Values of each pair and of the corpus."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    references = {i: [" ".join(plain(r))] for i, (r, _) in enumerate(pairs)}
    candidates = {i: [" ".join(plain(c))] for i, (_, c) in enumerate(pairs)}
    corpus, single = Bleu(4).compute_score(references, candidates, verbose=0)
    _, coco = Rouge().compute_score(references, candidates)
    google = [scorer.score(r, c)["rougeL"].fmeasure for r, c in pairs]
    meteor = [meteor_score([plain(r)], plain(c), wordnet=EmptyWordNet) for r, c in pairs]
    return {
        "bleu": corpus,
        "bleu_each": [list(values) for values in zip(*single)],
        "rouge_l_coco": list(map(float, coco)),
        "rouge_l_google": google,
        "meteor": meteor,
    }


def made_up():
    """Reports of two to four sentences, and candidates that are others, copies, shuffles, or shorter."""
    reports = [" ".join(PARTS[(i * k + i) % len(PARTS)] for k in range(1, 3 + i % 3)) for i in range(24)]
    pairs = [(r, reports[(i + 1) % len(reports)]) for i, r in enumerate(reports)]
    pairs += [(r, r) for r in reports[:3]]
    pairs += [(r, " ".join(reversed(re.split(r"(?<=\.) ", r)))) for r in reports[3:9]]
    pairs += [(r, re.split(r"(?<=\.) ", r)[0]) for r in reports[9:15]]
    pairs += [(reports[0], "Rods"), (reports[1], "no")]
    return pairs


def open_i(path):
    """500 pairs: a report and the next one's, without its second sentence, or with its sentences turned round."""
    rows = list(csv.DictReader(open(path, newline="", encoding="utf-8")))
    reports = [f"{r['findings']} {r['impression']}".strip() for r in rows]
    reports = [report for report in reports if len(plain(report)) >= 3]
    pairs = []
    for i in range(500):
        sentences = reports[i].split(". ")
        pairs.append(
            (
                reports[i],
                [reports[i + 1], ". ".join(sentences[:1] + sentences[2:]), ". ".join(reversed(sentences))][i % 3],
            )
        )
    return reports, pairs


def digest(words):
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def main():
    stem = PorterStemmer().stem
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    pairs = made_up()
    out = {
        "versions": versions,
        "pairs": pairs,
        "words": [plain(r) for r, _ in pairs[:12]],
        "google_words": [tokenize.tokenize(r, None) for r, _ in pairs[:12]],
        "stems": [[word, stem(word)] for word in WORDS],
        **measures(pairs),
    }
    (HERE / "report_reference.json").write_text(json.dumps(out, indent=1) + "\n")
    if len(sys.argv) < 2:
        return
    reports, pairs = open_i(sys.argv[1])
    vocabulary = sorted({word for report in reports for word in plain(report)})
    found = measures(pairs)
    out = {
        "versions": versions,
        "reports": len(reports),
        "vocabulary": len(vocabulary),
        "stems_sha256": digest([stem(word) for word in vocabulary]),
        "words_sha256": digest([" ".join(plain(report)) for report in reports]),
        "google_words_sha256": digest([" ".join(tokenize.tokenize(report, None)) for report in reports]),
        "bleu": found["bleu"],
        **{
            name: [round(value, 9) for value in found[name]] for name in ["rouge_l_coco", "rouge_l_google", "meteor"]
        },
        "bleu4_each": [float(f"{values[3]:.9g}") for values in found["bleu_each"]],
    }
    (HERE / "report_openi.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
