"""Texts that tokenizers find hard, and vocabularies trained on a few sentences; vit_reference.py uses both."""

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, trainers

MERGES = 250
WORD_PIECES = 380

CORPUS = """Chest radiograph, frontal view. The heart is enlarged. There is a small left pleural effusion with adjacent atelectasis.
No pneumothorax is seen. Lines and tubes are unchanged: a right internal jugular catheter ends in the superior vena cava.
FINDINGS: The lungs are clear. IMPRESSION: No acute cardiopulmonary process. Mild pulmonary edema, improved since 12/05/2019.
A photo of a pacemaker over the left chest. Sternotomy wires are intact. It's the patient's first study; they've no symptoms.
There's opacity in the right lower lobe, which may represent pneumonia. We'll repeat in 4-6 weeks. The costophrenic angles are blunted.
Portable AP view, supine. Endotracheal tube 3.5 cm above the carina. Nasogastric tube below the diaphragm.""".split("\n")

TEXTS = [
    "a photo of a heart",
    "There is a small left pleural effusion.",
    "FINDINGS: No pneumothorax; the lungs aren't clear, they've improved!",
    "Endotracheal tube 3.5 cm above the carina (12/05/2019), 4-6 weeks.",
    "It's the patient's 2nd study -- we'll see...",
    "",
    "   \t leading and   trailing \r\n white\u00a0space \u2003 ",
    "Herzvergrößerung, Übersicht, naïve café",
    "cafe\u0301 A\u030angstro\u0308m \u212b \u1e9b\u0323",
    "胸部X線写真 心臓 が大きい",
    "심장 비대 \u1112\u1161\u11ab",
    "сердце увеличено ΣΊΣΥΦΟΣ",
    "½ x² ٣٤ Ⅷ ④ 10³",
    "🫀 lungs 🫁! 👩‍⚕️",
    "''s 'S 't it's'll I'd'm",
    "<|startoftext|>heart<|endoftext|> [CLS] [MASK] heart [SEP]",
    "a_b-c/d\\e@f#g$h%i^j&k*l(m)n+o=p{q}r[s]t|u;v:w\"x<y>z~`",
    "control\u0000\u0007\u200b\u200d\ufeff\u00adcharacters\ufffd\ue000",
    "हृदय बढ़ा हुआ है",
    "ⓐⓑ ͅ ªº ʰ ˈ ǅ",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 3,
    "opacity " * 120,
    "a" * 300,
    "İstanbul ıspanak ﬁssure ＨＥＡＲＴ",
    "“curly” ‘quotes’ – en — em … ellipsis",
    "x\u0301\u0323y \u0344 \u0958 \uf900 \u2126",
    "العمود الفقري",
    "don’t 1st 22nd 333rd 3,000.50 mg/dL 98.6°F ±2",
]


def trained_merges():
    tokenizer = tokenizers.Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=2 * len(alphabet) + MERGES + 60, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    import json

    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [" ".join(m) if isinstance(m, list) else m for m in merges][:MERGES]


def trained_pieces():
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-/%½²éω心σ한") + [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789σ"]
    trainer = trainers.WordPieceTrainer(vocab_size=WORD_PIECES, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    known = [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    known = special + letters + [piece for piece in known if piece not in special and piece not in letters]
    return known[:WORD_PIECES]
