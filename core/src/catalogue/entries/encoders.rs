//! Encoders without a classifier: RAD-DINO, CLIP, BiomedCLIP.
//!
//! Files, revisions and licences: the authors' pages on the host of each address, read in the revision that the address
//! holds. OpenAI's pages of CLIP B/32 and B/16 hold `pytorch_model.bin` and no safetensors file.

use super::super::Part::{Encoder, Text};
use super::super::{Citation, Entry, RemoteFile};
use super::file;

/// A file of a repository at one revision, under its own name.
macro_rules! at {
    ($repository:literal, $revision:literal, $name:literal) => {
        file($name, concat!("https://huggingface.co/", $repository, "/resolve/", $revision, "/", $name))
    };
}

/// A file of OpenAI's CLIP B/32.
macro_rules! b32 {
    ($name:literal) => {
        at!("openai/clip-vit-base-patch32", "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268", $name)
    };
}

/// A file of OpenAI's CLIP B/16.
macro_rules! b16 {
    ($name:literal) => {
        at!("openai/clip-vit-base-patch16", "57c216476eefef5ab752ec549e440a49ae4ae5f3", $name)
    };
}

/// A file of OpenAI's CLIP L/14.
macro_rules! l14 {
    ($name:literal) => {
        at!("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41", $name)
    };
}

/// A file of the DataComp B/32.
macro_rules! datacomp {
    ($name:literal) => {
        at!("laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", "main", $name)
    };
}

/// A file of BiomedCLIP.
macro_rules! biomed {
    ($name:literal) => {
        at!(
            "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
            "9f341de24bfb00180f1b847274256e9b65a3a32e",
            $name
        )
    };
}

/// A file of RAD-DINO.
macro_rules! rad_dino {
    ($name:literal) => {
        at!("microsoft/rad-dino", "110cbc18d5133582e320b43d53bf5c44e410c936", $name)
    };
}

/// `preprocessor_config.json` is the same in OpenAI's three repositories.
const fn clip_preprocessing(file: RemoteFile) -> RemoteFile {
    file.bytes(316).sha256("910e70b3956ac9879ebc90b22fb3bc8a75b6a0677814500101a4c072bd7857bd")
}

/// `vocab.json` is the same in B/16 and L/14; B/32 has the same words in fewer bytes.
const fn clip_vocabulary(file: RemoteFile) -> RemoteFile {
    file.bytes(961_143).sha256("3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69")
}

/// `merges.txt` is the same in B/16 and L/14.
const fn clip_merges(file: RemoteFile) -> RemoteFile {
    file.bytes(524_619).sha256("9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a")
}

/// One of OpenAI's CLIP models.
const fn clip(name: &'static str, what: &'static str, files: &'static [RemoteFile]) -> Entry {
    Entry {
        name,
        what,
        gives: &[Encoder, Text],
        files,
        labels: None,
        encoder: None,
        licence: Some("MIT"),
        citation: Citation {
            authors: "Alec Radford, Jong Wook Kim, Chris Hallacy, Aditya Ramesh, Gabriel Goh, Sandhini Agarwal, Girish \
                      Sastry, Amanda Askell, Pamela Mishkin, Jack Clark, Gretchen Krueger, Ilya Sutskever",
            title: "Learning Transferable Visual Models From Natural Language Supervision",
            venue: "International Conference on Machine Learning, arXiv:2103.00020",
            year: Some(2021),
        },
        notes: &[
            "trained on pictures of the web, not on films",
            "the licence is that of the code, repository openai/CLIP; the page of the weights states none",
            "the authors call any deployed use out of scope",
        ],
    }
}

