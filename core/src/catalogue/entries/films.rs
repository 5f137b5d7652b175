//! Classifiers and autoencoders of chest X-rays: torchxrayvision, jfhealthcare, Zech, arnoweng.
//!
//! Addresses, data sets and label names: torchxrayvision 1.5.7, `models.py`, `autoencoders.py` and
//! `baseline_models/jfhealthcare/__init__.py`; the READMEs of jrzech/reproduce-chexnet and arnoweng/CheXNet.

use super::super::Part::{Classifier, Decoder, Encoder};
use super::super::{Citation, Entry, RemoteFile};
use super::file;

/// The weights file of a torchxrayvision DenseNet, from the part of its name that tells the training data.
macro_rules! densenet {
    ($data:literal) => {
        file(
            concat!($data, "-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"),
            concat!(
                "https://github.com/mlmed/torchxrayvision/releases/download/v1/",
                $data,
                "-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
            ),
        )
    };
}

/// A torchxrayvision DenseNet: all seven have the same 6,966,034 numbers.
const fn densenet(
    name: &'static str,
    what: &'static str,
    files: &'static [RemoteFile],
    labels: &'static str,
    notes: &'static [&'static str],
) -> Entry {
    Entry {
        name,
        what,
        gives: &[Encoder, Classifier],
        files,
        labels: Some(labels),
        encoder: None,
        licence: Some("Apache-2.0"),
        citation: LIMITS,
        notes,
    }
}

/// Rounded size of a DenseNet whose file nobody has measured in public: that of its siblings.
const ABOUT_A_DENSENET: u64 = 28_400_000;

const LIMITS: Citation = Citation {
    authors: "Joseph Paul Cohen, Mohammad Hashir, Rupert Brooks, Hadrien Bertrand",
    title: "On the limits of cross-domain generalization in automated X-ray prediction",
    venue: "Medical Imaging with Deep Learning, arXiv:2002.02497",
    year: Some(2020),
};

const NIH_SEEN: &str = "it has seen films of NIH ChestX-ray14: results on NIH films are not results on unseen patients";
const MIMIC_GAPS: &str = "Infiltration, Emphysema, Fibrosis, Pleural_Thickening, Nodule, Mass and Hernia are untrained outputs without a name";
const ONE_FILE_LICENCE: &str = "the licence is that of the torchxrayvision repository, which hosts the file";

