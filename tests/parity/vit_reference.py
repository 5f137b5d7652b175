"""Reference values for vision transformers and CLIP's text towers: small seeded models in their authors' own files, outputs.

Writes the folder vit/: for each family a folder with the weights and the configuration as its library saves them
(transformers, open_clip, timm, and DINOv2's original names, which timm's own converter reads here as a check), the
tokenizers' files, expected.safetensors with films and every output, and tokens.json with texts and their tokens. Films are
grey levels from -1024 (black) to 1024 (white), repeated in three channels after the family's mean and deviation.

    python vit_reference.py
"""

import gzip
import json
import pathlib
import shutil
import tempfile

import open_clip
import timm
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTConfig,
    ViTModel,
)

from vit_texts import MERGES, TEXTS, WORD_PIECES, trained_merges, trained_pieces

HERE = pathlib.Path(__file__).parent / "vit"
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
RAD_DINO = ([0.5307, 0.5307, 0.5307], [0.2583, 0.2583, 0.2583])
HALF = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=28, patch_size=7)


def shaken(model, seed):
    """Every parameter drawn anew, so that no bias is zero and no scale is one."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if p.ndim == 1 and ("norm" in name.lower() or ".ln_" in name or "ls" in name or "lambda" in name) and "bias" not in name:
            p.data = 1.0 + 0.3 * noise
        elif p.ndim >= 2 and "embed" not in name and "token" not in name:
            p.data = noise / p[0].numel() ** 0.5
        else:
            p.data = 0.4 * noise
    return model.eval()


def film(seed, size=28):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 1, size, size, generator=generator) * 2048 - 1024


def pixels(film, intake):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in intake)
    return ((film / 2048 + 0.5) - mean) / std


def preprocessor(folder, intake):
    text = json.dumps(dict(image_mean=intake[0], image_std=intake[1], size=dict(shortest_edge=28)), indent=2)
    (folder / "preprocessor_config.json").write_text(text + "\n")


def folder(name):
    path = HERE / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def original_names(state, layers):
    """DINOv2's own names from transformers': the reverse of transformers' convert_dinov2_to_hf.py."""
    own = {
        "cls_token": state["embeddings.cls_token"],
        "mask_token": state["embeddings.mask_token"],
        "pos_embed": state["embeddings.position_embeddings"],
        "patch_embed.proj.weight": state["embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": state["embeddings.patch_embeddings.projection.bias"],
        "norm.weight": state["layernorm.weight"],
        "norm.bias": state["layernorm.bias"],
    }
    if "embeddings.register_tokens" in state:
        own["register_tokens"] = state["embeddings.register_tokens"]
    for i in range(layers):
        a, b = f"encoder.layer.{i}.", f"blocks.{i}."
        for kind in ("weight", "bias"):
            qkv = [state[f"{a}attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
            own[f"{b}attn.qkv.{kind}"] = torch.cat(qkv)
            own[f"{b}attn.proj.{kind}"] = state[f"{a}attention.output.dense.{kind}"]
            for part in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                own[f"{b}{part}.{kind}"] = state[f"{a}{part}.{kind}"]
        for k in (1, 2):
            own[f"{b}ls{k}.gamma"] = state[f"{a}layer_scale{k}.lambda1"]
    return {name: tensor.contiguous() for name, tensor in own.items()}


def dinov2(expected):
    model = shaken(Dinov2Model(Dinov2Config(**SIZES, mlp_ratio=2)), 1)
    path = folder("dinov2_hf")
    model.save_pretrained(path)
    preprocessor(path, RAD_DINO)
    x = film(11)
    out = model(pixels(x, RAD_DINO), output_hidden_states=True)
    expected |= {"dinov2_hf.film": x, "dinov2_hf.tokens": out.last_hidden_state, "dinov2_hf.after0": out.hidden_states[1]}
    assert torch.equal(out.pooler_output, out.last_hidden_state[:, 0])

    own = original_names(load_file(path / "model.safetensors"), 2)
    check_with_timm(own, x, RAD_DINO, out.last_hidden_state, reg_tokens=0)
    save_file(own, folder("dinov2") / "backbone_compatible.safetensors")


def dinov2_with_registers(expected):
    model = shaken(Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**SIZES, mlp_ratio=2, num_register_tokens=4)), 2)
    path = folder("dinov2_registers_hf")
    model.save_pretrained(path)
    x = film(12)
    out = model(pixels(x, IMAGENET), output_hidden_states=True)
    without = lambda t: torch.cat([t[:, :1], t[:, 5:]], 1)
    expected |= {
        "dinov2_registers_hf.film": x,
        "dinov2_registers_hf.tokens": without(out.last_hidden_state),
        "dinov2_registers_hf.after0": without(out.hidden_states[1]),
    }
    own = original_names(load_file(path / "model.safetensors"), 2)
    trunk = check_with_timm(own, x, IMAGENET, out.last_hidden_state, reg_tokens=4)
    # timm's own file: the class token's position is added to the token, patches alone have positions.
    save_file({k: v.contiguous() for k, v in trunk.state_dict().items()}, folder("timm_registers") / "model.safetensors")


def check_with_timm(own, x, intake, tokens, reg_tokens):
    kind = dict(reg_tokens=4, no_embed_class=True) if reg_tokens else {}
    trunk = VisionTransformer(img_size=28, patch_size=7, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2, init_values=1e-5,
                              num_classes=0, **kind).eval()
    trunk.load_state_dict(checkpoint_filter_fn(dict(own), trunk))
    difference = (trunk.forward_features(pixels(x, intake)) - tokens).abs().max()
    assert difference < 1e-5, difference
    return trunk


def vit_hf(expected):
    model = shaken(ViTModel(ViTConfig(**SIZES, intermediate_size=48)), 3)
    path = folder("vit_hf")
    model.save_pretrained(path)
    preprocessor(path, HALF)
    x = film(13)
    out = model(pixels(x, HALF), output_hidden_states=True)
    expected |= {"vit_hf.film": x, "vit_hf.tokens": out.last_hidden_state, "vit_hf.after0": out.hidden_states[1]}


def timm_vit(expected):
    trunk = VisionTransformer(img_size=28, patch_size=7, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2, num_classes=5)
    trunk = shaken(trunk, 4)
    path = folder("timm")
    save_file(trunk.state_dict(), path / "model.safetensors")
    config = dict(architecture="vit_tiny_patch7_28", num_classes=5, num_features=24, global_pool="token",
                  model_args=dict(num_heads=3), pretrained_cfg=dict(mean=HALF[0], std=HALF[1], input_size=[3, 28, 28]))
    (path / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    x = film(14)
    y = pixels(x, HALF)
    expected |= {"timm.film": x, "timm.tokens": trunk.forward_features(y)}
    between = trunk.forward_intermediates(y, indices=[0], output_fmt="NLC", return_prefix_tokens=True, intermediates_only=True)
    patches, prefix = between[0]
    expected["timm.after0"] = torch.cat([prefix, patches], 1)


def clip_hf(expected, ids, vocabulary):
    vision = dict(SIZES, intermediate_size=48)
    text = dict(vocab_size=vocabulary, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48,
                bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1)
    model = shaken(CLIPModel(CLIPConfig(vision_config=vision, text_config=text, projection_dim=20)), 5)
    path = folder("clip_hf")
    model.save_pretrained(path)
    x = film(15)
    y = pixels(x, CLIP)
    out = model.vision_model(pixel_values=y, output_hidden_states=True)
    # transformers leaves the patches as the last block made them.
    tokens = torch.cat([out.pooler_output[:, None], out.last_hidden_state[:, 1:]], 1)
    embedding = model.visual_projection(out.pooler_output)
    words = model.text_projection(model.text_model(input_ids=ids).pooler_output)
    expected |= {
        "clip_hf.film": x, "clip_hf.tokens": tokens, "clip_hf.after0": out.hidden_states[1], "clip_hf.embedding": embedding,
        "clip_hf.words": words / words.norm(dim=1, keepdim=True),
    }
    alone = CLIPVisionModel(model.config.vision_config)
    alone.load_state_dict(model.vision_model.state_dict())
    alone.save_pretrained(folder("clip_vision_hf"))


def clip_openai(expected, ids, vocabulary):
    """open_clip's own towers, which have OpenAI's names and its function between the wide layers."""
    model_cfg = dict(
        embed_dim=20, quick_gelu=True,
        vision_cfg=dict(image_size=28, layers=2, width=24, head_width=8, patch_size=7, mlp_ratio=2.0),
        text_cfg=dict(context_length=77, vocab_size=vocabulary, width=24, heads=3, layers=2, mlp_ratio=2.0),
    )
    model = shaken(open_clip.CLIP(**model_cfg), 6)
    open_clip_files("clip_openai", model, model_cfg, CLIP)
    model.visual.output_tokens = True
    x = film(16)
    y = pixels(x, CLIP)
    embedding, _ = model.visual(y)
    between = model.visual.forward_intermediates(y, indices=[0, 1], output_fmt="NLC", output_extra_tokens=True,
                                                 normalize_intermediates=False)
    whole = lambda i: torch.cat([between["image_intermediates_prefix"][i], between["image_intermediates"][i]], 1)
    expected |= {
        "clip_openai.film": x, "clip_openai.tokens": model.visual.ln_post(whole(1)), "clip_openai.after0": whole(0),
        "clip_openai.embedding": embedding, "clip_openai.words": model.encode_text(ids, normalize=True),
    }


@register_model
def vit_fluoro_patch7_28(pretrained=False, **kwargs):
    known = dict(img_size=28, patch_size=7, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2)
    trunk = VisionTransformer(**known | {k: v for k, v in kwargs.items() if k in ("num_classes", "global_pool")})
    trunk.default_cfg = dict(pool_size=None)
    return trunk


def biomedclip(expected, ids, vocabulary):
    """open_clip with timm's vision tower and BERT, as BiomedCLIP is built."""
    with tempfile.TemporaryDirectory() as bert:
        config = BertConfig(vocab_size=vocabulary, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                            intermediate_size=48, max_position_embeddings=64, pad_token_id=0)
        config.save_pretrained(bert)
        shutil.copy(pathlib.Path(bert) / "config.json", folder("biomedclip") / "bert_config.json")
        model_cfg = dict(
            embed_dim=20,
            vision_cfg=dict(timm_model_name="vit_fluoro_patch7_28", timm_model_pretrained=False, timm_pool="",
                            timm_proj="linear", image_size=28),
            text_cfg=dict(hf_model_name=bert, hf_model_pretrained=False, hf_proj_type="mlp",
                          hf_pooler_type="cls_last_hidden_state_pooler", context_length=64),
        )
        model = shaken(open_clip.CustomTextCLIP(**model_cfg), 7)
        mean_cfg = dict(model_cfg, text_cfg=dict(model_cfg["text_cfg"], hf_pooler_type="mean_pooler"))
        with_mean = open_clip.CustomTextCLIP(**mean_cfg).eval()
    with_mean.load_state_dict(model.state_dict())
    model_cfg["text_cfg"]["hf_model_name"] = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
    open_clip_files("biomedclip", model, model_cfg, CLIP)
    x = film(17)
    y = pixels(x, CLIP)
    expected |= {
        "biomedclip.film": x, "biomedclip.tokens": model.visual.trunk.forward_features(y),
        "biomedclip.embedding": model.encode_image(y), "biomedclip.words": model.encode_text(ids, normalize=True),
        "biomedclip.mean_words": with_mean.encode_text(ids, normalize=True),
    }


def open_clip_files(name, model, model_cfg, intake):
    path = folder(name)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path / "open_clip_model.safetensors")
    config = dict(model_cfg=model_cfg, preprocess_cfg=dict(mean=intake[0], std=intake[1]))
    (path / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")


def tokens():
    """Tokenizers in every form of file that is read, and what they make of the texts."""
    path = folder("tokens")
    # OpenAI's layout: a line of origin, then the merges; the last two tokens are the marks of start and end.
    merges = trained_merges()
    assert len(merges) == MERGES
    with gzip.GzipFile(path / "bpe_vocab.txt.gz", "wb", mtime=0) as file:
        file.write(("#version: fluoro\n" + "\n".join(merges)).encode())
    simple = open_clip.tokenizer.SimpleTokenizer(str(path / "bpe_vocab.txt.gz"))
    names = dict(simple.encoder)
    first, last = names.pop("<start_of_text>"), names.pop("<end_of_text>")
    names |= {"<|startoftext|>": first, "<|endoftext|>": last}
    clip = CLIPTokenizer(vocab=names, merges=[tuple(m.split()) for m in merges])
    clip.backend_tokenizer.save(str(path / "clip_tokenizer.json"), pretty=False)
    (path / "vocab.json").write_text(json.dumps(names, ensure_ascii=False))
    (path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")

    pieces = trained_pieces()
    assert len(pieces) == WORD_PIECES, len(pieces)
    (path / "vocab.txt").write_text("\n".join(pieces) + "\n")
    bert = BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)})
    bert.backend_tokenizer.save(str(path / "bert_tokenizer.json"), pretty=False)

    padded = dict(padding="max_length", truncation=True)
    table = dict(
        versions=dict(tokenizers=tokenizers.__version__, transformers=transformers.__version__, open_clip=open_clip.__version__),
        texts=TEXTS,
        clip=[clip(text, max_length=77, **padded)["input_ids"] for text in TEXTS],
        # ftfy, which open_clip calls first and transformers does not, changes some texts: they are null here.
        open_clip=[simple([text])[0].tolist() if same_without_ftfy(text) else None for text in TEXTS],
        bert=[bert(text, max_length=64, **padded)["input_ids"] for text in TEXTS],
    )
    (path / "tokens.json").write_text(json.dumps(table, ensure_ascii=True) + "\n")
    return table, len(names), len(pieces)


