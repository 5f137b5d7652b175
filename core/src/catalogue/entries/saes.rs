//! Sparse autoencoders with public weights.
//!
//! Names, files, explained variance and L0: docs/sae_table.md of Prisma-Multimodal/ViT-Prisma and the file lists of its
//! repositories; the README of krishnakanthnakka's Mammo-SAE; pretrained/download_weights.sh of pwesp/sail.
//!
//! Left out: PatchSAE, whose weights lie in an archive of a file-sharing service without a lasting address; MAIRA-2-SAE,
//! which reads a language model's residual, not an image encoder.

use super::super::Part::Sae;
use super::super::{Citation, Entry, RemoteFile};
use super::file;

/// A file of one of Prisma's repositories, under its own name.
macro_rules! prisma {
    ($repository:literal, $name:literal) => {
        file($name, concat!("https://huggingface.co/Prisma-Multimodal/", $repository, "/resolve/main/", $name))
    };
}

/// One of Prisma's SAEs.
const fn prisma(
    name: &'static str,
    what: &'static str,
    files: &'static [RemoteFile],
    licence: Option<&'static str>,
    notes: &'static [&'static str],
) -> Entry {
    Entry {
        name,
        what,
        gives: &[Sae],
        files,
        labels: None,
        encoder: Some("clip-vit-b-32-datacomp"),
        licence,
        citation: Citation {
            authors: "Sonia Joseph, Praneet Suresh, Lorenz Hufe, Edward Stevinson, Robert Graham, Yash Vadi, Danilo \
                      Bzdok, Sebastian Lapuschkin, Lee Sharkey, Blake Aaron Richards",
            title: "Prisma: An Open Source Toolkit for Mechanistic Interpretability in Vision and Video",
            venue: "arXiv:2504.19475",
            year: Some(2025),
        },
        notes,
    }
}

const IMAGENET: &str = "trained on the activations of ImageNet photographs, not of films";
const LAYERS: &str = "layers are counted from 0: layer 11 is the last, before the final normalisation";
const DENSE: &str = "more than a thousand features are active for each token: it is hardly sparse";
const WEIGHTS: u64 = 302_000_000;

/// Prisma's by layer, then those whose encoder is not in the list.
pub const ENTRIES: &[Entry] = &[
    prisma(
        "prisma-b-32-cls-topk-9",
        "Prisma top-k SAE (k = 64, 49,152 features) of the class token after layer 9, 85 % of variance explained",
        &[
            prisma!("sae-top_k-64-cls_only-layer_9-hook_resid_post", "config.json").about(2_330),
            prisma!("sae-top_k-64-cls_only-layer_9-hook_resid_post", "weights.pt").about(WEIGHTS),
        ],
        None,
        &[IMAGENET, LAYERS],
    ),
    prisma(
        "prisma-b-32-cls-topk-11",
        "Prisma top-k SAE (k = 64, 49,152 features) of the class token after layer 11, 84 % of variance explained",
        &[
            prisma!("sae-top_k-64-cls_only-layer_11-hook_resid_post", "config.json").about(2_330),
            prisma!("sae-top_k-64-cls_only-layer_11-hook_resid_post", "weights.pt").about(WEIGHTS),
        ],
        None,
        &[IMAGENET, LAYERS],
    ),
    prisma(
        "prisma-b-32-all-relu-8",
        "Prisma ReLU SAE (49,152 features) of all tokens after layer 8, 98.2 % of variance explained",
        &[
            prisma!("sparse-autoencoder-clip-b-32-sae-vanilla-x64-layer-8-hook_resid_post-l1-1e-05", "config.json")
                .about(2_250),
            prisma!(
                "sparse-autoencoder-clip-b-32-sae-vanilla-x64-layer-8-hook_resid_post-l1-1e-05",
                "n_images_2600058.pt"
            )
            .about(WEIGHTS),
        ],
        Some("Apache-2.0"),
        &[IMAGENET, LAYERS, DENSE],
    ),
    prisma(
        "prisma-b-32-all-relu-11",
        "Prisma ReLU SAE (49,152 features) of all tokens after layer 11, 98.4 % of variance explained; its authors' advice",
        &[
            prisma!("sparse-autoencoder-clip-b-32-sae-vanilla-x64-layer-11-hook_resid_post-l1-1e-05", "config.json")
                .about(2_260),
            prisma!("sparse-autoencoder-clip-b-32-sae-vanilla-x64-layer-11-hook_resid_post-l1-1e-05", "weights.pt")
                .about(WEIGHTS),
        ],
        Some("Apache-2.0"),
        &[IMAGENET, LAYERS, DENSE],
    ),
    Entry {
        name: "mammo-sae",
        what: "Mammo-SAE, an SAE of the last local features of Mammo-CLIP (EfficientNet-B5)",
        gives: &[Sae],
        files: &[file(
            "sparse_autoencoder_final.pt",
            "https://huggingface.co/KKNakka/MammoSAE/resolve/main/sparse_autoencoder_final.pt",
        )],
        labels: None,
        encoder: None,
        licence: None,
        citation: Citation {
            authors: "Krishna Kanth Nakka",
            title: "Mammo-SAE: Interpreting Breast Cancer Concept Learning with Sparse Autoencoders",
            venue: "Deep Breast Imaging Workshop, MICCAI, arXiv:2507.15227",
            year: Some(2025),
        },
        notes: &["it reads mammograms, and Mammo-CLIP is not in this list: of use beside an encoder of your own"],
    },
    sail(
        "sail-biomedparse",
        "SAIL's Matryoshka SAE of BiomedParse's 1536 numbers, nested dictionaries of 128, 512, 2048 and 8192 features",
        &[file("biomedparse_sae.ckpt", "https://huggingface.co/pwesp/sail/resolve/main/biomedparse_sae.ckpt")],
    ),
    sail(
        "sail-dinov3",
        "SAIL's Matryoshka SAE of DINOv3's 1024 numbers, nested dictionaries of 128, 512, 2048 and 8192 features",
        &[file("dinov3_sae.ckpt", "https://huggingface.co/pwesp/sail/resolve/main/dinov3_sae.ckpt")],
    ),
];

/// One of SAIL's SAEs.
const fn sail(name: &'static str, what: &'static str, files: &'static [RemoteFile]) -> Entry {
    Entry {
        name,
        what,
        gives: &[Sae],
        files,
        labels: None,
        encoder: None,
        licence: Some("Apache-2.0"),
        citation: Citation {
            authors: "Philipp Wesp, Robbie Holland, Vasiliki Sideri-Lampretsa, Sergios Gatidis",
            title: "Sparse Autoencoders for Interpretable Medical Image Representation Learning",
            venue: "arXiv:2603.23794",
            year: Some(2026),
        },
        notes: &[
            "trained on slices of CT and MRI; its encoder is not in this list: of use beside an encoder of your own",
            "the licence is that of the code, repository pwesp/sail",
        ],
    }
}