/// In the order of torchxrayvision's own list, then the others.
pub const ENTRIES: &[Entry] = &[
    densenet(
        "xrv-densenet121-all",
        "torchxrayvision DenseNet-121 at 224 px, 18 findings, trained on NIH, PadChest, CheXpert, MIMIC-CXR, Google, OpenI \
         and RSNA",
        &[densenet!("nih-pc-chex-mimic_ch-google-openi-kaggle")
            .bytes(28_382_008)
            .sha256("56524913dd16a906422e8d8b66a7a5c46be1d82eb7ac012d8103776f1aa68899")],
        "densenet121-res224-all",
        &[
            NIH_SEEN,
            "it has seen films of all seven data sets: none of them tests it on unseen patients",
            ONE_FILE_LICENCE,
        ],
    ),
    densenet(
        "xrv-densenet121-nih",
        "torchxrayvision DenseNet-121 at 224 px, 14 findings, trained on NIH ChestX-ray14",
        &[densenet!("nih").about(ABOUT_A_DENSENET)],
        "densenet121-res224-nih",
        &[NIH_SEEN, "the last four of its 18 outputs are untrained and have no name", ONE_FILE_LICENCE],
    ),
    densenet(
        "xrv-densenet121-pc",
        "torchxrayvision DenseNet-121 at 224 px, 15 findings, trained on PadChest",
        &[densenet!("pc").bytes(28_381_804).sha256("a9148ef62ae4e7a31a9bed8cef22811f39681cd61e4390398936efc6280af521")],
        "densenet121-res224-pc",
        &[
            "Lung Lesion, Lung Opacity and Enlarged Cardiomediastinum are untrained outputs without a name",
            ONE_FILE_LICENCE,
        ],
    ),
    densenet(
        "xrv-densenet121-chex",
        "torchxrayvision DenseNet-121 at 224 px, 11 findings, trained on CheXpert",
        &[densenet!("chex").about(ABOUT_A_DENSENET)],
        "densenet121-res224-chex",
        &[MIMIC_GAPS, ONE_FILE_LICENCE],
    ),
    densenet(
        "xrv-densenet121-rsna",
        "torchxrayvision DenseNet-121 at 224 px, Pneumonia and Lung Opacity, trained on the RSNA challenge",
        &[densenet!("kaggle").about(ABOUT_A_DENSENET)],
        "densenet121-res224-rsna",
        &[NIH_SEEN, "16 of its 18 outputs are untrained and have no name", ONE_FILE_LICENCE],
    ),
    densenet(
        "xrv-densenet121-mimic-nb",
        "torchxrayvision DenseNet-121 at 224 px, 11 findings, trained on MIMIC-CXR with NegBio labels",
        &[densenet!("mimic_nb").about(ABOUT_A_DENSENET)],
        "densenet121-res224-mimic_nb",
        &[MIMIC_GAPS, ONE_FILE_LICENCE],
    ),
    densenet(
        "xrv-densenet121-mimic-ch",
        "torchxrayvision DenseNet-121 at 224 px, 11 findings, trained on MIMIC-CXR with CheXpert labels",
        &[densenet!("mimic_ch")
            .bytes(28_382_012)
            .sha256("23b13a04459684ffa41247d068207a7657b4e1b4dec2b02431f5026bd75b1189")],
        "densenet121-res224-mimic_ch",
        &[MIMIC_GAPS, ONE_FILE_LICENCE],
    ),
    Entry {
        name: "xrv-resnet50-all",
        what: "torchxrayvision ResNet-50 at 512 px, 18 findings, trained on PadChest, NIH, RSNA, SIIM and VinBigData",
        gives: &[Encoder, Classifier],
        files: &[file(
            "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
            "https://github.com/mlmed/torchxrayvision/releases/download/v1/\
             pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
        )
        .about(94_400_000)],
        labels: Some("resnet50-res512-all"),
        encoder: None,
        licence: Some("Apache-2.0"),
        citation: Citation {
            authors: "Joseph Paul Cohen, Joseph D. Viviano, Paul Bertin, Paul Morrison, Parsa Torabian, Matteo Guarrera, \
                      Matthew P. Lungren, Akshay Chaudhari, Rupert Brooks, Mohammad Hashir, Hadrien Bertrand",
            title: "TorchXRayVision: A library of chest X-ray datasets and models",
            venue: "Medical Imaging with Deep Learning, arXiv:2111.00595",
            year: Some(2022),
        },
        notes: &[
            "its published thresholds (0.502 to 0.538) look like the sigmoid of a probability: a score of 0.5 is then not \
             its operating point",
            NIH_SEEN,
            "Lung Lesion and Enlarged Cardiomediastinum have no threshold",
            ONE_FILE_LICENCE,
        ],
    },
    Entry {
        name: "xrv-autoencoder-101-elastic",
        what: "torchxrayvision ResNetAE at 224 px, the autoencoder of Gifsplanation, latent of 512 x 3 x 3",
        gives: &[Encoder, Decoder],
        files: &[file(
            "nihpcrsnamimic_ch-resnet101-2-ae-test2-elastic-e250.pt",
            "https://github.com/mlmed/torchxrayvision/releases/download/v1/\
             nihpcrsnamimic_ch-resnet101-2-ae-test2-elastic-e250.pt",
        )
        .about(124_500_000)],
        labels: None,
        encoder: None,
        licence: Some("Apache-2.0"),
        citation: Citation {
            authors: "Joseph Paul Cohen, Rupert Brooks, Sovann En, Evan Zucker, Anuj Pareek, Matthew P. Lungren, Akshay \
                      Chaudhari",
            title: "Gifsplanation via Latent Shift: A Simple Autoencoder Approach to Counterfactual Generation for Chest \
                    X-rays",
            venue: "Medical Imaging with Deep Learning, arXiv:2102.09475",
            year: Some(2021),
        },
        notes: &[
            "trained on NIH, PadChest, RSNA and MIMIC-CXR; the library's text also names CheXpert, which its author \
             corrected",
            "it has no classifier: pair it with one of torchxrayvision's",
            NIH_SEEN,
            ONE_FILE_LICENCE,
        ],
    },
    Entry {
        name: "jfhealthcare-densenet121",
        what: "jfhealthcare's DenseNet-121 at 512 px, 5 findings, trained on CheXpert by the first of its challenge",
        gives: &[Encoder, Classifier],
        files: &[file(
            "baseline_models_jfhealthcare-DenseNet121_pre_train.pth",
            "https://github.com/mlmed/torchxrayvision/releases/download/v1/\
             baseline_models_jfhealthcare-DenseNet121_pre_train.pth",
        )
        .about(50_100_000)],
        labels: Some("jfhealthcare"),
        encoder: None,
        licence: Some("Apache-2.0"),
        citation: Citation {
            authors: "Wenwu Ye, Jin Yao, Hui Xue, Yi Li",
            title: "Weakly Supervised Lesion Localization With Probabilistic-CAM Pooling",
            venue: "arXiv:2005.14480",
            year: Some(2020),
        },
        notes: &[
            "the file is torchxrayvision's copy; the authors' own is config/pre_train.pth in jfhealthcare/Chexpert",
            "the authors also equalise, blur and pad films, which torchxrayvision leaves out",
            "no thresholds are published",
        ],
    },
    Entry {
        name: "zech-chexnet",
        what: "reproduce-chexnet of John Zech, DenseNet-121 at 224 px, 14 findings, trained on NIH ChestX-ray14 in 2022",
        gives: &[Encoder, Classifier],
        files: &[file("checkpoint", "https://github.com/jrzech/reproduce-chexnet/raw/master/pretrained/checkpoint")],
        labels: Some("zech"),
        encoder: None,
        licence: Some("BSD-3-Clause"),
        citation: ZECH,
        notes: &[NIH_SEEN, "no thresholds are published"],
    },
    Entry {
        name: "zech-chexnet-2018",
        what: "the first reproduce-chexnet of John Zech, DenseNet-121 at 224 px, 14 findings, trained on NIH in 2018",
        gives: &[Encoder, Classifier],
        files: &[file(
            "checkpoint",
            "https://github.com/jrzech/reproduce-chexnet/raw/master/pretrained-old/checkpoint",
        )],
        labels: Some("zech"),
        encoder: None,
        licence: Some("BSD-3-Clause"),
        citation: ZECH,
        notes: &[
            NIH_SEEN,
            "the picture in the repository's notebook was made with this one",
            "no thresholds are published",
        ],
    },
    Entry {
        name: "arnoweng-chexnet",
        what: "CheXNet as rebuilt by Weng and others, DenseNet-121 at 224 px, 14 findings, trained on NIH ChestX-ray14",
        gives: &[Encoder, Classifier],
        files: &[file("model.pth.tar", "https://github.com/arnoweng/CheXNet/raw/master/model.pth.tar")],
        labels: Some("arnoweng"),
        encoder: None,
        licence: None,
        citation: Citation {
            authors: "Xinyu Weng, Nan Zhuang, Jingjing Tian, Yingcheng Liu",
            title: "CheXNet for Classification and Localization of Thoracic Diseases",
            venue: "repository arnoweng/CheXNet",
            year: None,
        },
        notes: &[
            NIH_SEEN,
            "its published AUC is the mean over ten crops of each film; one crop gives less",
            "no thresholds are published",
        ],
    },
];

const ZECH: Citation = Citation {
    authors: "John Zech",
    title: "reproduce-chexnet",
    venue: "repository jrzech/reproduce-chexnet",
    year: Some(2018),
};