def same_without_ftfy(text):
    import ftfy, html, unicodedata

    return html.unescape(html.unescape(ftfy.fix_text(text))) == unicodedata.normalize("NFC", text)


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    torch.set_num_threads(1)
    table, clip_vocabulary, bert_vocabulary = tokens()
    some = [i for i, text in enumerate(TEXTS) if text][:6]
    clip_ids = torch.tensor([table["clip"][i] for i in some])
    bert_ids = torch.tensor([table["bert"][i] for i in some])
    expected = {"clip.ids": clip_ids.float(), "bert.ids": bert_ids.float()}
    with torch.no_grad():
        dinov2(expected)
        dinov2_with_registers(expected)
        vit_hf(expected)
        timm_vit(expected)
        clip_hf(expected, clip_ids, clip_vocabulary)
        clip_openai(expected, clip_ids, clip_vocabulary)
        biomedclip(expected, bert_ids, bert_vocabulary)
    versions = dict(torch=torch.__version__, transformers=transformers.__version__, timm=timm.__version__,
                    open_clip=open_clip.__version__)
    save_file({k: v.contiguous() for k, v in expected.items()}, HERE / "expected.safetensors", metadata=versions)
    total = 0
    for file in sorted(HERE.rglob("*.*")):
        total += file.stat().st_size
        print(f"{file.stat().st_size:8} {file.relative_to(HERE)}")
    print(total, versions)


main()