/// Films first, then pictures.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "rad-dino",
        what: "RAD-DINO, a ViT-B/14 at 518 px trained on chest X-rays alone, without labels or reports (DINOv2)",
        gives: &[Encoder],
        files: &[
            rad_dino!("config.json")
                .bytes(879)
                .sha256("89daf9751d9576d586dedf9543c1083211611fa3a36908db7a799b3ce7c68ede"),
            rad_dino!("preprocessor_config.json")
                .bytes(756)
                .sha256("c537fc995c30e2353f07253899618d60e9eae3d5f82473778602c007c6523b56"),
            rad_dino!("model.safetensors")
                .bytes(346_345_912)
                .sha256("dbfb9f54459c38773505de64a6ab7807bdcb392610fe1e697166342e43fb91ae"),
        ],
        labels: None,
        encoder: None,
        licence: Some("MIT"),
        citation: Citation {
            authors: "Fernando Pérez-García, Harshita Sharma, Sam Bond-Taylor and others",
            title: "Exploring scalable medical image encoders beyond text supervision",
            venue: "Nature Machine Intelligence, arXiv:2401.10815",
            year: Some(2025),
        },
        notes: &[
            "it has seen films of NIH ChestX-ray14: results on NIH films are not results on unseen patients; \
             training_images.csv in its repository lists what it has seen",
            "its preprocessing crops the middle square: the margins of a film that is not square are not seen",
            "shared for research, not for clinical practice; the licence was MSRLA for a time",
        ],
    },
    Entry {
        name: "biomedclip",
        what: "BiomedCLIP, a ViT-B/16 at 224 px with PubMedBERT, trained on 15 million figures of articles and their \
               captions",
        gives: &[Encoder, Text],
        files: &[
            biomed!("open_clip_config.json")
                .bytes(707)
                .sha256("9a41f334a8c444678772c0ebb9ab854c97ab350bced3a17b803e258d39c23dc0"),
            biomed!("open_clip_pytorch_model.bin")
                .bytes(783_705_670)
                .sha256("52cc993c5c5ff962bd0c60931874bc001e7e9b41666a385530f4a036294576be"),
            biomed!("vocab.txt").about(225_000),
        ],
        labels: None,
        encoder: None,
        licence: Some("MIT"),
        citation: Citation {
            authors: "Sheng Zhang, Yanbo Xu, Naoto Usuyama, Jaspreet Bagga, Robert Tinn, Sam Preston, Rajesh Rao, Mu Wei, \
                      Naveen Valluri, Cliff Wong, Matthew P. Lungren, Tristan Naumann, Hoifung Poon",
            title: "Large-Scale Domain-Specific Pretraining for Biomedical Vision-Language Processing",
            venue: "arXiv:2303.00915",
            year: Some(2023),
        },
        notes: &[
            "trained on figures of articles: films there are small, annotated and chosen for what they show",
            "English only; the authors call any deployed use out of scope",
        ],
    },
    clip(
        "clip-vit-b-32",
        "OpenAI's CLIP, ViT-B/32 at 224 px with its text encoder",
        &[
            b32!("config.json").bytes(4_186).sha256("b575ef3c36f2a057fa19e221650105052d61cc9c1a972ec15019c6261ec98770"),
            clip_preprocessing(b32!("preprocessor_config.json")),
            b32!("pytorch_model.bin")
                .bytes(605_247_071)
                .sha256("a63082132ba4f97a80bea76823f544493bffa8082296d62d71581a4feff1576f"),
            b32!("vocab.json")
                .bytes(862_328)
                .sha256("5047b556ce86ccaf6aa22b3ffccfc52d391ea4accdab9c2f2407da5b742d4363"),
            b32!("merges.txt")
                .bytes(524_657)
                .sha256("f526393189112391ce6f9795d4695f704121ce452c3aad1f5335cc41337eba85"),
        ],
    ),
    clip(
        "clip-vit-b-16",
        "OpenAI's CLIP, ViT-B/16 at 224 px with its text encoder",
        &[
            b16!("config.json").about(4_100).sha256("eaf1c9089a8553c913d27ea66407f8bfc2be9989c80c9f331ddb3d63d4c5e8ad"),
            clip_preprocessing(b16!("preprocessor_config.json")),
            b16!("pytorch_model.bin")
                .bytes(598_641_023)
                .sha256("ec89c7b09c749a60aae3c9cd910516f24b58214a7df060b48962d14c469cfbf0"),
            clip_vocabulary(b16!("vocab.json")),
            clip_merges(b16!("merges.txt")),
        ],
    ),
    clip(
        "clip-vit-l-14",
        "OpenAI's CLIP, ViT-L/14 at 224 px with its text encoder",
        &[
            l14!("config.json").bytes(4_519).sha256("8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a"),
            clip_preprocessing(l14!("preprocessor_config.json")),
            l14!("model.safetensors")
                .bytes(1_710_540_580)
                .sha256("a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb"),
            clip_vocabulary(l14!("vocab.json")),
            clip_merges(l14!("merges.txt")),
        ],
    ),
    Entry {
        name: "clip-vit-b-32-datacomp",
        what: "The CLIP ViT-B/32 of DataComp at 224 px with its text encoder, the model that Prisma's SAEs read",
        gives: &[Encoder, Text],
        files: &[
            datacomp!("open_clip_config.json").about(470),
            datacomp!("open_clip_pytorch_model.bin").about(605_000_000),
            datacomp!("vocab.json").about(862_000),
            datacomp!("merges.txt").about(525_000),
        ],
        labels: None,
        encoder: None,
        licence: Some("MIT"),
        citation: Citation {
            authors: "Samir Yitzhak Gadre, Gabriel Ilharco, Alex Fang and others",
            title: "DataComp: In search of the next generation of multimodal datasets",
            venue: "arXiv:2304.14108",
            year: Some(2023),
        },
        notes: &[
            "trained on pictures of the web, not on films",
            "the same layers as OpenAI's ViT-B/32 but for plain GELU, and other weights: an SAE of one does not fit the \
             other",
        ],
    },
];
